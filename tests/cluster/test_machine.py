"""Our own cluster itself: what the other tests rely on."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import pods
from tests.cluster.machine import cgroups, leftovers
from tests.cluster.machine.api import is_ready
from tests.cluster.machine.network import Bridge
from tests.support.stack import CHECKOUT

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("machine")]


def _claim(name: str) -> dict:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def test_every_node_is_ready(cluster):
    nodes = cluster.api.items("nodes")

    assert nodes
    assert all(is_ready(node) for node in nodes)


def test_a_restricted_pod_runs_and_its_log_can_be_read(cluster, namespace):
    cluster.api.create("pods", pods.pod("greeter", "say", "hello"), namespace=namespace)
    ended = cluster.api.wait("pods", "greeter", pods.phase("Succeeded"), namespace=namespace)

    assert pods.ended(ended)["finishedAt"]
    assert cluster.api.log("greeter", "main", namespace=namespace) == "hello\n"


def test_a_pod_that_is_not_restricted_is_refused(cluster, namespace):
    loose = pods.pod("loose")
    del loose["spec"]["containers"][0]["securityContext"]
    answer = cluster.api.call("POST", f"/api/v1/namespaces/{namespace}/pods", json=loose)

    assert answer.status_code == 403
    assert 'violates PodSecurity "restricted' in answer.json()["message"]


def test_a_claim_becomes_a_folder_that_the_pods_group_may_write(cluster, namespace):
    cluster.api.create("persistentvolumeclaims", _claim("files"), namespace=namespace)
    volume = {"name": "files", "persistentVolumeClaim": {"claimName": "files"}}
    user = pods.pod("user", volumes=[volume])
    user["spec"]["containers"][0]["volumeMounts"] = [{"name": "files", "mountPath": "/files"}]
    cluster.api.create("pods", user, namespace=namespace)
    cluster.api.wait("pods", "user", is_ready, namespace=namespace)
    claim = cluster.api.get("persistentvolumeclaims", "files", namespace=namespace)
    cluster.api.delete("pods", "user", namespace=namespace)
    cluster.api.wait_gone("pods", "user", namespace=namespace)
    cluster.api.delete("persistentvolumeclaims", "files", namespace=namespace)

    assert claim["status"]["phase"] == "Bound"
    cluster.api.wait_gone("persistentvolumes", claim["spec"]["volumeName"])


def test_a_service_account_may_do_what_its_role_says_and_no_more(cluster, namespace):
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]
    subject = {"kind": "ServiceAccount", "name": "default", "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}
    cluster.api.create(
        "roles", rbac | {"kind": "Role", "metadata": {"name": "reader"}, "rules": rules}, namespace=namespace
    )
    binding = {"kind": "RoleBinding", "metadata": {"name": "reader"}, "subjects": [subject], "roleRef": role}
    cluster.api.create("rolebindings", rbac | binding, namespace=namespace)

    def may(verb: str, resource: str) -> bool:
        attributes = {"namespace": namespace, "verb": verb, "resource": resource}
        review = {"user": f"system:serviceaccount:{namespace}:default", "resourceAttributes": attributes}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": review}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return cluster.api.call("POST", path, json=body).json()["status"]["allowed"]

    assert may("list", "pods")
    assert not may("list", "secrets")
    assert not may("create", "pods")


def test_a_pod_that_takes_too_much_memory_is_ended_by_the_kernel(cluster, namespace):
    cluster.api.create("pods", pods.pod("glutton", "eat"), namespace=namespace)
    ended = cluster.api.wait("pods", "glutton", pods.phase("Failed"), namespace=namespace)

    assert pods.ended(ended)["reason"] == "OOMKilled"
    assert pods.ended(ended)["exitCode"] == 137


def test_an_image_that_is_nowhere_says_so_within_seconds(cluster, namespace):
    cluster.api.create("pods", pods.pod("lost", image="docker.io/nobody/nothing:1"), namespace=namespace)
    failures = {"ErrImagePull", "ImagePullBackOff"}

    cluster.api.wait("pods", "lost", lambda pod: pods.waiting(pod) in failures, namespace=namespace)


def test_simulated_gpus_are_scheduled_and_counted(cluster, machine, namespace):
    node = machine.node.name
    gpus = {"status": {"capacity": {"nvidia.com/gpu": "2"}, "allocatable": {"nvidia.com/gpu": "2"}}}
    cluster.api.patch("nodes", node, gpus, part="status")
    cluster.api.wait("nodes", node, lambda n: n["status"]["allocatable"].get("nvidia.com/gpu") == "2")
    for name in ("first", "second"):
        user = pods.pod(name)
        for sizes in user["spec"]["containers"][0]["resources"].values():
            sizes["nvidia.com/gpu"] = "2"
        cluster.api.create("pods", user, namespace=namespace)

    def unschedulable(pod: dict) -> bool:
        return any(c.get("reason") == "Unschedulable" for c in pod["status"].get("conditions", []))

    pods_now = [
        cluster.api.wait("pods", n, lambda p: is_ready(p) or unschedulable(p), namespace=namespace)
        for n in ("first", "second")
    ]

    assert sorted(is_ready(p) for p in pods_now) == [False, True]


def test_a_pod_survives_the_end_of_its_kubelet_and_of_the_api_server(cluster, machine, namespace):
    cluster.api.create("pods", pods.pod("survivor"), namespace=namespace)
    before = cluster.api.wait("pods", "survivor", is_ready, namespace=namespace)
    machine.node.kubelet.kill()
    machine.control_plane.apiserver.kill()
    machine.control_plane.apiserver.start()
    machine.control_plane.wait_until_ready()
    machine.node.kubelet.start()
    cluster.api.wait("nodes", machine.node.name, is_ready)
    after = cluster.api.wait("pods", "survivor", is_ready, namespace=namespace)

    assert after["status"]["containerStatuses"] == before["status"]["containerStatuses"]


def test_fake_nodes_run_pods_beside_the_real_one(cluster, machine, namespace):
    names = machine.fake_nodes.add(3)
    tolerated = [{"key": "ovh-spawner.test/fake", "operator": "Exists"}]
    wanted = {"ovh-spawner.test/node": "fake"}
    for number in range(10):
        mass = pods.pod(f"mass-{number}", tolerations=tolerated, nodeSelector=wanted)
        cluster.api.create("pods", mass, namespace=namespace)
    for number in range(10):
        cluster.api.wait("pods", f"mass-{number}", is_ready, namespace=namespace)
    cluster.api.call("DELETE", f"/api/v1/namespaces/{namespace}/pods", params={"gracePeriodSeconds": 0})
    machine.fake_nodes.remove(names)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_cluster_that_ends(how):
    command = [sys.executable, "-m", "tests.cluster.machine", "run"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as running:
        told = next(line for line in running.stdout if "export KUBECONFIG=" in line)
        state = Path(told.split("KUBECONFIG=")[1].strip()).parents[1]
        bridge = Bridge(int((state / "bridge").read_text()))
        assert traces(state, bridge)
        running.send_signal(how)
    # What a next start does first.
    leftovers.remove_dead()

    assert traces(state, bridge) == []


def traces(state, bridge):
    """Return what there is of a cluster: files, mounts, programs, control groups, its bridge."""
    programs = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(state).encode() in read(path)]
    groups = Path("/sys/fs/cgroup").rglob(f"{cgroups.name_for(state)}*")
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(state) in line]
    network = Path("/sys/class/net", bridge.interface)
    return [*(path for path in (state, network) if path.exists()), *programs, *groups, *mounts]


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""
