"""The push after a run's end: owed by the run's row, done by a data sync, started as often as it takes."""

from dataclasses import replace
from uuid import UUID, uuid4

import structlog

from ovh_spawner.contract.sync import SyncDirection
from ovh_spawner.domain.states import PushState
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import RunRecord, SyncRecord
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.sync_worker import SyncWorker
from ovh_spawner.service.runners.base import NotYetError

logger = structlog.get_logger()

OWED = frozenset({PushState.PENDING, PushState.RUNNING})


class Pushes:
    """Starts what is owed."""

    def __init__(self, means: Means, worker: SyncWorker) -> None:
        self._means = means
        self._worker = worker

    def ensure_for(self, run: RunRecord) -> None:
        """Have the run's data saved when it has ended and owes it."""
        if not run.is_open and run.push in OWED:
            self._means.background.ensure(f"push {run.id}", lambda: self._push(run))

    async def _push(self, run: RunRecord) -> None:
        # Nothing may write while we save: neither an editor that outlived its gateway nor a kernel of it.
        try:
            await self._means.runner.end_processes(run.notebook, run.id)
        except NotYetError as exc:
            # The data sync itself waits for them, and knows when to give up.
            logger.info("push_waits", run=str(run.id), reason=exc.message)
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock(run.project, self._means.now())
            sync = await self._sync_for(unit, run.id)
        if sync:
            self._worker.ensure(sync)

    async def _sync_for(self, unit: UnitOfWork, run_id: UUID) -> SyncRecord | None:
        run = await unit.runs.find(run_id)
        if run is None or run.push not in OWED:
            return None
        for known in await unit.syncs.list_open(run.notebook):
            if known.run == run.id and known.direction is SyncDirection.PUSH and not known.manual:
                return known
        now = self._means.now()
        sync = SyncRecord(
            id=uuid4(),
            notebook=run.notebook,
            run=run.id,
            direction=SyncDirection.PUSH,
            manual=False,
            volume=None,
            created_at=now,
            updated_at=now,
        )
        await unit.syncs.add(sync)
        await unit.runs.save(replace(run, push=PushState.RUNNING))
        return sync
