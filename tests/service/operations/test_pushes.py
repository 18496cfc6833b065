import asyncio

import pytest

from ovh_spawner.contract.sync import SyncDirection, SyncState
from ovh_spawner.domain.states import NotebookState, RunState
from ovh_spawner.errors import InvalidSpecError, WrongStateError
from ovh_spawner.service.operations.sync_worker import SyncWorker
from ovh_spawner.service.runners.base import NotYetError
from tests.support.world import ANN, RO, RW, until

PUSH = {"direction": "push", "manual": True}
PULL = {"direction": "pull", "manual": True}


async def test_after_the_end_the_writable_volumes_are_pushed_then_it_is_stopped(world):
    notebook = await world.stopped(volumes=[RW, RO])

    [job] = world.runner.jobs
    assert job.direction is SyncDirection.PUSH
    assert [volume.mount_path for volume in job.volumes] == ["/workspace/out"]
    assert (await world.notebooks.get(ANN, notebook.id)).last_stopped_at == world.clock()


async def test_processes_are_ended_before_anything_is_saved(world):
    notebook = await world.stopped(volumes=[RW])

    assert world.runner.ended == [notebook.last_run.id]


async def test_read_only_volumes_and_repositories_are_never_pushed(world):
    git = {
        "mountPath": "/workspace/code",
        "permission": "RW",
        "publicGit": {"url": "https://example.org/x.git"},
    }
    await world.stopped(volumes=[RO, git])

    assert world.runner.jobs == []


async def test_a_failed_run_is_pushed_too_and_stays_failed(world):
    notebook = await world.running(volumes=[RW])
    await world.end(notebook, RunState.FAILED)
    await world.until_state(notebook.id, NotebookState.FAILED)

    assert len(world.runner.jobs) == 1


async def test_while_data_are_saved_it_is_stopping_and_a_start_is_refused_with_the_progress(world):
    world.runner.usually = "running"
    notebook = await world.running(volumes=[RW])
    await world.end(notebook)
    view = await world.until_state(notebook.id, NotebookState.STOPPING)
    view = await until(
        lambda: _with_message(world, view.id, "still saving: 1.2 of 3.4 GB"), what="the progress"
    )

    assert view.code == "NOTEBOOK_FINALIZING"
    with pytest.raises(WrongStateError, match=r"still saving: 1\.2 of 3\.4 GB"):
        await world.notebooks.start(ANN, notebook.id)
    with pytest.raises(WrongStateError, match="still saving"):
        await world.open("ann", notebook.server_name, notebook.id)


async def test_a_failed_push_keeps_the_files_and_a_manual_push_unlocks(world):
    world.runner.usually = SyncState.INVALID_CREDENTIALS
    notebook = await world.running(volumes=[RW])
    await world.end(notebook)
    failed = await world.until_state(notebook.id, NotebookState.SYNC_FAILED)
    with pytest.raises(WrongStateError, match="push"):
        await world.notebooks.start(ANN, notebook.id)
    world.runner.usually = SyncState.DONE
    sync = await world.service.operations.sync.request(ANN, notebook.id, PUSH)
    await world.until_state(notebook.id, NotebookState.STOPPED)

    assert "INVALID_CREDENTIALS" in failed.message
    assert "kept" in failed.message
    assert world.runner.removed == []
    assert sync.manual
    assert (await world.running()).state is NotebookState.RUNNING


@pytest.mark.parametrize("what", ["tries again", "gives up", "tells how far it is", "takes its try back"])
async def test_a_replica_that_was_slow_changes_nothing_of_a_push_that_is_over(world, what):
    world.runner.usually = "running"
    notebook = await world.running(volumes=[RW])
    await world.end(notebook)
    await until(lambda: world.runner.jobs, what="the push")
    async with world.service.means.ledger.reading() as unit:
        [known] = await unit.syncs.list_open(notebook.id)
    world.runner.end(known.id)
    await world.until_state(notebook.id, NotebookState.STOPPED)
    other = SyncWorker(world.service.means)
    match what:
        case "tries again":
            await other._start(known, attempts=known.attempts + 1)
        case "gives up":
            await other._settle(known, SyncState.FAILED, "It did not go.")
        case _:
            async with world.service.means.ledger.writing() as unit:
                if what == "takes its try back":
                    await unit.syncs.take_back(known, attempts=0, now=world.clock())
                else:
                    await unit.syncs.note_progress(known.id, (), world.clock())
    async with world.service.means.ledger.reading() as unit:
        after = await unit.syncs.find(known.id)
    assert (after.state, after.attempts, len(after.volumes)) == (SyncState.DONE, known.attempts, 1)

    assert len(world.runner.jobs) == 1
    assert (await world.notebooks.get(ANN, notebook.id)).state is NotebookState.STOPPED


@pytest.mark.parametrize("outcome", ["locked", "lost", "running"])
async def test_a_pull_does_not_outlive_its_notebook_and_undo_what_is_to_be_saved(world, outcome):
    notebook = await world.running(volumes=[RW])
    world.runner.usually = outcome
    pull = await world.service.operations.sync.request(ANN, notebook.id, PULL)
    await until(lambda: world.runner.jobs, what="the first try")
    world.runner.jobs.clear()

    await world.end(notebook)
    world.runner.usually = SyncState.DONE
    view = await world.until_state(notebook.id, NotebookState.STOPPED)

    assert {job.direction for job in world.runner.jobs} == {SyncDirection.PUSH}
    shown = {sync.id: sync for sync in await world.service.operations.sync.list(ANN, view.id)}
    assert shown[pull.id].state is SyncState.INTERRUPTED
    assert "your own files are saved instead" in shown[pull.id].message
    assert pull.id not in world.runner.syncs, "its processes are ended before the push begins"


async def test_no_push_begins_before_a_pull_of_an_ended_run_is_ended(world, monkeypatch):
    notebook = await world.running(volumes=[RW])
    world.runner.usually = "running"
    await world.service.operations.sync.request(ANN, notebook.id, PULL)
    await until(lambda: world.runner.jobs, what="the pull")
    world.runner.usually = SyncState.DONE
    refused, answers, end = [], asyncio.Event(), world.runner.end_sync

    async def end_sync(notebook, sync):
        if not answers.is_set():
            refused.append(sync)
            raise NotYetError("The place does not answer.")
        await end(notebook, sync)

    monkeypatch.setattr(world.runner, "end_sync", end_sync)
    await world.end(notebook)
    await until(lambda: _is_pushing(world, notebook.id), what="the push to be owed")
    refused.clear()
    await until(lambda: len(refused) > 3, what="the push to have had its turns")
    assert [job.direction for job in world.runner.jobs] == [SyncDirection.PULL]

    answers.set()
    await world.until_state(notebook.id, NotebookState.STOPPED)
    assert [job.direction for job in world.runner.jobs] == [SyncDirection.PULL, SyncDirection.PUSH]


async def test_pushing_one_of_two_unsaved_volumes_does_not_unlock(world):
    world.runner.usually = SyncState.FORBIDDEN
    notebook = await world.running(volumes=[RW, {**RW, "mountPath": "/workspace/more"}])
    await world.end(notebook)
    await world.until_state(notebook.id, NotebookState.SYNC_FAILED)
    world.runner.usually = SyncState.DONE
    first, second = notebook.spec.volumes
    await world.service.operations.sync.request(ANN, notebook.id, {**PUSH, "volume": str(first.id)})
    await until(lambda: _all_ended(world, notebook.id), what="the first push")
    still = await world.notebooks.get(ANN, notebook.id)
    await world.service.operations.sync.request(ANN, notebook.id, {**PUSH, "volume": str(second.id)})
    await world.until_state(notebook.id, NotebookState.STOPPED)

    assert still.state is NotebookState.SYNC_FAILED


async def test_a_manual_push_while_running_leaves_the_push_at_the_end_to_be_done(world):
    notebook = await world.running(volumes=[RW])
    await world.service.operations.sync.request(ANN, notebook.id, PUSH)
    await until(lambda: _all_ended(world, notebook.id), what="the manual push")
    world.clock.advance(seconds=5)
    await world.end(notebook)
    await world.until_state(notebook.id, NotebookState.STOPPED)

    assert [job.manual for job in world.runner.jobs] == [True, False]


async def test_a_push_that_failed_for_a_passing_reason_is_tried_again(world):
    world.runner.outcomes = [SyncState.TRANSIENT_ERROR, SyncState.TRANSIENT_ERROR]
    await world.stopped(volumes=[RW])

    assert len({job.id for job in world.runner.jobs}) == 1
    assert len(world.runner.jobs) == 3


async def test_after_some_tries_it_has_failed(world):
    world.runner.usually = SyncState.TRANSIENT_ERROR
    notebook = await world.running(volumes=[RW])
    await world.end(notebook)
    await world.until_state(notebook.id, NotebookState.SYNC_FAILED)

    assert len(world.runner.jobs) == 3


@pytest.mark.parametrize("outcome", ["lost", "locked", "unstartable"])
async def test_a_push_that_was_lost_locked_out_or_not_started_is_run_again(world, outcome):
    world.runner.outcomes = [outcome]
    await world.stopped(volumes=[RW])

    assert len({job.id for job in world.runner.jobs}) == 1


async def test_a_sync_that_always_vanishes_ends_in_sync_failed_not_in_a_loop(world):
    world.runner.usually = "lost"
    notebook = await world.running(volumes=[RW])
    await world.end(notebook)

    view = await world.until_state(notebook.id, NotebookState.SYNC_FAILED)
    assert "without a report" in view.message


async def test_a_push_goes_on_when_the_service_was_restarted_meanwhile(world):
    world.runner.usually = "running"
    notebook = await world.running(volumes=[RW])
    await world.end(notebook)
    job = await until(lambda: world.runner.jobs and world.runner.jobs[0], what="the push")
    await world.restart()
    world.runner.end(job.id)
    await world.reconcile()
    await world.until_state(notebook.id, NotebookState.STOPPED)

    assert len(world.runner.jobs) == 1


async def test_a_push_that_died_with_the_machine_is_run_again_under_its_own_id(world):
    world.runner.outcomes = ["running"]
    notebook = await world.running(volumes=[RW])
    await world.end(notebook)
    job = await until(lambda: world.runner.jobs and world.runner.jobs[0], what="the push")
    await world.service.stop()
    world.runner.syncs.clear()
    world.service = await world.new_service()
    await world.reconcile()
    await world.until_state(notebook.id, NotebookState.STOPPED)

    assert [again.id for again in world.runner.jobs] == [job.id, job.id]


async def test_a_push_that_the_service_owed_when_it_ended_is_started_by_the_next_one(world):
    notebook = await world.running(volumes=[RW])
    await world.service.means.background.close()
    await world.end(notebook)
    await world.restart()
    await world.reconcile()

    await world.until_state(notebook.id, NotebookState.STOPPED)


async def test_taking_the_volume_out_that_cannot_be_saved_unlocks_too(world):
    world.runner.usually = SyncState.FORBIDDEN
    notebook = await world.running(volumes=[RW])
    await world.end(notebook)
    await world.until_state(notebook.id, NotebookState.SYNC_FAILED)
    other = {**RW, "dataStore": {"alias": "DEMO", "container": "elsewhere"}}
    await world.notebooks.update(ANN, notebook.id, {"volumes": [other]})
    moved = await world.notebooks.get(ANN, notebook.id)
    await world.notebooks.update(ANN, notebook.id, {"volumes": []})
    given_up = await world.notebooks.get(ANN, notebook.id)

    assert moved.state is NotebookState.SYNC_FAILED
    assert given_up.state is NotebookState.STOPPED


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"direction": "sideways"}, "direction"),
        ({"direction": "push", "volume": "7"}, "volume"),
        ({"direction": "push", "fast": True}, ""),
        ("push", ""),
    ],
)
async def test_a_malformed_sync_request_names_its_field(world, data, field):
    notebook = await world.running(volumes=[RW])

    with pytest.raises(InvalidSpecError) as refusal:
        await world.service.operations.sync.request(ANN, notebook.id, data)
    assert [problem.field for problem in refusal.value.problems] == [field]


@pytest.mark.parametrize("direction", ["push", "pull"])
async def test_a_stopped_notebook_cannot_be_synced(world, direction):
    notebook = await world.stopped(volumes=[RW])

    with pytest.raises(WrongStateError, match="everything is saved"):
        await world.service.operations.sync.request(ANN, notebook.id, {"direction": direction})


async def _with_message(world, notebook, message):
    view = await world.notebooks.get(ANN, notebook)
    return view if view.message == message else None


async def _is_pushing(world, notebook):
    syncs = await world.service.operations.sync.list(ANN, notebook)
    return any(sync.direction is SyncDirection.PUSH for sync in syncs)


async def _all_ended(world, notebook):
    syncs = await world.service.operations.sync.list(ANN, notebook)
    return all(sync.ended_at for sync in syncs if sync.manual)
