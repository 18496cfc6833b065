"""What a pod's record says about a run: the cluster's own times, and whether it still lives. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from ovh_spawner.domain.states import RunState, Source
from ovh_spawner.pod.containers import EDITOR
from ovh_spawner.pod.endings import Ending
from ovh_spawner.pod.record import Record, condition, container_states, read_time
from ovh_spawner.pod.status import PodStatus, read_pod
from ovh_spawner.service.runners.base import RunEvidence, RunLife

OVERDUE = timedelta(seconds=60)
"""After the end of a pod's grace a kubelet that works has removed it; one that does not is not waited for."""

NODE_LOST = (
    "The notebook was ended: its node does not answer any more. Your files are kept; start the notebook again when "
    "they are saved."
)


def evidence_of(pod: Record, *, seen_at: datetime) -> RunEvidence:
    """Return what a pod's record says at ``seen_at``."""
    said, lost_at = read_pod(pod), _lost_at(pod)
    # A node that does not answer was lost before the cluster gave it up.
    stopping_at = min(said.stopping_at, lost_at or said.stopping_at) if said.stopping_at else None
    known = RunEvidence(
        RunLife.ALIVE,
        source=Source.CLUSTER,
        ready_at=said.ready_at,
        stopping_at=stopping_at,
        seen_at=seen_at,
        launched=said.launched,
        ordered=said.stopping_at is not None,
        is_responsive=said.ready_at is not None,
    )
    if not (_is_over(pod, said) or is_held(pod, now=seen_at, patience=OVERDUE)):
        return known
    end = said.end or Ending(RunState.ERROR, "node_lost", NODE_LOST)
    return replace(
        known,
        life=RunLife.GONE,
        # What a node reports that does not answer is no end that anybody saw.
        ended_at=None if end.code == "node_lost" else said.ended_at,
        end=end.state,
        code=end.code,
        message=end.message,
        remains=True,
    )


def is_held(pod: Record, *, now: datetime, patience: timedelta) -> bool:
    """Tell whether a pod should be gone for long: its node keeps it, and the files, to itself."""
    due = _due(pod)
    return due is not None and now > due + patience


def is_due(pod: Record, *, now: datetime) -> bool:
    """Tell whether a pod should be gone by now, and a little more."""
    return is_held(pod, now=now, patience=OVERDUE)


def label_id(thing: Record, label: str) -> UUID | None:
    """Return the id that a label of ours bears; None: it bears none, so it is not ours to judge."""
    try:
        return UUID(thing["metadata"].get("labels", {}).get(label, ""))
    except ValueError:
        return None


def _is_over(pod: Record, said: PodStatus) -> bool:
    """Without an order one container's end is the run's; after an order the editor still saves its work."""
    if said.stopping_at is None or said.is_over or (said.end and said.end.code == "node_lost"):
        return said.is_over or said.end is not None
    return "terminated" in container_states(pod).get(EDITOR, {})


def _due(pod: Record) -> datetime | None:
    """Return when a pod whose end was ordered has to be gone."""
    return read_time(pod["metadata"].get("deletionTimestamp"))


def _lost_at(pod: Record) -> datetime | None:
    """Return when the cluster gave the pod's node up: Ready was taken from a pod whose containers are ready."""
    ready = condition(pod, "Ready")
    statuses = pod["status"].get("containerStatuses") or ()
    if ready.get("status") == "False" and statuses and all(status.get("ready") for status in statuses):
        return read_time(ready.get("lastTransitionTime"))
    return None
