from dataclasses import replace

import pytest

from ovh_spawner.contract.runs import ResolveRequest
from ovh_spawner.contract.sync import SyncState
from ovh_spawner.domain.billing import Period
from ovh_spawner.domain.labels import platform_labels
from ovh_spawner.domain.states import NotebookState, RunState
from ovh_spawner.errors import InvalidSpecError, NotFoundError, PermissionDeniedError, WrongStateError
from ovh_spawner.service.operations.views import ListQuery
from ovh_spawner.service.runners.base import RunEvidence, RunLife
from tests.support.fake_hub_servers import Manner
from tests.support.world import ANN, BOB, BOSS, RO, RW, gpus, spec, until

ALIVE = RunEvidence(RunLife.ALIVE)


async def test_a_created_notebook_starts_at_its_final_address(world):
    world.hub.manner = Manner.FORGETS
    created = await world.notebooks.create(ANN, spec(name="first"))
    await until(lambda: world.hub.bodies, what="the hub's start")

    assert created.state is NotebookState.STARTING
    assert created.url == f"http://127.0.0.1:8000/user/ann/{created.server_name}/"
    assert created.code == "NOTEBOOK_STARTING"
    assert created.labels == platform_labels(created.id)
    assert world.hub.bodies[0] == {
        "user_options": {"notebook": str(created.id), "revision": 1},
        "display_name": "first",
    }


async def test_hub_5_gets_the_reference_alone(world):
    world.hub.version = "5.5.1"
    notebook = await world.running()

    assert world.hub.bodies == [{"notebook": str(notebook.id), "revision": 1}]


async def test_stop_and_start_keep_id_and_address(world):
    first = await world.running()
    world.clock.advance(seconds=90)
    world.hub.on_stop = lambda *_: world.report(first.last_run.id, RunState.STOPPED)
    await world.notebooks.stop(ANN, first.id)
    stopped = await world.until_state(first.id, NotebookState.STOPPED)
    await world.notebooks.start(ANN, first.id)
    again = await world.until_state(first.id, NotebookState.RUNNING)

    assert (again.id, again.url) == (first.id, first.url)
    assert (stopped.duration, again.duration) == (90, 90)
    assert again.last_run.id != first.last_run.id


@pytest.mark.parametrize("order", ["start", "stop"])
async def test_orders_in_the_wrong_state_are_refused_with_the_state(world, order):
    running, stopped = await world.running(), await world.stopped()

    with pytest.raises(WrongStateError, match="RUNNING" if order == "start" else "STOPPED"):
        await getattr(world.notebooks, order)(ANN, (running if order == "start" else stopped).id)


async def test_others_learn_nothing_of_a_notebook_and_an_admin_sees_it(world):
    notebook = await world.running()
    n = world.notebooks
    attempts = [
        n.get(BOB, notebook.id),
        n.update(BOB, notebook.id, {"name": "mine"}),
        n.set_label(BOB, notebook.id, name="a", value="b"),
        n.start(BOB, notebook.id),
        n.stop(BOB, notebook.id),
        n.delete(BOB, notebook.id, force=True),
        n.get_for_open(BOB, notebook.id),
        world.service.operations.sync.request(BOB, notebook.id, {"direction": "push"}),
        world.service.operations.sync.list(BOB, notebook.id),
        world.service.operations.access.issue_code(BOB, notebook.id, notebook.last_run.id),
    ]
    for attempt in attempts:
        with pytest.raises(NotFoundError):
            await attempt

    assert (await n.list(BOB, ListQuery())).total == 0
    assert (await n.list(BOB, ListQuery(user="ann"))).total == 0
    assert (await n.get(BOSS, notebook.id)).id == notebook.id
    assert (await n.list(BOSS, ListQuery(user="ann"))).total == 1
    with pytest.raises(PermissionDeniedError):
        await n.get_for_open(BOSS, notebook.id)


async def test_lists_are_filtered_sorted_and_paged(world):
    a = await world.running(name="a", labels={"team": "red", "kind": "x"})
    world.clock.advance(seconds=1)
    b = await world.stopped(name="b", labels={"team": "red"})
    world.clock.advance(seconds=1)
    c = await world.running(name="c", labels={"team": "blue"})

    async def names(**query):
        return [n.spec.name for n in (await world.notebooks.list(ANN, ListQuery(**query))).items]

    assert await names() == ["c", "b", "a"]
    assert await names(sort="name", order="asc") == ["a", "b", "c"]
    assert await names(states=frozenset({NotebookState.STOPPED})) == ["b"]
    assert await names(states=frozenset({NotebookState.RUNNING}), sort="name", order="asc") == ["a", "c"]
    assert await names(label_selector="team=red") == ["b", "a"]
    assert await names(label_selector="team=red,kind=x") == ["a"]
    assert await names(label_selector=f"ovh/id={c.id}") == ["c"]
    assert await names(label_selector=f"ovh/id={c.id},team=red") == []
    assert await names(label_selector="ovh/id=c") == []
    assert await names(label_selector="ovh/type=notebook,kind=x") == ["a"]
    assert await names(label_selector="ovh/type=job") == []
    assert await names(updated_after=a.updated_at) == ["c", "b"]
    assert await names(updated_before=b.updated_at) == ["a"]
    page = await world.notebooks.list(ANN, ListQuery(page=2, size=2))
    assert ([n.spec.name for n in page.items], page.total, page.page_count) == (["a"], 3, 2)
    with pytest.raises(InvalidSpecError, match="sort"):
        await names(sort="colour")


async def test_labels_and_name_change_at_any_time_the_rest_only_when_it_does_not_run(world):
    notebook = await world.running()
    await world.notebooks.update(ANN, notebook.id, {"name": "new name", "labels": {"a": "1"}})
    await world.notebooks.set_label(ANN, notebook.id, name="b", value="2")
    await world.notebooks.set_label(ANN, notebook.id, name="a", value=None)
    with pytest.raises(WrongStateError, match="RUNNING"):
        await world.notebooks.update(ANN, notebook.id, {"resources": {"flavor": "ai1-1-cpu", "cpu": 2}})
    await world.end(notebook)
    await world.notebooks.update(ANN, notebook.id, {"resources": {"flavor": "ai1-1-cpu", "cpu": 2}})
    view = await world.notebooks.get(ANN, notebook.id)

    assert (view.spec.name, view.spec.labels, view.spec.count) == ("new name", {"b": "2"}, 2)


async def test_reserved_labels_are_refused(world):
    notebook = await world.running()

    with pytest.raises(InvalidSpecError, match="reserved"):
        await world.notebooks.set_label(ANN, notebook.id, name="ovh/id", value="7")


async def test_deleting_a_running_notebook_needs_force_which_ends_and_removes_it(world):
    notebook = await world.running(volumes=[RW])
    world.runner.runs[notebook.last_run.id] = ALIVE
    with pytest.raises(WrongStateError, match="force"):
        await world.notebooks.delete(ANN, notebook.id)
    world.clock.advance(seconds=60)
    await world.notebooks.delete(ANN, notebook.id, force=True)
    await until(lambda: world.runner.removed, what="the removal of the files")
    await until(lambda: _is_gone(world, notebook.id), what="the notebook's end")

    assert world.runner.removed == [notebook.id]
    assert world.runner.jobs == []
    assert world.runner.runs[notebook.last_run.id].life is RunLife.GONE
    assert world.hub.servers == {}
    statement = await world.service.operations.statements.statement(ANN, _march())
    assert statement.minutes == 1


async def test_a_stopped_notebook_is_deleted_without_force_and_its_server_name_is_free_again(world):
    notebook = await world.stopped()
    await world.notebooks.delete(ANN, notebook.id)
    await until(lambda: _is_gone(world, notebook.id), what="the notebook's end")
    again = await world.notebooks.resolve(_request(notebook.server_name, spec()))

    assert again.notebook != notebook.id
    with pytest.raises(NotFoundError):
        await world.open("ann", notebook.server_name, notebook.id)


async def test_files_wait_for_the_hub_when_it_is_down(world):
    notebook = await world.stopped()
    world.hub.manner = Manner.IS_DOWN
    await world.notebooks.delete(ANN, notebook.id)
    await until(lambda: len(world.hub.calls) > 5, what="some tries")
    waiting = await world.notebooks.get(ANN, notebook.id)
    assert world.runner.removed == []
    world.hub.manner = Manner.WORKS

    assert waiting.state is NotebookState.DELETING
    await until(lambda: _is_gone(world, notebook.id), what="the notebook's end")
    assert world.runner.removed == [notebook.id]


async def test_what_the_hub_deletes_while_data_are_saved_is_saved_first(world):
    world.runner.usually = "running"
    notebook = await world.running(volumes=[RW])
    await world.end(notebook)
    job = await until(lambda: world.runner.jobs and world.runner.jobs[0], what="the push")
    await world.notebooks.delete_by_hub(notebook.id)
    await until(lambda: not world.hub.servers, what="the hub's removal")
    assert world.runner.removed == []
    world.runner.end(job.id)
    await until(lambda: _is_gone(world, notebook.id), what="the notebook's end")

    assert world.runner.removed == [notebook.id]


async def test_unsaved_data_call_a_deletion_by_the_hub_off(world):
    world.runner.outcomes = ["running"]
    notebook = await world.running(volumes=[RW])
    await world.end(notebook)
    job = await until(lambda: world.runner.jobs and world.runner.jobs[0], what="the push")
    await world.notebooks.delete_by_hub(notebook.id)
    world.runner.end(job.id, SyncState.FORBIDDEN)
    await world.until_state(notebook.id, NotebookState.SYNC_FAILED)

    assert world.runner.removed == []


async def test_a_notebook_with_unsaved_data_is_deleted_with_force_only(world):
    world.runner.outcomes = [SyncState.FORBIDDEN]
    notebook = await world.running(volumes=[RW])
    await world.end(notebook)
    await world.until_state(notebook.id, NotebookState.SYNC_FAILED)

    with pytest.raises(WrongStateError, match="Push its data"):
        await world.notebooks.delete(ANN, notebook.id)
    await world.notebooks.delete_by_hub(notebook.id)
    await world.until_state(notebook.id, NotebookState.SYNC_FAILED)
    assert world.runner.removed == []
    await world.notebooks.delete(ANN, notebook.id, force=True)
    await until(lambda: _is_gone(world, notebook.id), what="the notebook's end")


async def test_a_deletion_that_was_cut_off_is_finished_by_the_next_service(world):
    notebook = await world.stopped()
    await world.service.means.background.close()
    await world.notebooks.delete(ANN, notebook.id)
    await world.restart()
    await world.reconcile()

    await until(lambda: _is_gone(world, notebook.id), what="the notebook's end")


async def test_a_bucket_to_read_from_that_is_not_there_is_refused_at_creation(world):
    world.runner.missing_buckets = {"data", "results"}

    with pytest.raises(InvalidSpecError) as refusal:
        await world.notebooks.create(ANN, spec(volumes=[RW, RO]))
    [problem] = refusal.value.problems
    assert problem.field == "volumes[1].dataStore.container"
    assert "'data'" in problem.message
    assert (await world.notebooks.list(ANN, ListQuery())).total == 0


async def test_refused_credentials_are_told_at_creation_and_a_silent_store_is_not_waited_for(world):
    world.runner.bad_stores = {"DEMO"}
    with pytest.raises(InvalidSpecError, match="credentials"):
        await world.notebooks.create(ANN, spec(volumes=[RO]))
    world.runner.silent = True

    assert (await world.running(volumes=[RO])).state is NotebookState.RUNNING


async def test_the_command_repeats_what_was_asked_and_stores_nothing(world):
    command = await world.notebooks.command(ANN, spec(name="my notebook", resources=gpus(2)))

    assert command.startswith("ovhai notebook run conda jupyterlab")
    assert "'my notebook'" in command
    assert (await world.notebooks.list(ANN, ListQuery())).total == 0


async def test_secrets_are_sealed_in_the_database(world, tmp_path):
    secret = "correct horse battery"
    notebook = await world.stopped(envVars=[{"name": "KEY", "value": secret}])
    opened = await world.open("ann", notebook.server_name, notebook.id)
    files = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.sqlite*"))

    assert opened.environment["KEY"] == secret
    for hidden in (secret, opened.cookie_key, opened.gateway_token):
        assert hidden.encode() not in files
    assert secret not in repr(notebook)


async def test_names_that_urls_must_escape_lead_to_the_hubs_own_address(world):
    odd = replace(ANN, name="jo doe/x")
    world.hub.manner = Manner.FORGETS
    created = await world.notebooks.create(odd, spec())

    assert "/user/jo%20doe%2Fx/nb-" in created.url


async def _is_gone(world, notebook):
    try:
        await world.notebooks.get(BOSS, notebook)
    except NotFoundError:
        return True
    return False


def _march():
    return Period.month(2026, 3)


def _request(server_name, options, *, user="ann", door="form"):
    return ResolveRequest(user=user, server_name=server_name, options=options, door=door)
