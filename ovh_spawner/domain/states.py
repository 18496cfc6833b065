"""States of notebooks and runs, and who may say which one was reached.

A notebook has many runs. A run is STARTING, perhaps RUNNING, perhaps STOPPING, and has one end
(STOPPED, FAILED or ERROR). How the push after the end went is kept apart, and both together give the state
that a notebook shows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RunState(StrEnum):
    """What a run can have reached."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    ERROR = "ERROR"


ENDS = frozenset({RunState.STOPPED, RunState.FAILED, RunState.ERROR})
HOLDING = frozenset({RunState.STARTING, RunState.RUNNING})
"""States that count against the project's quota."""


class NotebookState(StrEnum):
    """What a notebook shows; the vendor's nine values."""

    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    FAILED = "FAILED"
    ERROR = "ERROR"
    SYNC_FAILED = "SYNC_FAILED"
    RESTARTING = "RESTARTING"
    DELETING = "DELETING"


STARTABLE = frozenset({NotebookState.STOPPED, NotebookState.FAILED, NotebookState.ERROR})
RUNNING_LIKE = frozenset({NotebookState.STARTING, NotebookState.RUNNING, NotebookState.RESTARTING})


class Source(StrEnum):
    """Who reports a transition."""

    API = "api"
    """The service itself, when it accepts an order."""
    HUB = "hub"
    """The spawner."""
    GATEWAY = "gateway"
    """The listener in front of the editor."""
    CLUSTER = "cluster"
    """The cluster's own record of the container."""
    RECONCILE = "reconcile"
    """The service, closing what no report closed, at the last proof of life."""


class Door(StrEnum):
    """How a request came in."""

    API = "api"
    HUB = "hub"
    FORM = "form"


class PushState(StrEnum):
    """How the push after a run's end goes."""

    NONE = "none"
    """The run has not ended, or nothing of the user ever ran."""
    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Transition:
    """One dated state change, as one source saw it."""

    state: RunState
    source: Source
    at: datetime
    code: str = ""
    message: str = ""


_WHO_KNOWS_BEST = {
    # The container's own times first; a guess of ours last.
    RunState.STARTING: (Source.API, Source.HUB),
    RunState.RUNNING: (Source.CLUSTER, Source.GATEWAY, Source.HUB),
    # The order is the stop: whoever received it first.
    RunState.STOPPING: (Source.API, Source.HUB, Source.CLUSTER, Source.GATEWAY),
    RunState.STOPPED: (Source.CLUSTER, Source.GATEWAY, Source.HUB),
    RunState.FAILED: (Source.CLUSTER, Source.GATEWAY, Source.HUB),
    RunState.ERROR: (Source.CLUSTER, Source.GATEWAY, Source.HUB),
}


def _rank(transition: Transition) -> tuple[int, datetime]:
    order = _WHO_KNOWS_BEST[transition.state]
    known = transition.source in order
    return (order.index(transition.source) if known else len(order), transition.at)


def best(transitions: Iterable[Transition], state: RunState) -> Transition | None:
    """Return the report of ``state`` that counts, or None; the order of the reports plays no part."""
    return min((t for t in transitions if t.state is state), key=_rank, default=None)


_END_RANK = (RunState.STOPPED, RunState.FAILED, RunState.ERROR)
_WITNESSES = frozenset({Source.CLUSTER, Source.GATEWAY})
"""Who saw the processes end. The others conclude it, later or from the last time that they looked."""


def end_of(transitions: Iterable[Transition]) -> Transition | None:
    """Return the run's one end: a witness's, else the earliest; a plain stop before a failure of the same instant."""
    known = list(transitions)
    ends = [found for state in _END_RANK if (found := best(known, state))]
    return min(ends, key=_end_rank, default=None)


def _end_rank(end: Transition) -> tuple[bool, datetime, int]:
    return (end.source not in _WITNESSES, end.at, _END_RANK.index(end.state))


def run_state(transitions: Iterable[Transition]) -> RunState:
    """Return how far a run has come: the furthest state reported, in whatever order the reports came."""
    known = list(transitions)
    if end := end_of(known):
        return end.state
    seen = {t.state for t in known}
    for state in (RunState.STOPPING, RunState.RUNNING):
        if state in seen:
            return state
    return RunState.STARTING


def notebook_state(run: RunState | None, push: PushState, *, deleting: bool = False) -> NotebookState:
    """Return what a notebook shows, from its newest run and the push after it."""
    if deleting:
        return NotebookState.DELETING
    if run is None:
        return NotebookState.STOPPED
    if run in ENDS and push in {PushState.PENDING, PushState.RUNNING}:
        return NotebookState.STOPPING
    if run in ENDS and push is PushState.FAILED:
        return NotebookState.SYNC_FAILED
    return NotebookState(run.value)
