import asyncio
from datetime import timedelta
from itertools import permutations

import pytest

from ovh_spawner.contract.runs import PullReport
from ovh_spawner.contract.sync import SyncState, VolumeProgress
from ovh_spawner.domain.billing import Period
from ovh_spawner.domain.states import NotebookState, RunState, Source
from ovh_spawner.errors import NotFoundError, UnauthenticatedError
from ovh_spawner.service.db.syncs import SyncRepository
from tests.support.fake_hub_servers import Manner
from tests.support.world import ANN, RO, spec

MARCH = Period.month(2026, 3)


async def _minutes(world):
    return (await world.service.operations.statements.statement(ANN, MARCH)).minutes


async def test_reports_in_any_order_and_number_give_the_same_run(world):
    start = world.clock()
    reports = [
        (RunState.RUNNING, Source.HUB, start + timedelta(seconds=10)),
        (RunState.STOPPING, Source.HUB, start + timedelta(seconds=130)),
        (RunState.STOPPED, Source.HUB, start + timedelta(seconds=140)),
        (RunState.STOPPED, Source.GATEWAY, start + timedelta(seconds=139)),
    ]
    seen = set()
    world.hub.manner = Manner.FORGETS
    for order in list(permutations(reports))[::5]:
        created = await world.notebooks.create(ANN, spec())
        opened = await world.open("ann", created.server_name, created.id)
        world.clock.time = start + timedelta(seconds=200)
        for state, source, at in (*order, *order[:2]):
            await world.report(opened.run, state, source=source, at=at)
        run = (await world.notebooks.get(ANN, created.id)).last_run
        seen.add((run.state, run.started_at, run.stopped_at, run.ended_at, run.duration))
        world.clock.time = start

    at = [start + timedelta(seconds=s) for s in (10, 130, 139)]
    assert seen == {(RunState.STOPPED, *at, 120)}


async def test_a_report_sent_twice_is_stored_once_with_its_first_time(world):
    notebook = await world.running()
    world.clock.advance(seconds=90)
    await world.report(notebook.last_run.id, RunState.STOPPING)
    world.clock.advance(seconds=500)
    await world.report(notebook.last_run.id, RunState.STOPPING)

    assert await _minutes(world) == 2


async def test_the_times_of_a_better_informed_source_count(world):
    notebook = await world.running()
    at = world.clock.advance(seconds=600)
    await world.report(notebook.last_run.id, RunState.FAILED, source=Source.RECONCILE)
    await world.report(
        notebook.last_run.id, RunState.FAILED, source=Source.GATEWAY, at=at - timedelta(seconds=420)
    )

    assert await _minutes(world) == 3


async def test_the_answer_says_whether_the_run_goes_on(world):
    notebook = await world.running()
    run = notebook.last_run.id

    assert not (await world.runs.heartbeat(run)).should_stop
    await world.notebooks.stop(ANN, notebook.id)
    assert (await world.runs.heartbeat(run)).should_stop


async def test_a_start_that_never_ran_is_not_pushed_and_costs_nothing(world):
    world.hub.manner = Manner.FORGETS
    created = await world.notebooks.create(ANN, spec(volumes=[{**RO, "permission": "RW"}]))
    opened = await world.open("ann", created.server_name, created.id)
    await world.report(
        opened.run, RunState.FAILED, launched=False, message="The bucket 'data' does not exist."
    )
    view = await world.notebooks.get(ANN, created.id)

    assert view.state is NotebookState.FAILED
    assert (view.code, view.message) == ("NOTEBOOK_FAILED_WITH_MESSAGE", "The bucket 'data' does not exist.")
    assert world.runner.jobs == []
    assert await _minutes(world) == 0


async def test_the_pull_before_the_start_is_shown_with_its_progress(world):
    world.hub.manner = Manner.FORGETS
    created = await world.notebooks.create(ANN, spec(volumes=[RO]))
    opened = await world.open("ann", created.server_name, created.id)
    volume = VolumeProgress(
        volume=opened.pull.volumes[0].id,
        mount_path="/workspace/in",
        info="data@DEMO",
        state=SyncState.RUNNING,
        transferred_bytes=1_200_000_000,
        total_bytes=3_400_000_000,
    )
    await world.runs.pull_report(opened.run, PullReport(finished=False, volumes=[volume]))
    during = await world.notebooks.get(ANN, created.id)
    done = volume.model_copy(update={"state": SyncState.DONE})
    await world.runs.pull_report(opened.run, PullReport(finished=True, volumes=[done]))
    after = await world.notebooks.get(ANN, created.id)

    assert during.message == "Notebook is starting: bringing its data, 1.2 of 3.4 GB"
    assert [sync.state for sync in after.data_syncs] == [SyncState.DONE]


async def test_a_report_of_the_pull_that_meets_the_end_of_its_run_does_not_open_it_again(world, monkeypatch):
    world.hub.manner = Manner.FORGETS
    created = await world.notebooks.create(ANN, spec(volumes=[RO]))
    opened = await world.open("ann", created.server_name, created.id)
    volume = VolumeProgress(
        volume=opened.pull.volumes[0].id, mount_path="/workspace/in", info="", state=SyncState.RUNNING
    )
    reached, go_on, find = asyncio.Event(), asyncio.Event(), SyncRepository.find_start_pull

    async def slow(self, run):
        found = await find(self, run)
        if not reached.is_set():
            reached.set()
            await go_on.wait()
        return found

    monkeypatch.setattr(SyncRepository, "find_start_pull", slow)
    late = asyncio.create_task(
        world.runs.pull_report(opened.run, PullReport(finished=False, volumes=[volume]))
    )
    await reached.wait()
    end = asyncio.create_task(world.report(opened.run, RunState.FAILED, launched=False))
    # Whoever holds no lock is overtaken here.
    await asyncio.wait({end}, timeout=1)
    go_on.set()
    await asyncio.gather(late, end)

    async with world.service.means.ledger.reading() as unit:
        assert await unit.syncs.list_open(created.id) == []


async def test_a_pull_that_its_start_did_not_survive_is_interrupted(world):
    world.hub.manner = Manner.FORGETS
    created = await world.notebooks.create(ANN, spec(volumes=[RO]))
    opened = await world.open("ann", created.server_name, created.id)
    await world.report(opened.run, RunState.FAILED, launched=False)

    [sync] = (await world.notebooks.get(ANN, created.id)).data_syncs
    assert sync.state is SyncState.INTERRUPTED


async def test_gateways_come_in_with_their_own_runs_token_only(world):
    one, other = await world.stopped(), await world.stopped()
    first = await world.open("ann", one.server_name, one.id)
    second = await world.open("ann", other.server_name, other.id)

    await world.runs.authenticate_gateway(first.run, first.gateway_token)
    with pytest.raises(UnauthenticatedError):
        await world.runs.authenticate_gateway(first.run, second.gateway_token)
    with pytest.raises(UnauthenticatedError):
        await world.runs.authenticate_gateway(other.id, second.gateway_token)


async def test_a_report_about_an_unknown_run_is_not_found(world):
    with pytest.raises(NotFoundError):
        await world.report((await world.running()).id, RunState.RUNNING)


async def test_times_from_the_future_are_not_believed(world):
    notebook = await world.running()
    now = world.clock.advance(seconds=30)
    await world.report(notebook.last_run.id, RunState.STOPPING, at=now + timedelta(days=1))

    assert await _minutes(world) == 1


async def test_the_last_use_is_kept_and_never_goes_back_or_beyond_now(world):
    notebook = await world.running()
    run, now = notebook.last_run.id, world.clock()

    async def last_use(told):
        await world.runs.heartbeat(run, told)
        return (await world.notebooks.get(ANN, notebook.id)).last_run.last_active_at

    assert await last_use(None) is None
    assert await last_use(now - timedelta(seconds=5)) == now - timedelta(seconds=5)
    assert await last_use(now - timedelta(minutes=5)) == now - timedelta(seconds=5)
    assert await last_use(None) == now - timedelta(seconds=5)
    assert await last_use(now + timedelta(hours=1)) == now
