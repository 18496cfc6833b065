"""Which key enters which notebook over SSH."""

from uuid import UUID, uuid4

import pytest

from ovh_spawner.contract.ssh import SshAnswer, SshEntry, tunnel_token
from ovh_spawner.domain.states import RunState
from ovh_spawner.service.db.audit import AuditFilter
from tests.domain.building import KEY
from tests.support.world import ANN, World

BARE = " ".join(KEY.split()[:2])
OTHER = BARE[:-8] + "b3RoZXIh"


@pytest.fixture
async def offering(tmp_path):
    """A service that offers SSH."""
    world = World(tmp_path, f"sqlite+aiosqlite:///{tmp_path}/ledger.sqlite", ssh={"enabled": True})
    await world.start()
    yield world
    await world.close()


def _ssh(world):
    return world.service.operations.ssh


async def test_a_key_of_a_running_notebook_is_shown_the_way(offering):
    notebook = await offering.running(ANN, sshPublicKeys=[KEY])
    run = notebook.last_run.id
    offering.runner.addresses[run] = "10.1.2.3:8888"

    answer = await _ssh(offering).authorize(notebook.id, BARE)

    assert answer.allowed
    assert (answer.run, answer.address) == (run, "10.1.2.3:8888")
    assert answer.prefix == f"/user/ann/{notebook.server_name}/"
    async with offering.service.means.ledger.reading() as unit:
        record = await unit.notebooks.find(notebook.id)
    assert answer.token.get_secret_value() == tunnel_token(record.cookie_key.get_secret_value(), run)
    assert "10.1.2.3" not in repr(answer.token)


async def test_other_keys_and_unknown_notebooks_get_the_same_answer(offering):
    notebook = await offering.running(ANN, sshPublicKeys=[KEY])
    keyless = await offering.running(ANN)

    answers = [
        await _ssh(offering).authorize(*question)
        for question in [
            (notebook.id, OTHER),
            (notebook.id, ""),
            (keyless.id, BARE),
            (uuid4(), BARE),
            (UUID(int=0), ""),
        ]
    ]

    assert answers == [SshAnswer()] * 5


async def test_a_key_of_a_notebook_that_does_not_run_hears_its_state(offering):
    notebook = await offering.stopped(ANN, sshPublicKeys=[KEY], name="mine")

    answer = await _ssh(offering).authorize(notebook.id, BARE)

    assert answer.allowed
    assert (answer.run, answer.address, answer.token) == (None, "", None)
    assert answer.message == "Notebook 'mine' is STOPPED. Start it, then connect again."


async def test_a_notebook_that_stops_is_closed_before_it_is_gone(offering):
    notebook = await offering.running(ANN, sshPublicKeys=[KEY])

    await offering.report(notebook.last_run.id, RunState.STOPPING)

    assert (await _ssh(offering).authorize(notebook.id, BARE)).run is None


async def test_keys_change_while_the_notebook_runs_and_count_at_once(offering):
    notebook = await offering.running(ANN, sshPublicKeys=[KEY])

    await offering.notebooks.update(ANN, notebook.id, {"sshPublicKeys": []})
    assert await _ssh(offering).authorize(notebook.id, BARE) == SshAnswer()
    await offering.notebooks.update(ANN, notebook.id, {"sshPublicKeys": [KEY]})
    assert (await _ssh(offering).authorize(notebook.id, BARE)).allowed


async def test_a_deleted_notebook_knows_no_key(offering):
    notebook = await offering.stopped(ANN, sshPublicKeys=[KEY])

    await offering.notebooks.delete(ANN, notebook.id, force=True)
    await offering.reconcile()

    assert await _ssh(offering).authorize(notebook.id, BARE) == SshAnswer()


async def test_the_command_is_shown_where_there_is_a_key_and_an_endpoint(offering):
    with_key = await offering.running(ANN, sshPublicKeys=[KEY])
    without = await offering.running(ANN)

    assert with_key.ssh_command == f"ssh -p 2222 {with_key.id}@127.0.0.1"
    assert with_key.ssh_url == f"ssh://{with_key.id}@127.0.0.1:2222"
    assert (without.ssh_command, without.ssh_url) == ("", "")


async def test_who_came_in_is_in_the_audit_log_with_the_key_s_fingerprint(offering):
    notebook = await offering.running(ANN, sshPublicKeys=[KEY])

    for key in (BARE, OTHER):
        entry = SshEntry(notebook=notebook.id, key=key, address="192.0.2.7")
        await _ssh(offering).record_entry(entry)

    async with offering.service.means.ledger.reading() as unit:
        entries = await unit.audit.list_page(AuditFilter(), skip=0, limit=50)
    (entry,) = [each for each in entries if each.action == "notebook.ssh"]
    assert entry.target == str(notebook.id)
    assert entry.address == "192.0.2.7"
    assert entry.credential.startswith("ssh:SHA256:")
    assert BARE.split()[1] not in repr(entry)
