from datetime import timedelta

import pytest

from ovh_spawner.domain.states import NotebookState, RunState, Source
from ovh_spawner.pod.record import condition, read_time
from tests.support.fake_hub_servers import Manner
from tests.support.world import ANN, RW, until


async def test_the_whole_life_of_a_notebook(cluster):
    notebook = await cluster.running(volumes=[RW])
    pod = cluster.pod(notebook.id)
    await cluster.notebooks.stop(ANN, notebook.id)
    await cluster.until_state(notebook.id, NotebookState.STOPPED)

    [job] = cluster.jobs.jobs
    assert [volume.path for volume in job.volumes] == ["/claim/home/out"]
    assert job.state_folder == "/claim/sync"
    assert cluster.jobs.together == 1
    assert pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] == f"nb-{notebook.id}"
    await cluster.notebooks.delete(ANN, notebook.id, force=False)
    await until(lambda: cluster.api.names("persistentvolumeclaims") == [], what="the claim to go")
    await until(lambda: not cluster.api.names("secrets"), what="the Secrets to go")


async def test_the_clusters_times_are_in_the_books(cluster):
    notebook = await cluster.running()
    ready = read_time(condition(cluster.pod(notebook.id), "Ready")["lastTransitionTime"])
    run = notebook.last_run.id
    await until_told(cluster, run, RunState.RUNNING)
    cluster.api.set_life(f"nb-{notebook.id}", stop_takes=1.5)
    cluster.delete_pod(notebook.id)
    order = cluster.pod(notebook.id)["metadata"]
    ordered = read_time(order["deletionTimestamp"]) - timedelta(seconds=order["deletionGracePeriodSeconds"])
    await cluster.until_state(notebook.id, NotebookState.STOPPED)
    await until_told(cluster, run, RunState.STOPPED)
    times = await cluster.transitions(run)

    assert times[RunState.RUNNING, Source.CLUSTER].at == ready
    assert times[RunState.STOPPING, Source.CLUSTER].at == ordered
    assert times[RunState.STOPPED, Source.CLUSTER].at >= ordered


async def until_told(cluster, run, state):
    async def look():
        return (await cluster.transitions(run)).get((state, Source.CLUSTER))

    return await until(look, what=f"{state} by the cluster", seconds=60)


@pytest.mark.parametrize(
    ("facts", "state", "said"),
    [
        ({"exit_code": 137, "reason": "OOMKilled"}, NotebookState.FAILED, "of memory"),
        ({"exit_code": 3}, NotebookState.FAILED, "exit code 3"),
        ({"exit_code": 0}, NotebookState.STOPPED, ""),
    ],
)
async def test_an_editor_that_ends_by_itself_ends_the_run_at_its_own_time_with_the_hub_away(
    cluster, facts, state, said
):
    notebook = await cluster.running(volumes=[RW])
    cluster.hub.manner = Manner.IS_DOWN
    cluster.api.finish(f"nb-{notebook.id}", "editor", **facts)
    view = await cluster.until_state(notebook.id, state)

    assert said in view.message
    assert len(cluster.jobs.jobs) == 1
    assert cluster.pod(notebook.id) is None


async def test_an_evicted_notebook_says_why_and_is_saved(cluster):
    notebook = await cluster.running(volumes=[RW])
    cluster.api.evict(f"nb-{notebook.id}")
    view = await cluster.until_state(notebook.id, NotebookState.ERROR)

    assert "ran short of resources" in view.message
    assert len(cluster.jobs.jobs) == 1


async def test_a_pod_that_vanished_while_the_service_was_away_ends_at_the_last_proof_of_life(cluster):
    notebook = await cluster.running()
    await cluster.runs.heartbeat(notebook.last_run.id)
    before = (await cluster.run_of(notebook.id)).last_alive_at
    await cluster.service.means.background.close()
    cluster.api.remove("pods", f"nb-{notebook.id}")
    cluster.clock.advance(hours=5)
    await cluster.restart()
    await cluster.reconcile()
    await cluster.until_state(notebook.id, NotebookState.FAILED)

    assert (await cluster.run_of(notebook.id)).ended_at == before


async def test_a_silent_watch_is_not_trusted(cluster):
    notebook = await cluster.running()
    cluster.api.silence_watches()
    cluster.api.evict(f"nb-{notebook.id}")
    cluster.service.means.runner._watch._proof = None
    await cluster.reconcile()

    assert (await cluster.notebooks.get(ANN, notebook.id)).state is NotebookState.ERROR


@pytest.mark.parametrize("trouble", ["drop_watches", "forget_history"])
async def test_a_broken_watch_is_taken_up_again(cluster, trouble):
    notebook = await cluster.running()
    getattr(cluster.api, trouble)()
    if trouble == "forget_history":
        cluster.api.drop_watches()
    cluster.api.finish(f"nb-{notebook.id}", "editor", exit_code=1)

    await cluster.until_state(notebook.id, NotebookState.FAILED)


async def test_a_cluster_that_does_not_answer_stops_nothing(cluster):
    notebook = await cluster.running()
    cluster.api.go_down()
    cluster.service.means.runner._watch._proof = None
    cluster.clock.advance(hours=1)
    await cluster.reconcile()
    state = (await cluster.notebooks.get(ANN, notebook.id)).state
    cluster.api.come_up()
    await cluster.reconcile()

    assert state is NotebookState.RUNNING
    assert (await cluster.notebooks.get(ANN, notebook.id)).state is NotebookState.RUNNING


async def test_what_is_seen_is_a_proof_of_life_of_that_instant(cluster):
    notebook = await cluster.running()
    await cluster.reconcile()
    first = (await cluster.run_of(notebook.id)).last_alive_at
    cluster.service.means.runner._watch._proof = None
    await cluster.reconcile()

    assert first < (await cluster.run_of(notebook.id)).last_alive_at <= cluster.clock()


async def test_a_full_reconcile_takes_few_lists(cluster):
    for _ in range(2):
        await cluster.running()
    cluster.service.means.runner._watch._proof = None
    seen = len(cluster.api.requests("list"))
    await cluster.reconcile()

    assert len(cluster.api.requests("list")) - seen <= 5


async def test_a_pod_on_a_node_that_does_not_answer_ends_and_its_files_wait(cluster):
    notebook = await cluster.running(volumes=[RW])
    name = f"nb-{notebook.id}"
    cluster.hub.manner = Manner.IS_DOWN
    cluster.api.set_life(name, is_stuck=True)
    cluster.delete_pod(notebook.id)
    cluster.clock.advance(minutes=20)
    cluster.service.means.runner._watch._proof = None
    await cluster.reconcile()
    view = await cluster.until_state(notebook.id, NotebookState.SYNC_FAILED)

    assert "does not answer and still holds its files" in view.message
    assert cluster.api.names("persistentvolumeclaims") == [name]
    cluster.api.remove("pods", name)
    await cluster.service.operations.sync.request(ANN, notebook.id, {"direction": "push", "manual": True})
    await cluster.until_state(notebook.id, NotebookState.ERROR)
    assert len(cluster.jobs.jobs) == 1
