"""Every pod and Job of ours passes the Pod Security Standard "restricted"; the checker itself sees what does not."""

from copy import deepcopy

import pytest

from ovh_spawner.pod.job import plan_sync_job
from ovh_spawner.pod.plan import plan_pod
from tests.pod.building import CATALOG, SETTINGS, SUBJECT, SYNC, VOLUMES, request
from tests.pod.restricted import violations


@pytest.mark.parametrize("flavor", [f.id for f in CATALOG.flavors])
@pytest.mark.parametrize("editor", [e.id for e in CATALOG.editors])
@pytest.mark.parametrize("has_pull", [True, False])
def test_every_pod_passes_the_restricted_standard(flavor, editor, has_pull):
    pod = plan_pod(request(flavor=flavor, editor=editor, has_pull=has_pull, volumes=VOLUMES))

    assert violations(pod["spec"]) == []


def test_every_job_passes_the_restricted_standard():
    job = plan_sync_job(SUBJECT, SYNC, SETTINGS.kubernetes, flavor=CATALOG.flavors[0])

    assert violations(job["spec"]["template"]["spec"]) == []


def _changed(path, value):
    spec = deepcopy(plan_pod(request())["spec"])
    *steps, last = path
    place = spec
    for step in steps:
        place = place[step]
    place[last] = value
    return spec


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["hostNetwork"], True, "hostNetwork is true"),
        (["securityContext", "runAsUser"], 0, "the pod runs as user 0"),
        (["containers", 1, "securityContext"], {}, "editor may gain privileges"),
        (["containers", 1, "securityContext"], {}, "editor keeps capabilities"),
        (["containers", 1, "securityContext", "privileged"], True, "editor is privileged"),
        (["containers", 1, "securityContext", "runAsUser"], 0, "editor runs as user 0"),
        (["containers", 1, "securityContext", "runAsNonRoot"], False, "editor may run as root"),
        (["containers", 1, "securityContext", "seccompProfile"], {}, "editor has no seccomp profile"),
        (["containers", 0, "ports", 0, "hostPort"], 8888, "gateway takes a port of the node"),
        (["containers", 0, "securityContext", "capabilities", "add"], ["NET_ADMIN"], "gateway adds capabilities"),
        (["volumes"], [{"name": "x", "hostPath": {"path": "/"}}], "volume x is a hostPath"),
    ],
)  # fmt: skip
def test_the_checker_sees_what_the_standard_forbids(path, value, said):
    assert said in violations(_changed(path, value))


def test_nothing_in_a_pod_of_ours_can_ask_the_cluster_anything():
    pod = plan_pod(request(has_pull=True))["spec"]
    job = plan_sync_job(SUBJECT, SYNC, SETTINGS.kubernetes, flavor=None)["spec"]["template"]["spec"]

    for spec in (pod, job):
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert "serviceAccountName" not in spec
        assert not any("projected" in volume for volume in spec["volumes"])
