"""A hub that is told to end, as at each upgrade, and an API server that is away when the next one starts."""

from types import SimpleNamespace

import pytest

from tests.hub.kubernetes.conftest import Notebook
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def upgraded(cluster, running_service, running_hub):
    """The hub ends in the middle of a start and a stop; the next one finds no API server for a while."""
    api, hub = cluster, running_hub
    names = ("stopping", "pending", "running", "vanished")
    world = SimpleNamespace(**{name: Notebook(hub, running_service) for name in names})
    for name in ("stopping", "running", "vanished"):
        getattr(world, name).start()
    for name in ("stopping", "running", "vanished"):
        hub.wait_for_ready(getattr(world, name).user)
    api.set_life(world.stopping.pod, stop_takes=600.0)
    world.stopping.stop()
    wait_for(
        lambda: "deletionTimestamp" in api.get("pods", world.stopping.pod)["metadata"], what="the delete"
    )
    api.set_life(until="created")
    world.pending.start()
    wait_for(lambda: api.get("pods", world.pending.pod), what="the pending pod")
    api.set_life(until="ready")

    hub.terminate()
    world.pending_pod = api.get("pods", world.pending.pod)
    api.remove("pods", world.vanished.pod)
    api.go_down()
    hub.start()
    world.while_away = {name: hub.server(getattr(world, name).user) for name in names}
    api.come_up()
    api.set_life(world.stopping.pod, stop_takes=0.1)
    api.set_life(world.pending.pod, until="ready")
    yield world
    api.behave()


def test_while_the_api_server_is_away_nothing_is_written_off(upgraded):
    assert upgraded.while_away["running"]["pending"] == "check"
    assert upgraded.while_away["vanished"]["pending"] == "check"


def test_a_notebook_that_runs_is_ready_again_when_the_api_server_answers(upgraded, hub):
    hub.wait_for_ready(upgraded.running.user)

    assert upgraded.running.states() == ["RUNNING"]


def test_a_notebook_that_vanished_is_found_out_when_the_api_server_answers(upgraded, hub):
    hub.wait_for_stopped(upgraded.vanished.user)

    wait_for(upgraded.vanished.ends, what="the end to be reported")
    assert upgraded.vanished.ends()[0]["code"] == "pod_lost"


def test_an_upgrade_does_not_take_a_start_down(upgraded, hub):
    assert "deletionTimestamp" not in upgraded.pending_pod["metadata"]
    hub.wait_for_ready(upgraded.pending.user)
    wait_for(lambda: upgraded.pending.states() == ["RUNNING"], what="RUNNING to be reported late")


def test_an_upgrade_does_not_cut_a_stop_short(upgraded, cluster):
    wait_for(lambda: cluster.get("pods", upgraded.stopping.pod) is None, what="the pod to go")

    assert upgraded.stopping.pod not in cluster.killed
    assert "STOPPING" in upgraded.stopping.states()


def test_the_next_start_after_an_outage_works(upgraded, hub, another):
    another.start()

    hub.wait_for_ready(another.user)
