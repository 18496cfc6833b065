"""What a pod's record means: how far, how ended, when, in words that a person can use."""

import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from ovh_spawner.contract.sync import SyncReport, SyncState, VolumeProgress
from ovh_spawner.domain.states import RunState
from ovh_spawner.errors import NoCapacityError
from ovh_spawner.pod import endings
from ovh_spawner.pod.codes import CODES
from ovh_spawner.pod.status import PodStep, read_pod
from tests.pod.records import (
    PLAIN,
    READY,
    RUNNING,
    SCHEDULED,
    disruption,
    ended,
    record,
    waiting,
)

NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
LIVE = {"gateway": RUNNING, "editor": RUNNING}


def report(state, message, mount_path="/workspace/data"):
    volume = VolumeProgress(
        volume=UUID(int=1), mount_path=mount_path, info="bucket@GRA", state=state, message=message
    )
    found = SyncReport(
        job=UUID(int=2), state=SyncState.FAILED, started_at=NOW, ended_at=NOW, volumes=[volume]
    )
    return found.model_dump_json()


@pytest.mark.parametrize(
    ("pod", "step", "message"),
    [
        (PLAIN, PodStep.QUEUED, "Waiting for a node."),
        (record(SCHEDULED), PodStep.IMAGES, "Preparing the node: disk and images."),
        (
            record(SCHEDULED, data=waiting("PodInitializing")),
            PodStep.IMAGES,
            "Preparing the node: disk and images.",
        ),
        (record(SCHEDULED, data=RUNNING), PodStep.DATA, "Bringing the data."),
        (record(SCHEDULED, data=ended(0), **LIVE), PodStep.EDITOR, "Starting the editor."),
        (record(SCHEDULED, READY, phase="Running", **LIVE), PodStep.READY, "Ready."),
        (
            record(SCHEDULED, READY, phase="Running", is_stopping=True, **LIVE),
            PodStep.STOPPING,
            "Stopping.",
        ),
    ],
)
def test_a_pod_that_goes_on_says_how_far_it_has_come(pod, step, message):
    status = read_pod(pod)

    assert (status.step, status.message, status.end) == (step, message, None)


def test_times_are_the_clusters_own():
    running = read_pod(record(SCHEDULED, READY, phase="Running", is_stopping=True, **LIVE))
    over = read_pod(
        record(
            SCHEDULED, phase="Failed", gateway=ended(0, at="2026-03-01T12:30:02Z"), editor=ended(143),
            is_stopping=True,
        )
    )  # fmt: skip

    assert running.ready_at == datetime(2026, 3, 1, 10, 1, 5, tzinfo=UTC)
    # The deletion time is when the grace ends; the order came that much earlier.
    assert running.stopping_at == datetime(2026, 3, 1, 12, 29, 30, tzinfo=UTC)
    assert running.ended_at is None
    assert over.ended_at == NOW


def test_without_an_editors_end_the_last_container_tells_the_time():
    pod = record(SCHEDULED, phase="Failed", data=ended(1, at="2026-03-01T10:02:00Z"))

    assert read_pod(pod).ended_at == datetime(2026, 3, 1, 10, 2, tzinfo=UTC)


def test_an_end_that_nobody_saw_has_no_time():
    lost = {"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown", "finishedAt": None}}
    status = read_pod(record(SCHEDULED, phase="Failed", gateway=lost, editor=lost))

    assert status.ended_at is None
    assert (status.end.state, status.end.code) == (RunState.ERROR, "node_lost")


def test_a_user_may_have_run_something_once_the_editor_was_started():
    assert not read_pod(record(SCHEDULED, data=RUNNING)).launched
    assert not read_pod(record(SCHEDULED, editor=waiting("ContainerCreating"))).launched
    assert read_pod(record(SCHEDULED, data=ended(0), **LIVE)).launched
    assert read_pod(record(SCHEDULED, phase="Failed", editor=ended(1))).launched


@pytest.mark.parametrize(
    ("pod", "state", "code", "said"),
    [
        (record(phase="Failed", gateway=RUNNING, editor=ended(137, "OOMKilled")), RunState.FAILED,
         "out_of_memory", "The notebook ended: it used more than 40 GiB of memory."),
        (record(phase="Failed", reason="Evicted",
                message="Pod ephemeral local storage usage exceeds the total limit of containers 41Gi."),
         RunState.FAILED, "disk_full", "it used more than 40 GiB of local disk"),
        (record(phase="Failed", reason="Evicted",
                message='Usage of EmptyDir volume "scratch" exceeds the limit "40Gi".'),
         RunState.FAILED, "disk_full", "write less to /data and /tmp"),
        (record(phase="Failed", reason="Evicted",
                message="The node was low on resource: ephemeral-storage."),
         RunState.ERROR, "evicted", "its node ran short of resources"),
        (record(phase="Failed", reason="Terminated", message="in response to imminent node shutdown",
                editor=ended(143)),
         RunState.ERROR, "node_shutdown", "its node was shut down"),
        (record(phase="Failed", reason="OutOfnvidia.com/gpu"), RunState.ERROR, "node_refused",
         "could not take the notebook"),
        (record(disruption("PreemptionByScheduler"), phase="Failed", is_stopping=True, editor=ended(143)),
         RunState.ERROR, "preempted", "make room for one with a higher priority"),
        (record(disruption("EvictionByEvictionAPI"), phase="Failed", is_stopping=True, editor=ended(143)),
         RunState.ERROR, "drained", "its node was taken out of service"),
        (record(disruption("DeletionByTaintManager"), phase="Running", is_stopping=True, **LIVE),
         RunState.ERROR, "node_lost", "its node does not answer any more"),
        (record(disruption("DeletionByPodGC"), phase="Failed", **LIVE), RunState.ERROR, "node_lost",
         "its node is gone"),
        (record(phase="Running", gateway=RUNNING, editor=ended(1)), RunState.FAILED, "editor_ended",
         "The editor ended unexpectedly (exit code 1)."),
        (record(phase="Running", gateway=RUNNING, editor=ended(139)), RunState.FAILED, "editor_ended",
         "(killed by signal 11)"),
        (record(phase="Failed", editor=ended(128, "StartError", "exec: tini: not found")), RunState.ERROR,
         "image_broken", "has no editor that can be started"),
        (record(phase="Running", gateway=ended(1), editor=RUNNING), RunState.ERROR, "gateway_ended",
         "The notebook's gateway ended unexpectedly (exit code 1)."),
        (record(phase="Failed"), RunState.ERROR, "node_refused", "Start it again."),
        (record(phase="Failed", reason="UnexpectedAdmissionError", editor=waiting("PodInitializing")),
         RunState.ERROR, "node_refused", "Start it again."),
    ],
)  # fmt: skip
def test_an_end_is_told_in_one_sentence_with_what_to_do(pod, state, code, said):
    end = read_pod(pod).end

    assert (end.state, end.code) == (state, code)
    assert said in end.message
    assert "start" in end.message.lower() or "operator" in end.message


@pytest.mark.parametrize(
    "pod",
    [
        record(phase="Running", gateway=RUNNING, editor=ended(0)),
        record(phase="Succeeded", gateway=ended(0), editor=ended(0)),
        record(phase="Failed", is_stopping=True, gateway=ended(0), editor=ended(143)),
        # Its node's clock is slow: by it, the editor was told to end before the order.
        record(phase="Failed", is_stopping=True, gateway=ended(0), editor=ended(143, at="2026-03-01T12:29:27Z")),
        record(phase="Failed", is_stopping=True, data=ended(1)),
        record(phase="Running", gateway=ended(0), editor=RUNNING),
        # Removed before anything of it had begun.
        record(phase="Failed", is_stopping=True),
        # Its node was drained while it was stopping already.
        record(
            {**disruption("EvictionByEvictionAPI"), "lastTransitionTime": "2026-03-01T12:29:59Z"},
            phase="Failed", is_stopping=True, editor=ended(143),
        ),
    ],
)  # fmt: skip
def test_what_was_ordered_or_ended_well_is_a_stop(pod):
    end = read_pod(pod).end

    assert (end.state, end.code, end.message) == (RunState.STOPPED, "", "")


BEFORE = "2026-03-01T12:29:29Z"
"""A second before the pod's deletion was asked for."""


@pytest.mark.parametrize(
    ("containers", "code"),
    [
        ({"editor": ended(137, "OOMKilled", at=BEFORE)}, "out_of_memory"),
        ({"editor": ended(1, at=BEFORE)}, "editor_ended"),
        ({"gateway": ended(1, at=BEFORE)}, "gateway_ended"),
        ({"data": ended(1, at=BEFORE)}, "pull_failed"),
    ],
)
def test_a_pod_that_is_removed_after_it_failed_has_failed(containers, code):
    assert read_pod(record(phase="Running", is_stopping=True, **containers)).end.code == code


def test_a_kernel_that_used_too_much_memory_does_not_make_a_later_stop_a_failure():
    # The runtime keeps the reason of the container's first such event, whatever ends it in the end.
    for exit_code in (0, 143, 137):
        pod = record(phase="Failed", is_stopping=True, editor=ended(exit_code, "OOMKilled"))
        assert read_pod(pod).end.state is RunState.STOPPED
    alone = record(phase="Running", editor=ended(0, "OOMKilled"))
    assert read_pod(alone).end.state is RunState.STOPPED


def test_a_notebook_that_is_asked_to_make_room_goes_on_until_its_editor_has_ended():
    pod = record(disruption("PreemptionByScheduler"), READY, phase="Running", is_stopping=True, **LIVE)

    assert read_pod(pod).end is None
    assert read_pod(pod).step is PodStep.STOPPING


@pytest.mark.parametrize("phase", ["Pending", "Running"])
def test_a_pod_is_over_when_no_container_is_left(phase):
    assert not read_pod(record(phase=phase, gateway=RUNNING, editor=ended(1))).is_over
    assert read_pod(record(phase="Failed", gateway=ended(1), editor=ended(1))).is_over


def test_a_failed_pull_tells_which_volume_and_why():
    words = report(SyncState.FORBIDDEN, "The data store refuses this key.")
    end = read_pod(record(phase="Failed", data=ended(1, message=words))).end

    assert (end.state, end.code) == (RunState.FAILED, "pull_failed")
    assert end.message == (
        "Not all data could be brought. /workspace/data: The data store refuses this key. "
        "Change the volumes or start again."
    )


@pytest.mark.parametrize(
    ("data", "state", "said"),
    [
        (ended(75), RunState.FAILED, "Another data sync of this notebook is still running."),
        (ended(137, "OOMKilled"), RunState.ERROR, "without a report (it used too much memory)"),
        (ended(2, message="no JSON"), RunState.ERROR, "without a report (exit code 2)"),
    ],
)
def test_a_pull_without_a_report_is_told_all_the_same(data, state, said):
    end = read_pod(record(phase="Failed", data=data)).end

    assert (end.state, end.code) == (state, "pull_failed")
    assert said in end.message


def test_a_node_that_stopped_answering_is_told_before_the_cluster_gives_it_up():
    silent = {"type": "Ready", "status": "False", "reason": "NodeStatusUnknown"}
    status = read_pod(record(SCHEDULED, silent, phase="Running", **LIVE))

    assert (status.trouble.code, status.end) == ("node_lost", None)


@pytest.mark.parametrize("pod", [{}, {"metadata": None, "spec": None, "status": None}, {"status": {}}])
def test_a_record_with_nothing_in_it_is_a_pod_that_waits(pod):
    assert read_pod(pod).step is PodStep.QUEUED


def test_every_word_for_a_failure_is_explained():
    """What programs read of a start that failed, or of a run that ended, stands in the reference of errors."""
    package = Path(endings.__file__).parent.parent
    sources = ("pod/endings.py", "pod/waiting.py", "hub/kubernetes_spawner.py")
    said = " ".join((package / name).read_text() for name in sources)
    words = set(re.findall(r'(?:Trouble|Ending)\(\s*(?:RunState\.\w+,\s*)?"([a-z_]+)"', said))
    words |= set(re.findall(r'code="([a-z_]+)"', said)) | set(re.findall(r'": \("([a-z_]+)", "', said))

    assert len(words) > 15
    assert words - CODES.keys() - {NoCapacityError.code} == set()
