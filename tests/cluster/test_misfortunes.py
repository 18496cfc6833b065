"""What clusters do to notebooks. After each: the file is safe, the bill is the cluster's, nothing holds hardware."""

from itertools import product

import pytest

from tests.cluster.machine.api import is_ready
from tests.cluster.notebooks import SECONDS, notebook
from tests.support.kills import report
from tests.support.requirements import LONG
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.journey, pytest.mark.timeout(900)]

PROGRAMS = ("hub", "service")
MOMENTS = {
    "pod made": lambda made: made.pod() is not None,
    "running": lambda made: made.status["state"] == "RUNNING",
    "pod ending": lambda made: made.is_ending(),
    "push after the stop": lambda made: "jobs" in made.things(),
}
EAT = """
import os, pathlib
for score in pathlib.Path("/proc").glob("[0-9]*/oom_score_adj"):
    if int(score.parent.name) != os.getpid():
        score.write_text("1000")
eaten = [bytearray(b"1" * (64 << 20)) for _ in range(64)]
"""
EVERY_DAY = (("hub", "pod ending"), ("service", "running"), ("service", "push after the stop"))


@pytest.mark.parametrize(("program", "moment"), list(product(PROGRAMS, MOMENTS)) if LONG else EVERY_DAY)
def test_a_killed_program_comes_back_and_finishes_what_was_under_way(installed, program, moment):
    is_early = moment in {"pod made", "running"}
    name = f"kill-{program}-{moment.replace(' ', '-')}"
    with notebook(installed, name, bucket=name) as made:
        if not is_early:
            made.work()
            if moment == "pod ending":
                made.hang()
            made.stop()
        wait_for(lambda: MOMENTS[moment](made), what=f"the moment: {moment}", seconds=SECONDS)
        before = made.pod()
        getattr(installed, program).kill()
        getattr(installed, f"start_{program}")()
        if is_early:
            made.work()
            assert made.pod()["metadata"]["uid"] == before["metadata"]["uid"]
            made.stop()

        made.check(f"{program}, kill -9", moment)


@pytest.mark.parametrize("program", PROGRAMS if LONG else ("service",))
def test_a_deletion_that_a_killed_program_left_is_finished(installed, program):
    with notebook(installed, f"delete-{program}", bucket=f"delete-{program}") as made:
        made.work()
        made.breaks()
        answer = made.owner.api("DELETE", f"notebook/{made.id}", params={"force": "true"})
        assert answer.status_code == 204, answer.text
        getattr(installed, program).kill()
        getattr(installed, f"start_{program}")()
        wait_for(lambda: not made.things(), what="everything of it to go", seconds=SECONDS)
        made.times.ended()

        held = ["no hold left", "one end", "no stray object", made.check_the_bill(), "its claim is gone"]
        report(f"{program}, kill -9", "deletion ordered", made.runs()[0]["state"], held=held)


def test_an_evicted_pod_is_an_end_that_saves(installed, cluster):
    with notebook(installed, "evicted", bucket="evicted") as made:
        made.work()
        made.breaks()
        path = f"/api/v1/namespaces/{installed.namespace}/pods/{made.pod_name}/eviction"
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": made.pod_name}}
        assert cluster.api.call("POST", path, json=eviction).status_code == 201
        status = made.wait("ERROR")

        assert "its node was taken out of service" in status["info"]["message"]
        made.check("the pod is evicted", "running")


def test_a_notebook_that_takes_too_much_memory_is_told_so(installed):
    with notebook(installed, "glutton", bucket="glutton") as made:
        made.work()
        made.breaks()
        # A kernel that eats ends alone; here the editor itself is what the machine's own kernel ends first.
        with pytest.raises(AssertionError):
            made.run("python3", "-c", EAT)
        status = made.wait("FAILED")

        assert "of memory" in status["info"]["message"]
        made.check("more memory than it has is taken", "running")


def test_a_push_whose_pod_is_killed_is_tried_again(installed, cluster):
    with notebook(installed, "push-kill", bucket="push-kill") as made:
        made.work()
        installed.store.go_away()
        made.stop()
        pod = wait_for(lambda: _push_pod(made), what="the push's pod", seconds=SECONDS)
        cluster.api.delete("pods", pod, namespace=installed.namespace, grace=0)
        installed.store.come_back()

        made.check("the push's pod is killed", "push after the stop")


def _push_pod(made):
    api = made.installed.cluster.api
    labels = f"ovh-spawner/notebook={made.id},ovh-spawner/component=sync"
    pods = api.items("pods", namespace=made.installed.namespace, labels=labels)
    return next((p["metadata"]["name"] for p in pods if p["status"].get("phase") == "Running"), "")


def test_an_api_server_that_restarts_ends_no_notebook(installed, machine):
    with notebook(installed, "api-away", bucket="api-away") as made:
        made.work()
        before = made.pod()
        machine.control_plane.apiserver.kill()
        wait_for(lambda: made.status["state"] == "RUNNING", what="the notebook to be known still")
        machine.control_plane.apiserver.start()
        machine.control_plane.wait_until_ready()
        made.wait("RUNNING")

        assert made.pod()["metadata"]["uid"] == before["metadata"]["uid"]
        made.stop()
        made.check("the API server restarts", "running")


def test_a_kubelet_that_restarts_ends_no_notebook(installed, cluster, machine):
    with notebook(installed, "kubelet", bucket="kubelet") as made:
        made.work()
        machine.node.kubelet.kill()
        machine.node.kubelet.start()
        cluster.api.wait("nodes", machine.node.name, is_ready)
        made.wait("RUNNING")
        made.stop()

        made.check("the kubelet restarts", "running")


def test_an_image_that_cannot_be_pulled_fails_soon_and_says_so(installed):
    elsewhere = {"frameworkId": "conda", "frameworkVersion": "conda-py310-cpu"}
    with notebook(installed, "imageless", framework=elsewhere) as made:
        status = made.wait("FAILED", "ERROR")

        assert "image" in status["info"]["message"].lower()
        assert "Traceback" not in status["info"]["message"]
        assert made.usage()["minutes"] == 0
        made.wait_clean()
        held = ["no hold left", "one end", "no stray object", "nothing billed"]
        report("the image cannot be pulled", "pod made", status["state"], held=held)
