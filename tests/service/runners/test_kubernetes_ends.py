"""Which end a run had: the cluster saw it, the hub concludes it."""

from datetime import timedelta

import pytest

from ovh_spawner.domain.states import ENDS, NotebookState, RunState, Source
from ovh_spawner.pod.names import pod_name
from tests.support.world import until

PULL_FAILED = "Not all data could be brought. /workspace/in: the bucket is gone."
POD_LOST = "The notebook's pod disappeared from the cluster."


async def end_by_the_cluster(cluster, run):
    """Wait until the books have the cluster's own time of the end."""

    async def look():
        known = await cluster.transitions(run)
        return next((known[key] for key in known if key[0] in ENDS and key[1] is Source.CLUSTER), None)

    return await until(look, what="the cluster's end", seconds=60)


async def test_what_a_hub_said_of_a_failed_start_stays_when_the_cluster_tells_its_time(cluster):
    notebook = await cluster.running()
    run = notebook.last_run.id
    await cluster.report(run, RunState.FAILED, code="pull_failed", message=PULL_FAILED)
    cluster.api.finish(pod_name(notebook.id), "editor", exit_code=3)
    await end_by_the_cluster(cluster, run)
    await cluster.reconcile()
    view = await cluster.until_state(notebook.id, NotebookState.FAILED)

    assert view.message == PULL_FAILED
    assert (await cluster.run_of(notebook.id)).code == "pull_failed"


async def test_a_hub_that_finds_no_pod_changes_nothing_of_an_end_that_the_cluster_saw(cluster):
    notebook = await cluster.running()
    run = notebook.last_run.id
    await until(lambda: cluster.pod(notebook.id), what="the pod")
    cluster.api.finish(pod_name(notebook.id), "editor", exit_code=137, reason="OOMKilled")
    await cluster.until_state(notebook.id, NotebookState.FAILED)
    seen = await end_by_the_cluster(cluster, run)
    before = await cluster.run_of(notebook.id)
    last_look = seen.at - timedelta(seconds=25)
    await cluster.report(run, RunState.ERROR, at=last_look, code="pod_lost", message=POD_LOST)
    after = await cluster.run_of(notebook.id)

    assert (after.state, after.message) == (RunState.FAILED, before.message)
    assert (after.ended_at, after.stopped_at) == (seen.at, before.stopped_at)


@pytest.mark.parametrize("first", ["hub", "cluster"])
async def test_a_notebook_that_its_node_gave_up_says_so_though_the_hub_took_it_for_a_stop(cluster, first):
    notebook = await cluster.running()
    run, name = notebook.last_run.id, pod_name(notebook.id)
    cluster.api.set_life(name, is_stuck=True)
    if first == "hub":
        await cluster.report(run, RunState.STOPPED)
    cluster.api.evict(name)
    seen = await end_by_the_cluster(cluster, run)
    if first == "cluster":
        await cluster.report(run, RunState.STOPPED, at=seen.at)
    view = await cluster.until_state(notebook.id, NotebookState.ERROR)

    assert "ran short of resources" in view.message
