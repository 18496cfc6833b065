"""Codes and sentences that say where a notebook stands, in the vendor's words where it has some."""

from collections.abc import Sequence

from ovh_spawner.contract.sync import SyncDirection, SyncState, VolumeProgress
from ovh_spawner.domain.states import NotebookState, RunState
from ovh_spawner.service.db.records import NotebookRecord, RunRecord, SyncRecord

_PLAIN = {
    NotebookState.STARTING: ("NOTEBOOK_STARTING", "Notebook is starting"),
    NotebookState.RUNNING: ("NOTEBOOK_RUNNING", "Notebook is running"),
    NotebookState.STOPPING: ("NOTEBOOK_STOPPING", "Notebook is stopping"),
    NotebookState.STOPPED: ("NOTEBOOK_STOPPED", "Notebook is stopped"),
    NotebookState.FAILED: ("NOTEBOOK_FAILED", "Notebook failed"),
    # The vendor has no code of its own for ERROR.
    NotebookState.ERROR: ("NOTEBOOK_FAILED", "The platform could not run the notebook"),
    NotebookState.SYNC_FAILED: ("NOTEBOOK_SYNC_FAILED", "Saving the notebook's data failed"),
    NotebookState.RESTARTING: ("NOTEBOOK_STARTING", "Notebook is restarting"),
    NotebookState.DELETING: ("NOTEBOOK_STOPPING", "Notebook is being deleted"),
}

_RUN_CODES = {
    RunState.STARTING: "JOB_INITIALIZING",
    RunState.RUNNING: "JOB_RUNNING",
    RunState.STOPPING: "JOB_INTERRUPTING",
    RunState.STOPPED: "JOB_INTERRUPTED",
    RunState.FAILED: "JOB_FAILED",
    RunState.ERROR: "JOB_ERROR",
}

_SYNC_CODES = {
    SyncState.QUEUED: "DATASYNC_QUEUED",
    SyncState.RUNNING: "DATASYNC_RUNNING",
    SyncState.DONE: "DATASYNC_DONE",
    SyncState.FAILED: "DATASYNC_FAILED",
    SyncState.INTERRUPTED: "DATASYNC_INTERRUPTED",
    SyncState.FORBIDDEN: "DATASYNC_PROGRESS_FAILED_FORBIDDEN",
    SyncState.INVALID_CREDENTIALS: "DATASYNC_PROGRESS_FAILED_INVALID_CREDENTIALS",
    SyncState.NOT_FOUND: "DATASYNC_PROGRESS_FAILED_NOT_FOUND",
    SyncState.TRANSIENT_ERROR: "DATASYNC_PROGRESS_FAILED_TRANSIENT_ERROR",
    SyncState.UNKNOWN_ERROR: "DATASYNC_PROGRESS_FAILED_UNKNOWN_ERROR",
}

GIGABYTE = 1_000_000_000
MEGABYTE = 1_000_000


def notebook_status(
    state: NotebookState, run: RunRecord | None, syncs: Sequence[SyncRecord]
) -> tuple[str, str]:
    """Return the vendor's code and one sentence."""
    code, text = _PLAIN[state]
    moving = next((sync for sync in syncs if sync.is_open), None)
    match state:
        case NotebookState.STARTING if moving and moving.direction is SyncDirection.PULL:
            return (
                "NOTEBOOK_INITIALIZING",
                f"Notebook is starting: bringing its data, {amount(moving.volumes)}",
            )
        case NotebookState.STOPPING if run and not run.is_open:
            return "NOTEBOOK_FINALIZING", still_saving(syncs)
        case NotebookState.FAILED | NotebookState.ERROR if run and run.message:
            return "NOTEBOOK_FAILED_WITH_MESSAGE", run.message
        case NotebookState.SYNC_FAILED if run and run.push_message:
            return code, run.push_message
        case _:
            return code, text


def run_code(run: RunRecord) -> str:
    """Return the vendor's code of a run."""
    if run.code:
        return run.code
    return (
        "JOB_FAILED_WITH_MESSAGE" if run.state is RunState.FAILED and run.message else _RUN_CODES[run.state]
    )


def sync_code(state: SyncState) -> str:
    """Return the vendor's code of a data sync."""
    return _SYNC_CODES.get(state, "DATASYNC_ERROR")


def still_saving(syncs: Sequence[SyncRecord]) -> str:
    """Return 'still saving', with how far it has come."""
    push = next((s for s in syncs if s.is_open and s.direction is SyncDirection.PUSH), None)
    return f"still saving: {amount(push.volumes)}" if push and push.volumes else "still saving"


def amount(volumes: Sequence[VolumeProgress]) -> str:
    """Return how much of the known amount has moved: 1.2 of 3.4 GB."""
    done = sum(volume.transferred_bytes for volume in volumes)
    total = max(done, sum(volume.total_bytes for volume in volumes))
    unit, name = (GIGABYTE, "GB") if total >= GIGABYTE else (MEGABYTE, "MB")
    return f"{done / unit:.1f} of {total / unit:.1f} {name}"


def why_not_startable(state: NotebookState, notebook: NotebookRecord, syncs: Sequence[SyncRecord]) -> str:
    """Return why a notebook in this state cannot be started (or changed), and what to do."""
    name = notebook.spec.name
    match state:
        case NotebookState.STARTING | NotebookState.RUNNING | NotebookState.RESTARTING:
            return f"Notebook {name!r} is {state.value} already. Stop it first."
        case NotebookState.STOPPING:
            return f"Notebook {name!r} is stopping ({still_saving(syncs)}). Try again when it is STOPPED."
        case NotebookState.SYNC_FAILED:
            return (
                f"Data of notebook {name!r} are not saved yet, so it cannot start. Its files are kept: "
                "push them first (data sync, direction push), then start it."
            )
        case NotebookState.DELETING:
            return f"Notebook {name!r} is being deleted."
        case _:
            return f"Notebook {name!r} is {state.value}."
