"""The hub's REST door of servers: what it keeps of what it is sent, and what it refuses."""

import logging

import jupyterhub
import pytest
from sqlalchemy import event

SECRET = "a value that nobody may read"
OPTIONS = {"envVars": [{"name": "KEY", "value": SECRET}]}

only_6 = pytest.mark.skipif(jupyterhub.version_info[0] < 6, reason="JupyterHub 5 has no such method")


def kept(alice) -> str:
    return repr({name: row.user_options for name, row in alice.user.orm_user.orm_spawners.items()})


@pytest.mark.parametrize(
    "body", [OPTIONS, {"user_options": OPTIONS}, {"user_options": OPTIONS, "display_name": "x"}]
)
@only_6
async def test_a_server_made_without_a_start_takes_no_options(person, body):
    alice = await person()

    answer = await alice.api("PUT", alice.server("nb-one"), json=body)

    assert answer.status_code == 400
    assert "POST" in answer.json()["message"]
    assert SECRET not in kept(alice)


@only_6
async def test_a_server_can_be_made_without_a_start(person):
    alice = await person()

    bare = await alice.api("PUT", alice.server("nb-one"))
    named = await alice.api("PUT", alice.server("nb-two"), json={"display_name": "My notebook"})

    assert (bare.status_code, named.status_code) == (201, 201)


@pytest.mark.parametrize("server", ["nb-one", ""])
@only_6
async def test_changed_options_are_refused_kept_nowhere_and_not_logged(person, caplog, server):
    alice = await person()
    await alice.api("POST", alice.server("nb-one"), json={})
    await alice.api("DELETE", alice.server("nb-one"))
    alice.user.get_spawner("")
    before = kept(alice)
    caplog.set_level(logging.DEBUG)

    answer = await alice.api("PATCH", alice.server(server), json={"user_options": OPTIONS})

    assert answer.status_code == 400
    assert kept(alice) == before
    assert SECRET not in caplog.text


@only_6
async def test_a_notebooks_server_keeps_its_name(person):
    alice = await person()
    await alice.api("POST", alice.server("nb-one"), json={})
    await alice.api("DELETE", alice.server("nb-one"))

    answer = await alice.api("PATCH", alice.server("nb-one"), json={"name": "nb-two"})
    label = await alice.api("PATCH", alice.server("nb-one"), json={"display_name": "Another word"})

    assert answer.status_code == 400
    assert "cannot be renamed" in answer.json()["message"]
    assert label.status_code == 200
    assert "nb-one" in alice.user.orm_user.orm_spawners


@pytest.mark.parametrize("refused", [False, True])
async def test_what_options_hold_never_reaches_the_hubs_database(service, person, refused):
    alice = await person()
    if refused:
        service.refuse("resolve", 400, "envVars: may hold secrets.", code="invalid")
    written = []
    event.listen(
        alice.hub.db.get_bind(),
        "before_cursor_execute",
        lambda _connection, _cursor, statement, values, *_: written.append(f"{statement} {values}"),
    )

    answer = await alice.api("POST", alice.server("nb-one"), json=OPTIONS)

    assert answer.status_code == (400 if refused else 201), answer.text
    assert any("INSERT INTO spawners" in text for text in written)
    assert not [text for text in written if SECRET in text]


async def test_the_service_is_asked_once_at_each_start_what_options_mean(service, person):
    alice = await person()

    for count in (1, 2):
        await alice.api("POST", alice.server("nb-one"), json={"labels": {"try": str(count)}})
        await alice.api("DELETE", alice.server("nb-one"))

        assert [asked["options"]["labels"]["try"] for asked in service.resolved] == ["1", "2"][:count]


async def test_strangers_hear_nothing_of_the_rules(person):
    alice = await person()
    bob = await person("bob")

    answer = await bob.api("PATCH", alice.server("nb-one"), json={"name": "nb-two"})

    assert answer.status_code in {404, 405}
