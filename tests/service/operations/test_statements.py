from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ovh_spawner.domain.billing import Period
from ovh_spawner.domain.states import NotebookState, RunState
from ovh_spawner.service.operations.views import StatementQuery
from tests.support.world import ANN, BOB, BOSS, gpus, spec

MARCH = Period.month(2026, 3)
APRIL = Period.month(2026, 4)


async def run_for(world, seconds, actor=ANN, **changes):
    notebook = await world.running(actor, **changes)
    world.clock.advance(seconds=seconds)
    await world.end(notebook)
    return notebook


async def statement(world, actor=ANN, period=MARCH, **query):
    return await world.service.operations.statements.statement(actor, period, StatementQuery(**query))


@pytest.mark.parametrize(("seconds", "minutes"), [(0, 1), (1, 1), (59, 1), (60, 1), (61, 2)])
async def test_each_commenced_minute_counts(world, seconds, minutes):
    await run_for(world, seconds)
    [line] = (await statement(world)).lines

    assert line.minutes == minutes
    assert line.cost * 60 == line.rate_per_hour * minutes


async def test_minutes_belong_to_the_month_in_which_they_commenced(world):
    world.clock.time = datetime(2026, 3, 31, 23, 58, 30, tzinfo=UTC)
    await run_for(world, 200)

    march, april = await statement(world), await statement(world, period=APRIL)
    assert (march.minutes, april.minutes) == (2, 2)


async def test_a_running_notebook_is_counted_up_to_now_and_marked(world):
    await world.running()
    world.clock.advance(seconds=600)
    [line] = (await statement(world)).lines

    assert (line.minutes, line.running_now) == (10, True)


async def test_people_see_their_own_costs_and_an_admin_everybodys(world):
    await run_for(world, 60, ANN)
    await run_for(world, 120, BOB)

    assert (await statement(world)).minutes == 1
    assert (await statement(world, ANN, user="bob")).minutes == 0
    assert (await statement(world, BOSS)).minutes == 3
    assert (await statement(world, BOSS, user="bob")).minutes == 2


async def test_lines_are_grouped_as_asked_and_always_add_up(world):
    first = await run_for(world, 60, name="one")
    await world.notebooks.start(ANN, first.id)
    again = await world.until_state(first.id, NotebookState.RUNNING)
    world.clock.advance(seconds=120)
    await world.end(again)
    await run_for(world, 300, name="two", resources=gpus(2))

    by = {group: await statement(world, group_by=group) for group in ("run", "notebook", "user", "project")}
    assert {group: len(found.lines) for group, found in by.items()} == {
        "run": 3,
        "notebook": 2,
        "user": 1,
        "project": 1,
    }
    assert {found.total for found in by.values()} == {by["run"].total}
    assert {found.minutes for found in by.values()} == {8}
    assert by["user"].lines[0].rate_per_hour is None
    only = await statement(world, notebook=first.id)
    assert [(line.notebook_name, line.runs) for line in only.lines] == [("one", 2)]


async def test_only_the_total_is_rounded(world):
    for _ in range(3):
        await run_for(world, 60)
    found = await statement(world, group_by="run")
    exact = sum(line.cost for line in found.lines)

    assert found.total == exact.quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")
    assert len(str(found.lines[0].cost)) >= 4


async def test_a_run_that_never_ran_is_in_no_statement(world):
    world.hub.spawn = None
    created = await world.notebooks.create(ANN, spec())
    opened = await world.open("ann", created.server_name, created.id)
    await world.report(opened.run, RunState.FAILED)

    assert (await statement(world)).lines == ()


async def test_many_runs_are_streamed_in_order(world):
    notebook = await run_for(world, 1)
    for _ in range(12):
        opened = await world.open("ann", notebook.server_name, notebook.id)
        await world.report(opened.run, RunState.RUNNING)
        world.clock.advance(seconds=61)
        await world.report(opened.run, RunState.STOPPING, at=world.clock() - timedelta(seconds=1))
        await world.report(opened.run, RunState.STOPPED)

    found = await statement(world, group_by="run")
    assert [line.minutes for line in found.lines] == [1] * 13
