"""What people are told of a start or an end that went wrong: one plain sentence, never a cluster's own."""

import pytest

from tests.support.waiting import wait_for

BUCKET = {
    "id": "6f1f34e0-65d9-4f9d-8d0c-5a4b7cbb9d01",
    "mountPath": "/workspace/data",
    "path": "/claim/home/data",
    "permission": "RW",
    "source": {"type": "folder", "alias": "DEMO", "root": "/nowhere", "container": "books"},
}


@pytest.fixture
def patient(hub):
    """Start a notebook and wait for the end of its start, for its words."""

    def start(notebook):
        notebook.start()
        wait_for(lambda: not hub.pending(notebook.user), what="the start to end")
        return hub.failure(notebook.user)

    return start


def test_a_quota_of_the_cluster_is_told_in_plain_words_and_leaves_nothing(api, service, notebook, patient):
    service.flavor = "gpu"
    api.misfortunes.quota = {"requests.nvidia.com/gpu": 0}

    said = patient(notebook)

    assert "The cluster's quota is used up: this needs 1 of GPUs" in said, said
    assert "forbidden" not in said
    assert api.get("pods", notebook.pod) is None
    assert [(e["state"], e["launched"]) for e in notebook.ends()] == [("FAILED", False)]


def test_a_limit_range_is_told_in_plain_words(api, notebook, patient):
    api.refuse("pods", "maximum cpu usage per Container is 1, but limit is 2")

    assert "The cluster allows at most 1 of CPUs per container, and this needs 2." in patient(notebook)


def test_a_security_policy_that_refuses_is_the_operators(api, notebook, patient):
    api.refuse("pods", 'violates PodSecurity "restricted:latest": hostPort')

    said = patient(notebook)

    assert "security rules do not allow this" in said
    assert "hostPort" not in said
    assert notebook.ends()[0]["state"] == "ERROR"


def test_an_image_that_does_not_exist_fails_at_once(api, notebook, patient):
    api.set_life(image_error='failed to pull "registry.example/x:1": manifest unknown, token=secret')

    said = patient(notebook)

    assert "The image pull failed" in said, said
    assert "does not exist" in said
    assert "secret" not in said
    assert api.get("pods", notebook.pod) is None
    assert notebook.ends()[0]["code"] == "image_pull"


def test_a_cluster_without_room_says_what_is_missing_and_who_waits(api, service, notebook, patient):
    service.flavor = "gpu"
    api.set_life(unschedulable="0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")
    api.create("pods", _waiting_pod("nb-of-somebody-else", flavor="gpu"))
    api.create("pods", _waiting_pod("nb-on-another-flavor", flavor="cpu"))

    said = patient(notebook)

    assert "No node has a free V100S; 1 notebook waits ahead of yours. Try again later" in said, said
    assert notebook.ends()[0]["code"] == "no_capacity"
    api.remove("pods", "nb-of-somebody-else")
    api.remove("pods", "nb-on-another-flavor")


def test_a_request_that_no_node_can_take_says_what_to_do(api, notebook, patient):
    api.set_life(
        unschedulable="0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: "
        "1 Preemption is not helpful for scheduling."
    )

    said = patient(notebook)

    assert "as much as this notebook asks for of CPUs. Choose fewer units" in said, said
    assert notebook.ends()[0]["code"] == "no_capacity"
    assert api.get("pods", notebook.pod) is None


def test_a_secret_that_is_not_there_is_told_though_its_container_only_waits(api, hub, notebook):
    api.set_life(until="scheduled")
    notebook.start()
    api.wait_for_pod(notebook.pod, phase="Pending")
    api.event(notebook.pod, "FailedMount", 'secret "run-x" not found', kind="Warning")
    wait_for(lambda: not hub.pending(notebook.user), what="the start to end")

    assert "A part of the notebook's set-up is missing" in hub.failure(notebook.user)


def test_a_pull_that_its_owner_can_mend_says_how(api, service, notebook, patient):
    service.pull_volumes = [BUCKET]
    api.set_life(data_exit=1, data_message=_report("There is no bucket 'books'."))

    said = patient(notebook)

    assert "/workspace/data: There is no bucket 'books'." in said, said
    assert [(e["state"], e["launched"]) for e in notebook.ends()] == [("FAILED", False)]


def test_an_api_server_that_is_away_is_told_and_the_run_ends(api, hub, notebook, another):
    another.start()
    hub.wait_for_ready(another.user)
    api.answer_with("create", "pods", 503, times=1000)

    notebook.start()
    wait_for(lambda: not hub.pending(notebook.user), what="the start to end")

    assert "The cluster did not take the notebook's pod in time" in hub.failure(notebook.user)
    assert notebook.ends()[0]["code"] == "cluster"


def test_what_the_service_refuses_is_said_in_its_words(service, notebook, patient):
    service.refuse("prepare", 400, "The cluster's quota of storage is used up.", code="start_failed")

    assert "The cluster's quota of storage is used up." in patient(notebook)


def test_a_pod_that_is_removed_while_it_starts_ends_the_start(api, hub, notebook):
    api.set_life(until="containers")
    notebook.start()
    api.wait_for_pod(notebook.pod, phase="Running")

    api.remove("pods", notebook.pod)
    wait_for(lambda: not hub.pending(notebook.user), what="the start to end")

    assert "removed from the cluster while it was starting" in hub.failure(notebook.user)


def test_an_editor_that_needs_too_much_memory_says_so(api, hub, notebook):
    notebook.start()
    hub.wait_for_ready(notebook.user)

    api.finish(notebook.pod, "editor", exit_code=137, reason="OOMKilled")
    hub.wait_for_stopped(notebook.user)

    [end] = notebook.ends()
    assert (end["state"], end["code"]) == ("FAILED", "out_of_memory")
    assert "more than" in end["message"]


def test_an_evicted_notebook_says_so(api, hub, notebook):
    notebook.start()
    hub.wait_for_ready(notebook.user)

    api.evict(notebook.pod)
    hub.wait_for_stopped(notebook.user)

    assert [(e["state"], e["code"]) for e in notebook.ends()] == [("ERROR", "evicted")]


def test_progress_is_told_in_plain_words(api, hub, service, notebook):
    api.set_life(until="scheduled")
    notebook.start()
    wait_for(lambda: api.get("pods", notebook.pod), what="the pod")
    api.set_life(notebook.pod, until="containers")
    lines = []
    for line in hub.progress_of(notebook.user):
        lines.append(line)
        if "Starting Fake editor" in line:
            api.set_life(notebook.pod, until="ready")

    assert "Reserving resources" in lines
    assert any("Starting Fake editor" in line for line in lines), lines
    assert not [line for line in lines if "node-1" in line or "Successfully assigned" in line]


def test_a_pull_is_told_as_the_service_sees_it(api, hub, service, notebook):
    service.pull_volumes = [BUCKET]
    service.pull_progress = [
        {
            "volume": BUCKET["id"],
            "mountPath": "/workspace/data",
            "info": "books@DEMO",
            "state": "RUNNING",
            "transferredBytes": 10**9,
            "totalBytes": 2 * 10**9,
        }
    ]
    api.set_life(until="data")
    notebook.start()

    line = hub.progress_until(notebook.user, "pulling data")

    assert line.lower() == "pulling data: 1.0 of 2.0 gb"
    api.set_life(notebook.pod, until="ready")
    hub.wait_for_ready(notebook.user)


def _waiting_pod(name, *, flavor):
    labels = {"ovh-spawner/flavor": flavor, "component": "singleuser-server"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"containers": [{"name": "editor", "image": "x", "ports": []}]},
        "status": {"phase": "Pending", "conditions": []},
    }


def _report(message):
    from datetime import UTC, datetime

    from ovh_spawner.contract.sync import SyncReport, SyncState, VolumeProgress

    now = datetime.now(UTC)
    ids = "6f1f34e0-65d9-4f9d-8d0c-5a4b7cbb9d01"
    volume = VolumeProgress(
        volume=ids, mount_path="/workspace/data", info="x", state=SyncState.FAILED, message=message
    )
    return SyncReport(
        job=ids, state=SyncState.FAILED, started_at=now, ended_at=now, volumes=[volume]
    ).model_dump_json(by_alias=True)
