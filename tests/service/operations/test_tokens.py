"""Tokens and the audit log on SQLite and on PostgreSQL; what each person may is tested through the API."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from ovh_spawner.errors import PermissionDeniedError, UnauthenticatedError, WrongStateError
from ovh_spawner.service.operations import tokens as operations
from ovh_spawner.service.operations.audit import AuditQuery
from tests.support.world import ANN, BOB, BOSS

CI = {"name": "ci", "role": "operator", "labelSelector": "team=red"}


async def test_tokens_live_on_every_database(world):
    tokens, checks = world.service.operations.tokens, world.service.operations.token_checks
    made = await tokens.create(ANN, CI)
    world.clock.advance(minutes=1)
    second = await tokens.create(ANN, {"name": "second", "role": "read"})
    await tokens.create(BOB, CI)

    person = await checks.authenticate(made.value)
    await world.service.means.background.settled("")
    page = await tokens.list(ANN, size=1)

    assert (person.name, person.token.id, person.token.version) == ("ann", made.view.id, 1)
    assert person.token.selector.pairs == (("team", "red"),)
    assert ([view.id for view in page.items], page.total) == ([second.view.id], 2)
    assert (await tokens.list(BOSS)).total == 3
    assert (await tokens.get(ANN, made.view.id)).last_used_at == world.clock()
    await tokens.delete(ANN, made.view.id)
    with pytest.raises(UnauthenticatedError):
        await checks.authenticate(made.value)
    assert await checks.person_of_token(made.view.id, 1) is None


async def test_of_two_renewals_at_once_one_value_works_in_the_end(world):
    tokens, checks = world.service.operations.tokens, world.service.operations.token_checks
    made = await tokens.create(ANN, CI)

    answers = await asyncio.gather(
        *(tokens.renew(ANN, made.view.id) for _ in range(4)), return_exceptions=True
    )

    renewed = [answer for answer in answers if not isinstance(answer, Exception)]
    assert all(isinstance(answer, WrongStateError) for answer in answers if isinstance(answer, Exception))
    assert sorted(each.view.version for each in renewed) == list(range(2, 2 + len(renewed)))
    [last] = [each for each in renewed if each.view.version == len(renewed) + 1]
    good = []
    for each in [made, *renewed]:
        try:
            await checks.authenticate(each.value)
            good.append(each)
        except UnauthenticatedError:
            pass
    assert good == [last]
    assert await checks.person_of_token(made.view.id, last.view.version) is not None
    assert await checks.person_of_token(made.view.id, 1) is None


async def test_nobody_fills_the_table(world, monkeypatch):
    monkeypatch.setattr(operations, "MAX_TOKENS", 2)
    tokens = world.service.operations.tokens
    first = await tokens.create(ANN, CI)
    await tokens.create(ANN, CI)

    with pytest.raises(PermissionDeniedError, match="delete some"):
        await tokens.create(ANN, CI)

    await tokens.create(BOB, CI)
    await tokens.delete(ANN, first.view.id)
    await tokens.create(ANN, CI)


async def test_the_database_itself_refuses_to_change_the_audit_log(world, database_url):
    await world.service.operations.tokens.create(ANN, CI)
    statements = ["UPDATE audit SET actor = 'eve'", "DELETE FROM audit"]
    engine = create_async_engine(database_url)
    if engine.dialect.name == "postgresql":
        statements.append("TRUNCATE audit")
    try:
        for statement in statements:
            with pytest.raises(Exception, match="append-only"):
                async with engine.begin() as connection:
                    await connection.execute(text(statement))
    finally:
        await engine.dispose()

    [entry] = (await world.service.operations.audit.list(BOSS, AuditQuery())).items
    assert (entry.actor, entry.action, entry.name) == ("ann", "token.create", "ci")


async def test_an_entry_stands_exactly_when_what_it_tells_of_does(world):
    made = await world.stopped()
    ledger = world.service.means.ledger

    async def fail():
        async with ledger.writing() as unit:
            await unit.tokens.remove(made.id)
            await world.notebooks._audit(unit, ANN, operations.Act.NOTEBOOK_DELETE, of=notebook)
            raise ZeroDivisionError

    async with ledger.reading() as unit:
        notebook = await unit.notebooks.find(made.id)
    with pytest.raises(ZeroDivisionError):
        await fail()

    found = await world.service.operations.audit.export(BOSS, AuditQuery(target=str(made.id)))
    assert [entry.action for entry in found] == ["notebook.stop", "notebook.create"]
