from datetime import timedelta
from uuid import uuid4

import pytest

from ovh_spawner.contract.sync import SyncProgress, VolumeProgress
from ovh_spawner.domain.states import NotebookState, RunState, Source
from ovh_spawner.pod.names import pod_name
from ovh_spawner.pod.record import condition, read_time
from ovh_spawner.service.runners import pod_watch
from tests.support.fake_hub_servers import Manner
from tests.support.kubernetes import statuses
from tests.support.world import ANN, RW, spec, until


def doubt(monkeypatch):
    """Let the picture of the pods be believed no longer than it takes to look at it."""
    monkeypatch.setattr(pod_watch, "FRESH_SECONDS", 0.0)


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
    cluster.api.set_life(f"nb-{notebook.id}", stop_takes=600)
    cluster.delete_pod(notebook.id)
    order = cluster.pod(notebook.id)["metadata"]
    cluster.api.set_life(f"nb-{notebook.id}", stop_takes=1.5)
    ordered = read_time(order["deletionTimestamp"]) - timedelta(seconds=order["deletionGracePeriodSeconds"])
    await cluster.until_state(notebook.id, NotebookState.STOPPED)
    await until_told(cluster, run, RunState.STOPPED)
    times = await cluster.transitions(run)

    assert times[RunState.RUNNING, Source.CLUSTER].at == ready
    assert times[RunState.STOPPING, Source.CLUSTER].at == ordered
    assert times[RunState.STOPPED, Source.CLUSTER].at >= ordered


async def test_a_run_s_gateway_is_at_its_pod_s_address(cluster):
    notebook = await cluster.running()
    runner, run = cluster.service.means.runner, notebook.last_run.id
    address = cluster.pod(notebook.id)["status"]["podIP"]

    assert await runner.address_of(notebook.id, run) == f"{address}:8888"
    assert await runner.address_of(notebook.id, uuid4()) == ""


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


async def test_a_pod_that_was_ready_when_its_end_was_ordered_has_not_ended_before(cluster):
    notebook = await cluster.running()
    run = notebook.last_run.id
    cluster.api.set_life(f"nb-{notebook.id}", stop_takes=600)
    cluster.hub.manner = Manner.IS_DOWN
    later = cluster.clock() + timedelta(seconds=2)
    await until(lambda: cluster.clock() > later, what="the last proof of life to be old")
    cluster.delete_pod(notebook.id)
    await until_told(cluster, run, RunState.STOPPING)
    # Nobody sees how its containers end.
    cluster.api.remove("pods", pod_name(notebook.id))
    await cluster.until_state(notebook.id, NotebookState.STOPPED)
    times = await cluster.transitions(run)

    ordered = times[RunState.STOPPING, Source.CLUSTER].at
    assert times[RunState.STOPPED, Source.RECONCILE].at >= ordered


async def test_an_editor_that_failed_before_its_pod_was_deleted_has_failed(cluster):
    notebook = await cluster.running()
    name = pod_name(notebook.id)
    cluster.api.set_life(name, is_stuck=True)
    pod = cluster.pod(notebook.id)
    statuses.terminate(pod, "editor", exit_code=1)
    ended = statuses.find(pod, "editor")["state"]["terminated"]
    ended["finishedAt"] = ended["startedAt"] = "2026-01-01T00:00:00Z"
    pod["metadata"] |= {"deletionTimestamp": "2026-01-01T00:02:00Z", "deletionGracePeriodSeconds": 60}
    cluster.api.replace("pods", pod)
    view = await cluster.until_state(notebook.id, NotebookState.FAILED)

    assert "exit code 1" in view.message


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


async def test_a_silent_watch_is_not_trusted(cluster, monkeypatch):
    notebook = await cluster.running()
    cluster.api.silence_watches()
    cluster.api.evict(f"nb-{notebook.id}")
    doubt(monkeypatch)
    await cluster.reconcile()

    assert (await cluster.notebooks.get(ANN, notebook.id)).state is NotebookState.ERROR


async def test_a_watch_that_may_not_begin_is_tried_again(cluster):
    """The service may be there before its Role is."""
    forbidden = 'pods is forbidden: User "service" cannot list resource "pods"'
    cluster.api.answer_with("list", "pods", 403, times=2, text=forbidden)
    known = len(cluster.api.requests("watch", "pods"))
    await cluster.restart()

    await until(lambda: len(cluster.api.requests("watch", "pods")) > known, what="a watch")


@pytest.mark.parametrize("trouble", ["drop_watches", "forget_history"])
async def test_a_broken_watch_is_taken_up_again(cluster, trouble):
    notebook = await cluster.running()
    getattr(cluster.api, trouble)()
    if trouble == "forget_history":
        cluster.api.drop_watches()
    cluster.api.finish(f"nb-{notebook.id}", "editor", exit_code=1)

    await cluster.until_state(notebook.id, NotebookState.FAILED)


async def test_a_cluster_that_does_not_answer_stops_nothing(cluster, monkeypatch):
    notebook = await cluster.running()
    cluster.api.go_down()
    doubt(monkeypatch)
    cluster.clock.advance(hours=1)
    await cluster.reconcile()
    state = (await cluster.notebooks.get(ANN, notebook.id)).state
    cluster.api.come_up()
    await cluster.reconcile()

    assert state is NotebookState.RUNNING
    assert (await cluster.notebooks.get(ANN, notebook.id)).state is NotebookState.RUNNING


async def test_what_is_seen_is_a_proof_of_life_of_that_instant(cluster, monkeypatch):
    notebook = await cluster.running()
    first = (await cluster.run_of(notebook.id)).last_alive_at
    cluster.clock.advance(minutes=1)
    doubt(monkeypatch)
    await cluster.reconcile()

    assert first < (await cluster.run_of(notebook.id)).last_alive_at <= cluster.clock()


async def test_a_full_reconcile_takes_few_lists(cluster):
    for _ in range(2):
        await cluster.running()
    seen = len(cluster.api.requests("list"))
    await cluster.restart()
    await cluster.reconcile()

    assert len(cluster.api.requests("list")) - seen <= 5


async def test_a_pod_on_a_node_that_does_not_answer_ends_and_its_files_wait(cluster, monkeypatch):
    notebook = await cluster.running(volumes=[RW])
    name = f"nb-{notebook.id}"
    cluster.hub.manner = Manner.IS_DOWN
    cluster.api.set_life(name, is_stuck=True)
    cluster.delete_pod(notebook.id)
    cluster.clock.advance(minutes=20)
    doubt(monkeypatch)
    await cluster.reconcile()
    view = await cluster.until_state(notebook.id, NotebookState.SYNC_FAILED)

    assert "does not answer and still holds its files" in view.message
    assert cluster.api.names("persistentvolumeclaims") == [name]
    cluster.api.remove("pods", name)
    await cluster.service.operations.sync.request(ANN, notebook.id, {"direction": "push", "manual": True})
    await cluster.until_state(notebook.id, NotebookState.ERROR)
    assert len(cluster.jobs.jobs) == 1


async def starting(cluster, **changes):
    """Return a run whose pod was made, and a hub that waits for it."""
    cluster.hub.manner = Manner.FORGETS
    created = await cluster.notebooks.create(ANN, spec(**changes))
    opened = await cluster.open("ann", created.server_name, created.id)
    prepared = await cluster.service.operations.preparation.prepare(opened.run)
    cluster.hub.put("ann", created.server_name, ready=False, pending="spawn")
    cluster.make_pod(opened, prepared)
    return opened


async def test_how_far_the_pull_has_come_is_in_the_answer_to_a_heartbeat(cluster):
    cluster.api.set_life(until="data")
    opened = await starting(cluster, volumes=[RW])
    name = pod_name(opened.notebook)
    [volume] = opened.pull.volumes
    done = VolumeProgress(
        volume=volume.id, mount_path=volume.mount_path, info="results@DEMO", state="RUNNING", processed=7
    )
    line = SyncProgress(job=opened.pull.id, at=cluster.clock(), volumes=[done])
    cluster.api.say(name, "data", line.model_dump_json())

    async def pull():
        return (await cluster.runs.heartbeat(opened.run)).pull

    assert await until(pull, what="the pull's progress") == [done]


async def test_a_notebook_that_became_ready_while_the_hub_was_gone_is_running_since_then(cluster):
    opened = await starting(cluster)
    cluster.hub.manner = Manner.IS_DOWN
    await cluster.until_pod(opened.notebook, "Ready")
    cluster.clock.advance(minutes=1)
    await cluster.reconcile()
    view = await cluster.until_state(opened.notebook, NotebookState.RUNNING)
    ready = read_time(condition(cluster.pod(opened.notebook), "Ready")["lastTransitionTime"])

    assert view.last_started_at == ready


async def test_a_ready_pod_is_not_running_before_the_hub_says_that_its_proxy_leads_there(cluster):
    opened = await starting(cluster)
    await cluster.until_pod(opened.notebook, "Ready")
    await cluster.reconcile()
    before = await cluster.notebooks.get(ANN, opened.notebook)
    await cluster.report(opened.run, RunState.RUNNING)
    after = await cluster.notebooks.get(ANN, opened.notebook)

    assert (before.state, after.state) == (NotebookState.STARTING, NotebookState.RUNNING)


async def test_a_pod_that_is_ready_anew_after_its_node_was_away_has_run_since_the_hub_said(cluster):
    opened = await starting(cluster)
    await cluster.until_pod(opened.notebook, "Ready")
    began = cluster.clock() - timedelta(minutes=1)
    await cluster.report(opened.run, RunState.RUNNING, at=began)
    await cluster.reconcile()
    view = await cluster.notebooks.get(ANN, opened.notebook)

    assert view.last_started_at == began
    assert (RunState.RUNNING, Source.CLUSTER) not in await cluster.transitions(opened.run)


async def test_a_start_that_waits_for_a_node_is_left_alone(cluster):
    cluster.api.set_life(unschedulable="0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")
    opened = await starting(cluster)
    cluster.clock.advance(hours=1)
    await cluster.reconcile()

    view = await cluster.notebooks.get(ANN, opened.notebook)
    assert view.state is NotebookState.STARTING
    assert view.message == "No node has a free GPU now. The notebook starts when one is free."
    assert cluster.pod(opened.notebook)


async def test_a_pod_that_the_hub_knows_nothing_of_is_ended_and_its_hold_freed(cluster, monkeypatch):
    cluster.api.set_life(until="containers")
    opened = await starting(cluster)
    cluster.hub.servers.clear()
    cluster.clock.advance(minutes=10)
    doubt(monkeypatch)
    await cluster.reconcile()
    await cluster.until_state(opened.notebook, NotebookState.FAILED)

    await until(lambda: cluster.pod(opened.notebook) is None, what="the pod to go")


async def test_a_pod_that_failed_while_the_hub_was_gone_says_why(cluster, monkeypatch):
    cluster.api.set_life(data_exit=1)
    opened = await starting(cluster, volumes=[RW])
    await until(lambda: cluster.pod(opened.notebook)["status"]["phase"] == "Failed", what="the failure")
    cluster.hub.servers.clear()
    cluster.clock.advance(minutes=10)
    doubt(monkeypatch)
    await cluster.reconcile()
    view = await cluster.until_state(opened.notebook, NotebookState.ERROR)

    assert "data sync ended without a report" in view.message
    assert cluster.jobs.jobs == []


async def test_a_node_that_is_lost_costs_nothing_from_then_on(cluster):
    notebook = await cluster.running()
    pod = cluster.pod(notebook.id)
    lost = condition(pod, "Ready")["lastTransitionTime"]
    for each in pod["status"]["conditions"]:
        if each["type"] == "Ready":
            each["status"] = "False"
    cluster.api.replace("pods", pod)
    cluster.api.set_life(pod_name(notebook.id), is_stuck=True)
    cluster.delete_pod(notebook.id)

    async def told():
        return (await cluster.transitions(notebook.last_run.id)).get((RunState.STOPPING, Source.CLUSTER))

    assert (await until(told, what="the loss")).at == read_time(lost)
