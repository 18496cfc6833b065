"""The pull before a run's start: told by the spawner that drives it, or read where it runs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from ovh_spawner.contract.sync import SyncState, VolumeProgress
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.operations.means import Means

_GOING_ON = frozenset({SyncState.QUEUED, SyncState.RUNNING})


async def keep_pull(means: Means, notebook: UUID, run: UUID) -> tuple[VolumeProgress, ...]:
    """Look how far the pull has come where it runs, and store it."""
    found = await means.runner.observe_pull(notebook, run)
    if found is None:
        return ()
    async with means.ledger.writing() as unit:
        await unit.projects.lock_of_run(run)
        await store_pull(unit, run, found.volumes, finished=found.finished, now=means.now())
    return found.volumes


async def store_pull(
    unit: UnitOfWork, run: UUID, volumes: Sequence[VolumeProgress], *, finished: bool, now: datetime
) -> None:
    """Store how far the run's pull has come; what is over already stays as it is.

    The project's lock must be held: the run may be about to end, and its pull with it.
    """
    pull = await unit.syncs.find_start_pull(run)
    if pull is None or not pull.is_open:
        return
    failed = [v for v in volumes if v.state is not SyncState.DONE and v.state not in _GOING_ON]
    state = SyncState.RUNNING
    if finished:
        state = SyncState.FAILED if failed else SyncState.DONE
    await unit.syncs.save(
        replace(
            pull,
            state=state,
            volumes=tuple(volumes),
            message=" ".join(v.message for v in failed if v.message),
            started_at=pull.started_at or now,
            ended_at=now if finished else None,
            updated_at=now,
        )
    )
