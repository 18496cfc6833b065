"""How a pod ended, in one plain sentence: what happened, and what to do next.

FAILED is what the notebook's owner can act on, ERROR is a fault of the platform, STOPPED is what was ordered.
"""

from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError

from ovh_spawner.contract.sync import SyncReport, SyncState
from ovh_spawner.domain.states import RunState
from ovh_spawner.pod.containers import DATA, EDITOR, GATEWAY
from ovh_spawner.pod.record import (
    Record,
    condition,
    container_states,
    is_over,
    limit,
    phase,
    read_time,
    reason,
    stop_order,
)
from ovh_spawner.pod.resources import in_words, read_size

_SIGNAL = 128
"""Exit codes above it: ended by the signal of the number that is left."""
_TOLD = {_SIGNAL + 15, _SIGNAL + 9}
"""Ended by SIGTERM, or by SIGKILL when the grace was over."""
CLOCKS_APART = timedelta(seconds=5)
"""So far may the clocks of hub, API server and nodes differ."""
_LOCKED = 75
"""The data sync's: another one works on these files."""
_KEPT = "Your files are kept; start the notebook again."


@dataclass(frozen=True, slots=True)
class Ending:
    """How a notebook's pod ended."""

    state: RunState
    code: str = ""
    message: str = ""


STOPPED = Ending(RunState.STOPPED)


def ending_of(pod: Record) -> Ending | None:
    """Return how the notebook ended; None while it goes on, or while it ends as ordered."""
    states = container_states(pod)
    return (
        _disrupted(pod)
        or _given_up(pod)
        or _pull_failed(states.get(DATA, {}).get("terminated"), pod)
        or _editor_ended(states.get(EDITOR, {}).get("terminated"), pod)
        or _gateway_ended(states.get(GATEWAY, {}).get("terminated"), pod)
        or _other(pod)
    )


_DISRUPTIONS = {
    "PreemptionByScheduler": ("preempted", "it had to make room for one with a higher priority"),
    "EvictionByEvictionAPI": ("drained", "its node was taken out of service"),
    "DeletionByTaintManager": ("node_lost", "its node does not answer any more or was taken out of service"),
    "DeletionByPodGC": ("node_lost", "its node is gone"),
}


def _disrupted(pod: Record) -> Ending | None:
    """Read the cluster's own decision to end a pod. The kubelet's (evictions) are told apart by their words."""
    found = condition(pod, "DisruptionTarget")
    if found.get("status") != "True" or found.get("reason") not in _DISRUPTIONS:
        return None
    order, decided = stop_order(pod), read_time(found.get("lastTransitionTime"))
    if order and decided and decided > order:
        return None  # it was stopping already
    code, why = _DISRUPTIONS[found["reason"]]
    # Until then it goes on: it has its grace to end in. A node that does not answer will never say so.
    if code != "node_lost" and not _has_ended(pod):
        return None
    return Ending(RunState.ERROR, code, f"The notebook was ended: {why}. {_KEPT}")


def _has_ended(pod: Record) -> bool:
    states = container_states(pod)
    return is_over(pod) or "terminated" in states.get(EDITOR, {}) or not states


def _given_up(pod: Record) -> Ending | None:
    """Read why a node gave the whole pod up."""
    why, message = reason(pod)
    match why:
        case "Evicted" if _is_disk(message):
            return _disk_full(pod)
        case "Evicted":
            return Ending(
                RunState.ERROR, "evicted", f"The notebook was ended: its node ran short of resources. {_KEPT}"
            )
        case "NodeLost":
            return Ending(
                RunState.ERROR, "node_lost", f"The notebook was ended: its node does not answer. {_KEPT}"
            )
        case "Terminated" | "NodeShutdown" | "Shutdown":
            return Ending(
                RunState.ERROR, "node_shutdown", f"The notebook was ended: its node was shut down. {_KEPT}"
            )
        case _ if phase(pod) == "Failed" and not _has_begun(pod) and not stop_order(pod):
            return Ending(
                RunState.ERROR,
                "node_refused",
                "The node that was chosen could not take the notebook. Start it again.",
            )
    return None


def _has_begun(pod: Record) -> bool:
    return any(not state.keys() <= {"waiting"} for state in container_states(pod).values())


def _is_disk(message: str) -> bool:
    text = message.lower()
    # "The node was low on resource: ephemeral-storage" is another's doing.
    return ("ephemeral" in text or "emptydir" in text) and "exceed" in text


def _disk_full(pod: Record) -> Ending:
    size = read_size(limit(pod, EDITOR, "ephemeral-storage"))
    amount = f"{in_words(size)} of" if size else "all of its"
    return Ending(
        RunState.FAILED,
        "disk_full",
        f"The notebook ended: it used more than {amount} local disk. Files in /workspace and in volumes are "
        "kept; start it again, and write less to /data and /tmp or choose more units.",
    )


def _pull_failed(ended: Record | None, pod: Record) -> Ending | None:
    if not ended or ended.get("exitCode") == 0:
        return None
    if _was_ordered(ended, pod):
        return STOPPED
    report = read_report(ended)
    if report is not None:
        failed = [v for v in report.volumes if v.state is not SyncState.DONE and v.message]
        details = " ".join(f"{v.mount_path}: {v.message}" for v in failed) or report.message
        message = f"Not all data could be brought. {details} Change the volumes or start again."
        return Ending(RunState.FAILED, "pull_failed", message.replace("  ", " "))
    if ended.get("exitCode") == _LOCKED:
        return Ending(
            RunState.FAILED,
            "pull_failed",
            "Another data sync of this notebook is still running. Start the notebook again when it is done.",
        )
    return Ending(
        RunState.ERROR,
        "pull_failed",
        f"The data sync ended without a report ({_exit_words(ended)}). Start the notebook again; if it happens "
        "again, tell the operator.",
    )


def read_report(ended: Record) -> SyncReport | None:
    """Return what the data sync wrote as its container's last words."""
    try:
        return SyncReport.model_validate_json(ended.get("message") or "")
    except ValidationError:
        return None


def _editor_ended(ended: Record | None, pod: Record) -> Ending | None:
    if not ended:
        return None
    if _was_ordered(ended, pod) or ended.get("exitCode") == 0:
        return STOPPED
    if ended.get("reason") == "OOMKilled":
        size = read_size(limit(pod, EDITOR, "memory"))
        amount = f"more than {in_words(size)} of" if size else "too much"
        return Ending(
            RunState.FAILED,
            "out_of_memory",
            f"The notebook ended: it used {amount} memory. Your files are kept; start it again, and hold less "
            "in memory at a time or choose more units.",
        )
    if ended.get("reason") in {"ContainerStatusUnknown", "NodeLost"}:
        return Ending(
            RunState.ERROR, "node_lost", f"The notebook ended while its node did not answer. {_KEPT}"
        )
    if ended.get("reason") in {"StartError", "ContainerCannotRun"}:
        return Ending(
            RunState.ERROR,
            "image_broken",
            "The notebook's image has no editor that can be started. Tell the operator.",
        )
    return Ending(
        RunState.FAILED,
        "editor_ended",
        f"The editor ended unexpectedly ({_exit_words(ended)}). Packages that you installed may be the cause. "
        f"{_KEPT}",
    )


def _gateway_ended(ended: Record | None, pod: Record) -> Ending | None:
    if not ended:
        return None
    if _was_ordered(ended, pod) or ended.get("exitCode") == 0:
        return STOPPED
    return Ending(
        RunState.ERROR,
        "gateway_ended",
        f"The notebook's gateway ended unexpectedly ({_exit_words(ended)}). {_KEPT} If it happens again, tell "
        "the operator.",
    )


def _was_ordered(ended: Record, pod: Record) -> bool:
    """Tell whether a container ended because it was told to: one that has failed is removed afterwards, too."""
    order, end = stop_order(pod), read_time(ended.get("finishedAt"))
    if order is None:
        return False
    # The order's time is the API server's, the end's its node's.
    is_told = ended.get("exitCode") in _TOLD and ended.get("reason") != "OOMKilled"
    return end is None or end >= (order - CLOCKS_APART if is_told else order)


def _other(pod: Record) -> Ending | None:
    how = phase(pod)
    if how == "Succeeded" or (how == "Failed" and stop_order(pod) is not None):
        return STOPPED
    if how == "Failed":
        return Ending(
            RunState.ERROR, "pod_failed", f"The notebook ended, and the cluster does not say why. {_KEPT}"
        )
    return None


def _exit_words(ended: Record) -> str:
    if ended.get("reason") == "OOMKilled":
        return "it used too much memory"
    code = int(ended.get("exitCode") or 0)
    return f"killed by signal {code - _SIGNAL}" if code > _SIGNAL else f"exit code {code}"
