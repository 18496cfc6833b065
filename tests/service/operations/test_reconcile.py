from datetime import timedelta
from uuid import UUID

import pytest

from ovh_spawner.domain.billing import Period
from ovh_spawner.domain.states import NotebookState, RunState
from ovh_spawner.service.runners.base import RunEvidence, RunLife
from tests.support.fake_hub_servers import Manner
from tests.support.world import ANN, RW, gpus, spec, until

ALIVE = RunEvidence(RunLife.ALIVE)
GONE = RunEvidence(RunLife.GONE)


async def _minutes(world):
    period = Period.month(2026, 3)
    return (await world.service.operations.statements.statement(ANN, period)).minutes


@pytest.mark.parametrize("manner", [Manner.FORGETS, Manner.REFUSES, Manner.IS_DOWN])
async def test_a_run_that_no_server_start_followed_is_closed_and_costs_nothing(world, manner):
    world.hub.manner = manner
    created = await world.notebooks.create(ANN, spec(resources=gpus(4)))
    world.clock.advance(seconds=121)
    await world.reconcile()
    view = await world.until_state(created.id, NotebookState.ERROR)

    assert "JupyterHub" in view.message
    assert await _minutes(world) == 0
    world.hub.manner = Manner.WORKS
    assert await world.running(resources=gpus(4))


async def test_the_hubs_own_words_are_in_the_message(world):
    world.hub.manner = Manner.REFUSES
    created = await world.notebooks.create(ANN, spec())
    await until(lambda: world.hub.bodies, what="the first refusal")
    world.clock.advance(seconds=121)
    view = await world.until_state(created.id, NotebookState.ERROR)

    assert "the cluster is full" in view.message


async def test_a_hub_that_was_down_gets_the_start_when_it_is_back(world):
    world.hub.manner = Manner.IS_DOWN
    created = await world.notebooks.create(ANN, spec())
    await until(lambda: world.hub.calls, what="the first try")
    world.hub.manner = Manner.WORKS

    await world.until_state(created.id, NotebookState.RUNNING)


async def test_a_start_that_the_service_owed_when_it_ended_is_ordered_by_the_next_one(world):
    await world.service.means.background.close()
    created = await world.notebooks.create(ANN, spec())
    await world.restart()
    await world.reconcile()

    await world.until_state(created.id, NotebookState.RUNNING)


async def test_a_vanished_process_ends_its_run_at_the_last_proof_of_life(world):
    notebook = await world.running(volumes=[RW])
    run = notebook.last_run.id
    world.runner.runs[run] = ALIVE
    world.clock.advance(seconds=90)
    await world.runs.heartbeat(run)
    world.runner.runs[run] = GONE
    world.clock.advance(hours=5)
    await world.reconcile()
    view = await world.until_state(notebook.id, NotebookState.FAILED)

    assert await _minutes(world) == 2
    assert "ended unexpectedly" in view.message
    assert len(world.runner.jobs) == 1


async def test_a_process_that_is_seen_is_a_proof_of_life(world):
    notebook = await world.running()
    run = notebook.last_run.id
    world.runner.runs[run] = ALIVE
    world.clock.advance(minutes=10)
    await world.reconcile()
    world.runner.runs[run] = GONE
    world.clock.advance(hours=1)
    await world.reconcile()

    assert await _minutes(world) == 10


async def test_a_recorded_end_counts_with_its_own_time(world):
    notebook = await world.running()
    ended_at = world.clock() + timedelta(seconds=61)
    world.runner.runs[notebook.last_run.id] = RunEvidence(RunLife.GONE, ended_at=ended_at, exit_code=1)
    world.clock.advance(hours=2)
    await world.reconcile()

    assert (await world.notebooks.get(ANN, notebook.id)).state is NotebookState.FAILED
    assert await _minutes(world) == 2


async def test_a_record_cannot_end_a_run_before_it_was_last_seen_alive(world):
    """The notebook's account can write the record, and would pay for a minute of a day."""
    notebook = await world.running()
    run, began = notebook.last_run.id, world.clock()
    world.runner.runs[run] = RunEvidence(RunLife.ALIVE)
    world.clock.advance(hours=10)
    await world.reconcile()
    early = began + timedelta(seconds=1)
    world.runner.runs[run] = RunEvidence(RunLife.GONE, ended_at=early, exit_code=0, ordered=True)
    await world.reconcile()

    assert (await world.notebooks.get(ANN, notebook.id)).state is NotebookState.STOPPED
    assert await _minutes(world) == 600


@pytest.mark.parametrize("facts", [{"exit_code": 0}, {"exit_code": 1, "ordered": True}])
async def test_an_editor_that_was_shut_down_properly_is_stopped(world, facts):
    notebook = await world.running()
    at = world.clock.advance(seconds=30)
    world.runner.runs[notebook.last_run.id] = RunEvidence(RunLife.GONE, ended_at=at, **facts)
    world.clock.advance(hours=1)
    await world.reconcile()

    assert (await world.notebooks.get(ANN, notebook.id)).state is NotebookState.STOPPED
    assert await _minutes(world) == 1


async def test_a_clock_that_was_set_back_keeps_no_hold_of_a_start_that_nobody_followed(world):
    world.hub.manner = Manner.FORGETS
    created = await world.notebooks.create(ANN, spec(resources=gpus(4)))
    world.clock.advance(hours=-5)
    await world.reconcile()

    await world.until_state(created.id, NotebookState.ERROR)
    world.hub.manner = Manner.WORKS
    assert await world.running(resources=gpus(4))


async def test_a_clock_that_was_set_back_keeps_no_vanished_run_open_and_dates_no_end_ahead(world):
    notebook = await world.running(resources=gpus(4))
    world.hub.servers.clear()
    now = world.clock.advance(hours=-5)
    await world.reconcile()
    view = await world.until_state(notebook.id, NotebookState.FAILED)

    assert view.last_run.ended_at <= now
    assert await _minutes(world) == 1


async def test_a_report_of_running_is_a_proof_of_life(world):
    async def spawn_slowly(user, server_name, options):
        opened = await world.open(user, server_name, UUID(options["notebook"]))
        world.clock.advance(minutes=10)
        await world.report(opened.run, RunState.RUNNING)

    world.hub.spawn = spawn_slowly
    notebook = await world.running()
    world.runner.runs[notebook.last_run.id] = GONE
    world.clock.advance(hours=1)
    await world.reconcile()
    view = await world.until_state(notebook.id, NotebookState.FAILED)

    assert view.last_run.ended_at == view.last_run.started_at


async def test_a_hub_that_does_not_answer_stops_nothing(world):
    notebook = await world.running()
    world.hub.manner = Manner.IS_DOWN
    world.clock.advance(hours=1)
    await world.reconcile()

    assert (await world.notebooks.get(ANN, notebook.id)).state is NotebookState.RUNNING


async def test_a_start_whose_hub_lost_it_fails_after_a_while(world):
    world.hub.manner = Manner.FORGETS
    created = await world.notebooks.create(ANN, spec())
    await world.open("ann", created.server_name, created.id)
    await world.reconcile()
    early = await world.notebooks.get(ANN, created.id)
    world.clock.advance(seconds=121)
    await world.reconcile()
    late = await world.notebooks.get(ANN, created.id)

    assert early.state is NotebookState.STARTING
    assert late.state is NotebookState.FAILED


async def test_a_start_that_the_hub_still_works_on_is_left_alone(world):
    world.hub.manner = Manner.FORGETS
    created = await world.notebooks.create(ANN, spec())
    await world.open("ann", created.server_name, created.id)
    world.hub.put("ann", created.server_name, ready=False, pending="spawn")
    world.clock.advance(hours=1)
    await world.reconcile()

    assert (await world.notebooks.get(ANN, created.id)).state is NotebookState.STARTING


async def test_a_notebook_that_became_ready_while_the_hub_was_gone_is_running_from_now_on(world):
    world.hub.manner = Manner.FORGETS
    created = await world.notebooks.create(ANN, spec())
    opened = await world.open("ann", created.server_name, created.id)
    world.runner.runs[opened.run] = ALIVE
    world.hub.put("ann", created.server_name)
    world.clock.advance(minutes=30)
    await world.reconcile()
    view = await world.notebooks.get(ANN, created.id)

    assert view.state is NotebookState.RUNNING
    assert view.last_started_at == world.clock()


async def test_a_stop_that_no_report_followed_is_finished(world):
    notebook = await world.running()
    world.runner.runs[notebook.last_run.id] = ALIVE
    await world.notebooks.stop(ANN, notebook.id)
    world.runner.runs[notebook.last_run.id] = GONE
    await world.reconcile()

    assert (await world.notebooks.get(ANN, notebook.id)).state is NotebookState.STOPPED


async def test_a_stop_that_the_hub_never_does_is_done_by_the_service(world):
    notebook = await world.running()
    run = notebook.last_run.id
    world.runner.runs[run] = ALIVE
    world.hub.manner = Manner.IS_DOWN
    await world.notebooks.stop(ANN, notebook.id)
    await world.reconcile()
    patient = list(world.runner.ended)
    world.clock.advance(seconds=61)
    await world.reconcile()
    await world.reconcile()

    assert patient == []
    assert run in world.runner.ended
    assert (await world.notebooks.get(ANN, notebook.id)).state is NotebookState.STOPPED


async def test_processes_that_outlive_their_runs_end_are_ended(world):
    notebook = await world.stopped()
    world.runner.runs[notebook.last_run.id] = ALIVE
    await world.reconcile()

    assert world.runner.runs[notebook.last_run.id].life is RunLife.GONE


async def test_one_broken_run_does_not_keep_others_from_being_looked_at(world):
    broken, fine = await world.running(), await world.running()
    world.runner.runs[broken.last_run.id] = "nonsense"
    world.runner.runs[fine.last_run.id] = GONE
    await world.reconcile()

    assert (await world.notebooks.get(ANN, fine.id)).state is NotebookState.FAILED


async def test_a_failed_state_is_final_for_late_reports_of_running(world):
    notebook = await world.running()
    await world.report(notebook.last_run.id, RunState.FAILED)
    await world.report(notebook.last_run.id, RunState.RUNNING)

    assert (await world.notebooks.get(ANN, notebook.id)).state is NotebookState.FAILED
