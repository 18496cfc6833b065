"""How a transition changes a run's row: state and times are computed anew; an end decides about the push."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from ovh_spawner.domain.billing import billed_interval
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.states import (
    ENDS,
    PushState,
    RunState,
    Source,
    Transition,
    best,
    end_of,
    run_state,
)
from ovh_spawner.domain.volumes import DataStoreSource, Permission
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import Deletion, NotebookRecord, RunRecord

TransitionList = tuple[Transition, ...]


def pushed_volumes(spec: NotebookSpec) -> tuple[UUID, ...]:
    """Return the ids of the volumes that a push saves. Repositories are pushed by their user, with git."""
    return tuple(
        volume.id
        for volume in spec.volumes
        if volume.permission is not Permission.RO and isinstance(volume.source, DataStoreSource)
    )


def recomputed(run: RunRecord, known: TransitionList, now: datetime) -> RunRecord:
    """Return the run with everything that follows from its transitions."""
    state = run_state(known)
    running = best(known, RunState.RUNNING)
    end = end_of(known)
    interval = billed_interval(known, now=now)
    stopped = [t for t in known if t.state in ENDS or t.state is RunState.STOPPING]
    latest = end or best(known, state)
    return replace(
        run,
        state=state,
        code=latest.code if latest else "",
        message=latest.message if latest else "",
        running_at=running.at if running else None,
        stopped_at=interval[1] if interval and stopped else None,
        ended_at=end.at if end else None,
        launched=run.launched or running is not None,
    )


async def record_transition(
    unit: UnitOfWork,
    run: RunRecord,
    transition: Transition,
    *,
    now: datetime,
    launched: bool = False,
) -> RunRecord:
    """Store the transition and what follows from it; a repeated report changes nothing.

    The project's lock must be held: two reports of one run are then written one after the other.
    """
    is_new = await unit.transitions.add(run.id, transition, now=now)
    is_end = transition.state in ENDS
    if not is_new and not (is_end and launched and not run.launched):
        return run
    changed = recomputed(run, await unit.transitions.of_run(run.id), now)
    changed = replace(changed, launched=changed.launched or (is_end and launched))
    notebook = await unit.notebooks.find(run.notebook)
    if notebook and not changed.is_open:
        changed = _with_push(run, changed, notebook)
        await _interrupt_start_pull(unit, run.id, now)
    await unit.runs.save(changed)
    await unit.notebooks.touch(run.notebook, now)
    return changed


def _with_push(before: RunRecord, after: RunRecord, notebook: NotebookRecord) -> RunRecord:
    """Decide about the push once, when the run has ended and something of the user may have run."""
    is_decided = not before.is_open and before.launched
    if is_decided or not after.launched or notebook.deletion is Deletion.NOW:
        return after
    unsaved = pushed_volumes(notebook.spec)
    return replace(after, unsaved=unsaved, push=PushState.PENDING if unsaved else PushState.DONE)


async def _interrupt_start_pull(unit: UnitOfWork, run: UUID, now: datetime) -> None:
    pull = await unit.syncs.find_start_pull(run)
    if pull:
        await unit.syncs.interrupt(pull.id, now)


async def close_run(
    unit: UnitOfWork,
    run: RunRecord,
    end: Transition,
    *,
    now: datetime,
    launched: bool,
) -> RunRecord:
    """Record an end that the service found out by itself; a plain stop ends the billed time as well."""
    if end.state is RunState.STOPPED and run.state is not RunState.STOPPING:
        stopping = Transition(RunState.STOPPING, end.source, end.at)
        run = await record_transition(unit, run, stopping, now=now)
    return await record_transition(unit, run, end, now=now, launched=launched)


def is_overdue(since: datetime, now: datetime, patience: timedelta) -> bool:
    """Tell whether patience has an end.

    An instant that lies far in the future was written before the clock was set back; waiting for it to come again
    would keep a hold on the quota for as long.
    """
    return abs(now - since) > patience


def reconciled(state: RunState, at: datetime, message: str = "") -> Transition:
    """Return a transition that nobody reported."""
    return Transition(state, Source.RECONCILE, at, "", message)
