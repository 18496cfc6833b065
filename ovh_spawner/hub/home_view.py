"""What a line of the home page says and offers. Pure."""

from dataclasses import dataclass
from datetime import datetime

from ovh_spawner.contract.notebooks import NotebookBrief
from ovh_spawner.domain.states import NotebookState
from ovh_spawner.hub.spawn_view import moved

_PENDING = {"spawn": "starting", "stop": "stopping"}
_AT_REST = {
    NotebookState.STOPPING: "saving changes",
    NotebookState.SYNC_FAILED: "changes not saved",
    NotebookState.FAILED: "failed",
    NotebookState.ERROR: "failed",
    NotebookState.DELETING: "being deleted",
}
_TELLING = frozenset({NotebookState.SYNC_FAILED, NotebookState.FAILED, NotebookState.ERROR})
"""States whose reason a person should read without asking."""
_PASSING = frozenset({NotebookState.STOPPING, NotebookState.DELETING})


@dataclass(frozen=True, slots=True)
class Hosted:
    """A notebook's server as the hub sees it."""

    server_name: str
    name: str
    url: str
    active: bool
    ready: bool
    pending: str
    """``spawn`` or ``stop`` while the hub is at it."""
    last_activity: datetime | None


@dataclass(frozen=True, slots=True)
class HomeLine:
    """One notebook."""

    hosted: Hosted
    name: str
    state: str
    detail: str
    may_save: bool
    """Its changes are not saved, and nobody is at it."""
    is_unsaved: bool
    is_passing: bool
    """Look again in a moment."""
    ssh_command: str = ""
    """How SSH clients reach it now."""


def view_line(hosted: Hosted, brief: NotebookBrief | None) -> HomeLine:
    """Return one notebook's line; without the service's word it says what the hub knows."""
    at_rest = None if hosted.active or hosted.pending else brief
    state = at_rest.state if at_rest else None
    is_saving = bool(at_rest and at_rest.is_syncing)
    return HomeLine(
        hosted=hosted,
        name=brief.name if brief else hosted.name,
        state=_state(hosted, at_rest),
        detail=at_rest.message if at_rest and state in _TELLING and not is_saving else "",
        may_save=state is NotebookState.SYNC_FAILED and not is_saving,
        # Deleting one that is being saved waits for that; see the service's deletions.
        is_unsaved=state is NotebookState.SYNC_FAILED,
        is_passing=bool(hosted.pending) or is_saving or state in _PASSING,
        ssh_command=brief.ssh_command if brief and hosted.ready and not hosted.pending else "",
    )


def _state(hosted: Hosted, at_rest: NotebookBrief | None) -> str:
    if hosted.pending:
        return _PENDING.get(hosted.pending, "being looked for")
    if hosted.active:
        return "running"
    if at_rest is None:
        return "stopped"
    if at_rest.is_syncing or at_rest.state is NotebookState.STOPPING:
        return f"saving changes{moved(at_rest.syncing)}"
    return _AT_REST.get(at_rest.state, "stopped")
