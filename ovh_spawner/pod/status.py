"""What a pod's record means for its notebook: how far it has come, how it ended, and when, by the cluster's clock."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ovh_spawner.pod.containers import DATA, EDITOR, GATEWAY
from ovh_spawner.pod.endings import Ending, ending_of
from ovh_spawner.pod.record import (
    Record,
    condition,
    container_states,
    is_over,
    read_time,
    stop_order,
)
from ovh_spawner.pod.waiting import NO_TROUBLE, Trouble, trouble_of

__all__ = ["Ending", "PodStatus", "PodStep", "Trouble", "read_pod"]


class PodStep(StrEnum):
    """How far a pod has come."""

    QUEUED = "queued"
    IMAGES = "images"
    DATA = "data"
    EDITOR = "editor"
    READY = "ready"
    STOPPING = "stopping"
    ENDED = "ended"


_WORDS = {
    PodStep.QUEUED: "Waiting for a node.",
    PodStep.IMAGES: "Preparing the node: disk and images.",
    PodStep.DATA: "Bringing the data.",
    PodStep.EDITOR: "Starting the editor.",
    PodStep.READY: "Ready.",
    PodStep.STOPPING: "Stopping.",
    PodStep.ENDED: "Ended.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PodStatus:
    """What a pod's record says."""

    step: PodStep
    message: str
    """One plain sentence for whoever waits: the trouble, when there is one."""
    trouble: Trouble = NO_TROUBLE
    """Why it does not go on."""
    end: Ending | None = None
    """How the notebook ended; None while it has not. Other containers may still be ending: see ``is_over``."""
    is_over: bool = False
    """True: no container runs any more, and none will."""
    launched: bool = False
    """True: a process of the notebook's user may have run, so that its end is followed by a push."""
    ready_at: datetime | None = None
    stopping_at: datetime | None = None
    ended_at: datetime | None = None
    """When the editor's container ended, else the last one; None where nobody saw it."""


def read_pod(pod: Record, *, card: str = "GPU") -> PodStatus:
    """Return what a notebook's pod says; ``card`` is what its flavor's GPU is called."""
    states = container_states(pod)
    end = ending_of(pod)
    trouble = NO_TROUBLE if end else trouble_of(pod, card=card)
    step = _step(pod, states, end=end)
    message = end.message if end else trouble.message
    return PodStatus(
        step=step,
        message=message or _WORDS[step],
        trouble=trouble,
        end=end,
        is_over=is_over(pod),
        launched=_has_run(states.get(EDITOR, {})),
        ready_at=_ready_at(pod),
        stopping_at=stop_order(pod),
        ended_at=_ended_at(states),
    )


def _step(pod: Record, states: dict[str, Record], *, end: Ending | None) -> PodStep:
    if end is not None:
        return PodStep.ENDED
    # The furthest first.
    reached = {
        PodStep.STOPPING: stop_order(pod) is not None,
        PodStep.READY: condition(pod, "Ready").get("status") == "True",
        PodStep.EDITOR: "running" in states.get(EDITOR, {}),
        PodStep.DATA: "running" in states.get(DATA, {}),
        PodStep.IMAGES: condition(pod, "PodScheduled").get("status") == "True",
    }
    return next((step for step, is_reached in reached.items() if is_reached), PodStep.QUEUED)


def _has_run(state: Record) -> bool:
    ended = state.get("terminated") or {}
    return "running" in state or read_time(ended.get("startedAt")) is not None


def _ready_at(pod: Record) -> datetime | None:
    ready = condition(pod, "Ready")
    return read_time(ready.get("lastTransitionTime")) if ready.get("status") == "True" else None


def _ended_at(states: dict[str, Record]) -> datetime | None:
    """The editor's end is the notebook's. Without an editor's, the end of what ended last."""
    times = {
        name: read_time((states.get(name, {}).get("terminated") or {}).get("finishedAt"))
        for name in (EDITOR, GATEWAY, DATA)
    }
    return times[EDITOR] or max((at for at in times.values() if at), default=None)
