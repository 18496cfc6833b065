"""What clusters do to notebooks. After each: the file is safe, the bill is the cluster's, nothing holds hardware."""

import pytest

from tests.cluster.machine.api import is_ready
from tests.cluster.notebooks import SECONDS, notebook
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.journey, pytest.mark.timeout(900)]


def _running(made):
    """Wait until it runs, and leave something that must not be lost."""
    made.wait("RUNNING")
    made.write("precious")


def _saved(installed, bucket):
    return installed.store.get(bucket, "written.txt") == b"precious"


@pytest.mark.parametrize("program", ["hub", "service"])
def test_a_killed_program_comes_back_and_finds_the_notebook_running(installed, program):
    with notebook(installed, f"kill-{program}", bucket=f"kill-{program}") as made:
        _running(made)
        before = made.pod()
        getattr(installed, program).kill()
        getattr(installed, f"start_{program}")()
        made.wait("RUNNING")

        assert made.pod()["metadata"]["uid"] == before["metadata"]["uid"]
        made.stop()
        made.wait("STOPPED")
        assert _saved(installed, f"kill-{program}")
        made.wait_clean()


def test_a_hub_killed_in_the_middle_of_a_stop_loses_nothing(installed):
    with notebook(installed, "mid-stop", bucket="mid-stop") as made:
        _running(made)
        made.stop()
        wait_for(lambda: made.status["state"] == "STOPPING", what="the stop to begin", seconds=SECONDS)
        installed.hub.kill()
        installed.start_hub()
        made.wait("STOPPED")

        assert _saved(installed, "mid-stop")
        made.wait_clean()


def test_an_evicted_pod_is_an_end_that_saves(installed, cluster):
    with notebook(installed, "evicted", bucket="evicted") as made:
        _running(made)
        path = f"/api/v1/namespaces/{installed.namespace}/pods/{made.pod_name}/eviction"
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": made.pod_name}}
        assert cluster.api.call("POST", path, json=eviction).status_code == 201
        made.wait("STOPPED", "FAILED", "ERROR")
        wait_for(lambda: _saved(installed, "evicted"), what="the file in the bucket", seconds=SECONDS)
        made.wait_clean()


def test_a_notebook_that_takes_too_much_memory_is_told_so(installed, cluster):
    with notebook(installed, "glutton", bucket="glutton") as made:
        _running(made)
        eat = "import os; os.write(1, b''); x = [bytearray(b'1' * (64 << 20)) for _ in range(64)]"
        with pytest.raises(AssertionError):
            cluster.api.run_in(
                made.pod_name, "python3", "-c", eat, namespace=installed.namespace, container="editor"
            )
        status = made.wait("FAILED", "RUNNING")
        if status["state"] == "FAILED":
            assert "memory" in status["info"]["message"]
        else:
            made.stop()
            made.wait("STOPPED")
        wait_for(lambda: _saved(installed, "glutton"), what="the file in the bucket", seconds=SECONDS)


def test_a_push_whose_pod_is_killed_is_tried_again(installed, cluster):
    with notebook(installed, "push-kill", bucket="push-kill") as made:
        _running(made)
        installed.store.go_away()
        made.stop()
        pod = wait_for(lambda: _push_pod(made), what="the push's pod", seconds=SECONDS)
        cluster.api.delete("pods", pod, namespace=installed.namespace, grace=0)
        installed.store.come_back()
        made.wait("STOPPED")

        assert _saved(installed, "push-kill")
        made.wait_clean()


def _push_pod(made):
    api = made.installed.cluster.api
    labels = f"ovh-spawner/notebook={made.id},ovh-spawner/component=sync"
    pods = api.items("pods", namespace=made.installed.namespace, labels=labels)
    return next((p["metadata"]["name"] for p in pods if p["status"].get("phase") == "Running"), "")


def test_an_api_server_that_restarts_ends_no_notebook(installed, machine):
    with notebook(installed, "api-away", bucket="api-away") as made:
        _running(made)
        before = made.pod()
        machine.control_plane.apiserver.kill()
        wait_for(lambda: made.status["state"] == "RUNNING", what="the notebook to be known still")
        machine.control_plane.apiserver.start()
        machine.control_plane.wait_until_ready()
        made.wait("RUNNING")

        assert made.pod()["metadata"]["uid"] == before["metadata"]["uid"]
        made.stop()
        made.wait("STOPPED")
        assert _saved(installed, "api-away")


def test_a_kubelet_that_restarts_ends_no_notebook(installed, cluster, machine):
    with notebook(installed, "kubelet", bucket="kubelet") as made:
        _running(made)
        machine.node.kubelet.kill()
        machine.node.kubelet.start()
        cluster.api.wait("nodes", machine.node.name, is_ready)
        made.wait("RUNNING")
        made.stop()
        made.wait("STOPPED")

        assert _saved(installed, "kubelet")
        made.wait_clean()


def test_a_lost_node_ends_the_notebook_and_its_files_come_back_with_the_node(installed, cluster, machine):
    with notebook(installed, "lost", bucket="lost") as made:
        _running(made)
        machine.node.kubelet.kill()
        try:
            cluster.api.wait("nodes", machine.node.name, lambda node: not is_ready(node), seconds=60)
            wait_for(
                lambda: made.status["state"] != "RUNNING", what="the loss to be noticed", seconds=SECONDS
            )
        finally:
            machine.node.kubelet.start()
        cluster.api.wait("nodes", machine.node.name, is_ready)
        wait_for(lambda: _saved_at_last(made, "lost"), what="the file in the bucket", seconds=SECONDS)
        made.wait_clean()


def _saved_at_last(made, bucket):
    """A push that gave up while the node was away is ordered again, as its owner would."""
    try:
        return _saved(made.installed, bucket)
    except KeyError:
        if made.status["state"] == "SYNC_FAILED":
            made.owner.api("POST", f"notebook/{made.id}/datasync", json={"direction": "push"})
        return False


def test_an_image_that_cannot_be_pulled_fails_soon_and_says_so(installed):
    elsewhere = {"frameworkId": "conda", "frameworkVersion": "conda-py310-cpu"}
    with notebook(installed, "imageless", framework=elsewhere) as made:
        status = made.wait("FAILED", "ERROR")

        assert "image" in status["info"]["message"].lower()
        assert "Traceback" not in status["info"]["message"]
        assert made.usage()["minutes"] == 0
        made.wait_clean()
