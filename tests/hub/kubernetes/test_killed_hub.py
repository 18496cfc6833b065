"""A hub that is killed in the middle of starts, stops and runs, and what its next life makes of them."""

from types import SimpleNamespace

import pytest

from tests.hub.kubernetes.conftest import Notebook
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def killed(cluster, running_service, running_hub):
    """Notebooks in every situation, the hub killed, what happened meanwhile, and the hub started again."""
    api, hub = cluster, running_hub
    names = ("stopping", "pending", "running", "vanished", "crashed", "quiet", "ending", "ordered")
    world = SimpleNamespace(**{name: Notebook(hub, running_service) for name in names})
    started = [name for name in names if name != "pending"]
    for name in started:
        getattr(world, name).start()
    for name in started:
        hub.wait_for_ready(getattr(world, name).user)
    api.set_life(world.stopping.pod, stop_takes=8.0)
    api.set_life(world.ending.pod, stop_takes=4.0)
    world.stopping.stop()
    wait_for(lambda: _is_ending(api, world.stopping.pod), what="the stop's delete")
    api.set_life(until="created")
    world.pending.start()
    wait_for(lambda: api.get("pods", world.pending.pod), what="the pending pod")
    api.set_life(until="ready")

    api.go_down()
    world.ordered.stop()
    wait_for(lambda: "STOPPING" in world.ordered.states(), what="the order to be recorded")
    hub.kill()
    api.come_up()

    api.remove("pods", world.vanished.pod)
    api.finish(world.crashed.pod, "editor", exit_code=137, reason="OOMKilled")
    api.finish(world.ending.pod, "editor", exit_code=0)
    hub.start()
    world.after_start = {name: hub.server(getattr(world, name).user) for name in names}
    api.set_life(world.pending.pod, until="ready")
    yield world
    api.behave()


def test_a_notebook_that_was_stopping_is_stopping_until_its_files_are_saved(killed, cluster, hub):
    hub.wait_for_stopped(killed.stopping.user)

    assert killed.after_start["stopping"].get("ready") is not True
    assert killed.stopping.pod not in cluster.killed
    assert cluster.get("pods", killed.stopping.pod) is None
    assert killed.stopping.states() == ["RUNNING", "STOPPING", "STOPPED"]


def test_a_notebook_that_was_starting_is_ready_when_its_pod_is(killed, cluster, hub):
    server = hub.wait_for_ready(killed.pending.user)

    assert killed.after_start["pending"].get("pending") == "check"
    assert cluster.get("pods", killed.pending.pod)["status"]["phase"] == "Running"
    assert server["ready"]
    wait_for(lambda: killed.pending.states() == ["RUNNING"], what="RUNNING to be reported late")
    late = next(t for t in killed.pending.service.transitions if t["run"] in killed.pending.runs)
    ready = cluster.get("pods", killed.pending.pod)["status"]["conditions"]
    moment = next(c["lastTransitionTime"] for c in ready if c["type"] == "Ready")
    assert late["at"].replace("+00:00", "Z") == moment


def test_a_notebook_that_ran_runs_on(killed, hub):
    hub.wait_for_ready(killed.running.user)

    assert killed.running.states() == ["RUNNING"]
    assert len(killed.running.runs) == 1


def test_a_notebook_whose_pod_vanished_ends_in_error_and_keeps_its_files(killed, hub):
    hub.wait_for_stopped(killed.vanished.user)

    wait_for(killed.vanished.ends, what="the end to be reported")
    [end] = killed.vanished.ends()
    assert (end["state"], end["code"], end["launched"]) == ("ERROR", "pod_lost", True)
    assert "Your files are kept" in end["message"]


def test_a_notebook_that_used_too_much_memory_meanwhile_says_so(killed, cluster, hub):
    hub.wait_for_stopped(killed.crashed.user)

    wait_for(killed.crashed.ends, what="the end to be reported")
    [end] = killed.crashed.ends()
    assert (end["state"], end["code"], end["launched"]) == ("FAILED", "out_of_memory", True)
    assert cluster.get("pods", killed.crashed.pod) is None


def test_a_notebook_that_ended_meanwhile_keeps_its_grace(killed, cluster, hub):
    hub.wait_for_stopped(killed.ending.user)

    wait_for(killed.ending.ends, what="the end to be reported")
    assert killed.ending.pod not in cluster.killed
    assert [end["state"] for end in killed.ending.ends()] == ["STOPPED"]


def test_a_stop_that_never_reached_the_cluster_is_brought_to_it(killed, cluster, hub):
    hub.wait_for_stopped(killed.ordered.user)

    assert cluster.get("pods", killed.ordered.pod) is None
    assert killed.ordered.states() == ["RUNNING", "STOPPING", "STOPPED"]


def test_a_restart_asks_for_all_pods_at_once_and_for_none_alone(killed, cluster, hub):
    hub.wait_for_ready(killed.quiet.user)

    assert not cluster.requests("get", "pods", killed.quiet.pod)
    assert cluster.requests("list", "pods")


def _is_ending(api, name):
    pod = api.get("pods", name)
    return pod is None or "deletionTimestamp" in pod["metadata"]
