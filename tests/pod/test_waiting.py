"""Why a pod does not go on: told in our words, never in the cluster's."""

import pytest

from ovh_spawner.pod.status import PodStep, read_pod
from ovh_spawner.pod.waiting import event_trouble
from tests.pod.records import SCHEDULED, record, unscheduled, waiting


@pytest.mark.parametrize(
    ("message", "code", "said", "is_hopeless"),
    [
        ("0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available",
         "no_capacity", "No node has a free V100S now. The notebook starts when one is free.", False),
        ("0/2 nodes are available: 1 Insufficient cpu, 2 Insufficient memory.", "no_capacity",
         "No node has enough free CPUs and memory now.", False),
        ("0/2 nodes are available: 2 Too many pods.", "no_capacity",
         "No node has enough free places for notebooks now.", False),
        ("0/2 nodes are available: 2 node(s) exceed max volume count.", "no_capacity",
         "No node has enough free places for disks now.", False),
        ("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.", "no_node",
         "No node of the cluster that may run flavor ai1-1-gpu is in service.", False),
        ("0/2 nodes are available: 2 node(s) had volume node affinity conflict.", "no_capacity",
         "The node that the notebook's files are on has no room for it now.", False),
        ("0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.", "no_disk",
         "The cluster has not made the notebook's disk", False),
        ("0/2 nodes are available: 2 node(s) did not have enough free storage.", "no_disk",
         "it may have no storage left", False),
        ("0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.", "no_disk",
         "it may have no storage left", False),
        ('running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded', "no_disk",
         "it may have no storage left", False),
        ('0/2 nodes are available: storageclass.storage.k8s.io "fast" not found.', "no_disk",
         "it may have no storage left", False),
        ('0/2 nodes are available: persistentvolumeclaim "nb-x" not found.', "claim_lost",
         "The disk with the notebook's files is gone.", True),
        ('persistentvolumeclaim "nb-x" bound to non-existent persistentvolume "v"', "claim_lost",
         "The disk with the notebook's files is gone.", True),
        ("no nodes available to schedule pods", "no_node", "is in service", False),
        ("", "no_node", "is in service", False),
    ],
)  # fmt: skip
def test_a_pod_without_a_node_says_what_it_waits_for(message, code, said, is_hopeless):
    status = read_pod(record(unscheduled(message)), card="V100S")

    assert (status.trouble.code, status.trouble.is_hopeless) == (code, is_hopeless)
    assert said in status.message
    assert status.step is PodStep.QUEUED


NO_HELP = "2 Preemption is not helpful for scheduling."
NOT_READY = "1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }"


@pytest.mark.parametrize(
    ("why", "preemption", "code"),
    [
        ("2 Insufficient cpu", NO_HELP, "too_big"),
        ("1 Insufficient cpu, 2 Insufficient memory", NO_HELP, "too_big"),
        ("2 Insufficient cpu", "2 No preemption victims found for incoming pod.", "no_capacity"),
        # It may come back, and so may a driver's devices.
        (f"1 Insufficient cpu, {NOT_READY}", NO_HELP, "no_capacity"),
        ("2 Insufficient nvidia.com/gpu", NO_HELP, "no_capacity"),
    ],
)
def test_a_request_that_no_node_could_take_even_if_it_were_empty_is_told_apart(why, preemption, code):
    message = f"0/2 nodes are available: {why}. preemption: 0/2 nodes are available: {preemption}"
    trouble = read_pod(record(unscheduled(message)), card="V100S").trouble

    assert trouble.code == code
    assert ("as much as this notebook asks for" in trouble.message) == (code == "too_big")


def test_a_pod_in_a_queue_says_so():
    assert read_pod(record(unscheduled("", "SchedulingGated"))).trouble.code == "queued"


@pytest.mark.parametrize(
    ("state", "said", "is_hopeless"),
    [
        (waiting("ErrImagePull", 'rpc error: failed to resolve "r.test/x": not found'),
         "images.test/ai/gateway:1 does not exist", True),
        (waiting("ImagePullBackOff", "Back-off pulling image: pull access denied, insufficient_scope"),
         "may not be pulled by this cluster", True),
        (waiting("ErrImagePull", 'failed to do request: Head "https://r.test/v2/denied/forbidden": i/o timeout'),
         "cannot be reached now. It is tried again.", False),
        (waiting("ErrImagePull", "dial tcp: lookup r.test: host not found"), "It is tried again.", False),
        (waiting("ErrImagePull", "dial tcp 10.0.0.1:5000: connect: connection refused"),
         "cannot be reached now. It is tried again.", False),
        (waiting("ErrImagePull", "write /var/lib: no space left on device"), "has no room for", False),
        (waiting("ErrImagePull", "no match for platform in manifest"), "not made for the cluster's", True),
        (waiting("ImagePullBackOff", 'Back-off pulling image "x"'), "It is tried again.", False),
        (waiting("InvalidImageName", "parse"), "is no image's name", True),
        (waiting("ErrImageNeverPull", "not present"), "may not be pulled", True),
        (waiting("CreateContainerConfigError", 'secret "env-x" not found'), "set-up is missing", True),
        (waiting("CreateContainerConfigError", 'failed to prepare subPath for volumeMount "files"'),
         "there is a file or a link in the place of its folder", True),
        (waiting("CreateContainerError", "context deadline exceeded"), "It is tried again.", False),
    ],
)  # fmt: skip
def test_a_container_that_cannot_start_says_why_without_the_clusters_own_words(state, said, is_hopeless):
    status = read_pod(record(SCHEDULED, gateway=state))

    assert said in status.message
    assert status.trouble.is_hopeless is is_hopeless
    assert "10.0.0.1" not in status.message
    assert "rpc error" not in status.message


@pytest.mark.parametrize(
    ("reason", "message", "code", "is_hopeless"),
    [
        ("FailedAttachVolume", 'Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) sync-1',
         "disk_held", False),
        ("FailedMount", 'MountVolume.SetUp failed for volume "run" : secret "run-x" not found', "set_up", True),
        ("FailedMount", "Unable to attach or mount volumes: timed out waiting for the condition", "disk_held", False),
        ("FailedCreatePodSandBox", "failed to setup network for sandbox", "set_up", False),
        ("DNSConfigForming", "Nameserver limits were exceeded", "", False),
    ],
)  # fmt: skip
def test_what_a_node_complains_of_is_told_in_our_words(reason, message, code, is_hopeless):
    trouble = event_trouble({"type": "Warning", "reason": reason, "message": message})

    assert (trouble.code, trouble.is_hopeless) == (code, is_hopeless)
    assert "pvc-1" not in trouble.message
    assert event_trouble({"type": "Normal", "reason": "Pulling"}).code == ""


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing", ""])
def test_taking_its_time_is_no_trouble(reason):
    assert read_pod(record(SCHEDULED, gateway=waiting(reason))).trouble.code == ""
