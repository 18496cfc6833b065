"""What a Job and its pods say about a data sync. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ovh_spawner.contract.sync import SyncReport, SyncState
from ovh_spawner.pod.containers import DATA
from ovh_spawner.pod.endings import read_report
from ovh_spawner.pod.record import container_states, phase, read_time
from ovh_spawner.pod.waiting import trouble_of

Json = dict[str, Any]

EXIT_LOCKED = 75
"""What the data sync says when another one holds the lock of the notebook's files."""

CONTROLLER = "batch.kubernetes.io/controller-uid"
"""Label by which a Job's pods are told from those of an earlier Job of the same name."""

TOO_SLOW = "It did not end in the time that is set for data syncs, so it was ended. The files are kept."
LOST = "The data sync's container ended before it could report ({why}). The files are kept."


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How a Job ended, and what that means where its program left no report."""

    is_complete: bool
    at: datetime | None
    state: SyncState
    message: str


@dataclass(frozen=True, slots=True)
class LastWords:
    """What the last pod of a Job left."""

    report: SyncReport | None = None
    is_locked: bool = False


def end_of_job(job: Json) -> JobEnd | None:
    """Return how the Job ended; None: it has not, a pod of it may still run."""
    for condition in job.get("status", {}).get("conditions") or ():
        if condition.get("status") != "True":
            continue
        at = read_time(condition.get("lastTransitionTime"))
        if condition["type"] == "Complete":
            text = LOST.format(why="its report is lost")
            return JobEnd(is_complete=True, at=at, state=SyncState.UNKNOWN_ERROR, message=text)
        if condition["type"] == "Failed":
            if condition.get("reason") == "DeadlineExceeded":
                return JobEnd(is_complete=False, at=at, state=SyncState.FAILED, message=TOO_SLOW)
            text = LOST.format(why=_words(condition.get("reason", "")))
            return JobEnd(is_complete=False, at=at, state=SyncState.INTERRUPTED, message=text)
    return None


def own_pods(pods: Sequence[Json], job: Json) -> list[Json]:
    """Return the pods of this Job, not of an earlier one of its name; the newest last."""
    uid = job["metadata"]["uid"]
    own = [pod for pod in pods if pod["metadata"]["labels"].get(CONTROLLER, uid) == uid]
    # Times are whole seconds: of two pods of one second, the one that succeeded came last.
    return sorted(own, key=lambda pod: (str(pod["metadata"]["creationTimestamp"]), phase(pod) == "Succeeded"))


def is_whole(pods: Sequence[Json], end: JobEnd) -> bool:
    """Tell whether the last of these pods is surely the Job's last one: only a Job that succeeded shows it."""
    return end.is_complete and bool(pods) and phase(pods[-1]) == "Succeeded"


def last_words_of(pods: Sequence[Json], sync: UUID) -> LastWords:
    """Return what the newest pod that ended has left."""
    for pod in reversed(pods):
        ended = container_states(pod).get(DATA, {}).get("terminated")
        if not ended:
            continue
        report = read_report(ended)
        if report and report.job == sync:
            return LastWords(report)
        return LastWords(is_locked=ended.get("exitCode") == EXIT_LOCKED)
    return LastWords()


def waits_since(pod: Json) -> datetime | None:
    """Return since when a pod waits to begin; None: it has begun."""
    return read_time(pod["metadata"].get("creationTimestamp")) if phase(pod) == "Pending" else None


def has_no_pod_since(job: Json) -> datetime | None:
    """Return since when a Job waits for its first pod to be allowed; None: it has one, or had."""
    status = job.get("status") or {}
    if status.get("active") or status.get("failed"):
        return None
    return read_time(job["metadata"].get("creationTimestamp"))


def is_moving(pod: Json) -> bool:
    """Tell whether a pod's data sync works, and nobody has ordered its end."""
    return "running" in container_states(pod).get(DATA, {}) and "deletionTimestamp" not in pod["metadata"]


def why_it_waits(pod: Json) -> str:
    """Return what keeps a pod from beginning, for people."""
    found = trouble_of(pod, card="GPU")
    return found.message or "the machine that it was given to could not take the files over."


def _words(reason: str) -> str:
    return {
        "BackoffLimitExceeded": "it failed again and again",
        "PodFailurePolicy": "it could not read what it was to do",
    }.get(reason, "the cluster ended it")
