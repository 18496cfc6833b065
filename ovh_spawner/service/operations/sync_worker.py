"""Drives one data sync to its end: starts it, follows it, tries again what failed for a passing reason.

All that it decides by is in the ledger and at the runner: another process can go on where this one stopped.
"""

import asyncio
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog

from ovh_spawner.contract.sync import SyncDirection, SyncReport, SyncState
from ovh_spawner.domain.states import PushState
from ovh_spawner.errors import RefusedError, RunnerError
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import Deletion, RunRecord, SyncRecord
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.sync_jobs import build_job
from ovh_spawner.service.runners.base import NotYetError, SyncEvidence, SyncLife

logger = structlog.get_logger()

PASSING = frozenset({SyncState.TRANSIENT_ERROR, SyncState.INTERRUPTED})
"""Failures that another try may not meet."""

MOVING = frozenset({SyncState.QUEUED, SyncState.RUNNING})


class SyncWorker:
    """Follows data syncs."""

    def __init__(self, means: Means) -> None:
        self._means = means

    def ensure(self, sync: SyncRecord) -> None:
        """Have the sync driven, once."""
        self._means.background.ensure(f"sync {sync.id}", lambda: self.drive(sync.id))

    async def drive(self, sync_id: UUID) -> None:
        """Work until the sync has ended."""
        patience = self._means.patience
        while sync := await self._find_open(sync_id):
            evidence = await self._means.runner.observe_sync(sync.notebook, sync.id)
            match evidence.life:
                case SyncLife.RUNNING:
                    await self._keep_progress(sync, evidence)
                    await asyncio.sleep(patience.poll)
                case SyncLife.UNKNOWN:
                    await asyncio.sleep(patience.lock)
                case SyncLife.LOCKED:
                    await asyncio.sleep(patience.lock)
                    await self._start(sync, attempts=sync.attempts)
                case SyncLife.ENDED if evidence.report:
                    await self._conclude(sync, evidence.report)
                case _:
                    await self._start_or_give_up(sync)

    async def _find_open(self, sync_id: UUID) -> SyncRecord | None:
        async with self._means.ledger.reading() as unit:
            sync = await unit.syncs.find(sync_id)
        return sync if sync and sync.is_open else None

    async def _keep_progress(self, sync: SyncRecord, evidence: SyncEvidence) -> None:
        if evidence.volumes and evidence.volumes != sync.volumes:
            async with self._means.ledger.writing() as unit:
                current = await unit.syncs.find(sync.id)
                if current and current.is_open:
                    now = self._means.now()
                    await unit.syncs.save(replace(current, volumes=evidence.volumes, updated_at=now))

    async def _start_or_give_up(self, sync: SyncRecord) -> None:
        retries = self._means.patience.retries
        if sync.attempts > len(retries):
            await self._settle(sync, SyncState.ERROR, "The data sync ended without a report.")
            return
        if sync.attempts:
            await asyncio.sleep(retries[sync.attempts - 1])
        await self._start(sync, attempts=sync.attempts + 1)

    async def _start(self, sync: SyncRecord, *, attempts: int) -> None:
        now, tried = self._means.now(), replace(sync, attempts=attempts)
        try:
            async with self._means.ledger.writing() as unit:
                notebook = await unit.notebooks.find(sync.notebook)
                if notebook:
                    await unit.projects.lock(notebook.project, now)
                if not await _is_as_known(unit, sync):
                    # Another replica has tried again, or come to the end.
                    return
                if notebook is None or notebook.deletion is Deletion.NOW:
                    text = "The notebook is being deleted."
                    await unit.syncs.save(_ended(sync, SyncState.INTERRUPTED, text, now=now))
                    return
                job = await build_job(unit, self._means, sync, notebook=notebook)
                begun = sync.started_at or now
                await unit.syncs.save(
                    replace(tried, state=SyncState.RUNNING, started_at=begun, updated_at=now)
                )
            flavor = self._means.capabilities().flavor(notebook.spec.flavor)
            await self._means.runner.start_sync(job, flavor=flavor)
        except NotYetError as exc:
            logger.info("sync_waits", sync=str(sync.id), reason=exc.message)
            await self._save_attempts(sync, sync.attempts)
            await asyncio.sleep(self._means.patience.lock)
        except RefusedError as exc:
            await self._settle(tried, SyncState.FAILED, exc.message)
        except RunnerError as exc:
            logger.warning("sync_not_started", sync=str(sync.id), reason=exc.message)
            await asyncio.sleep(self._means.patience.poll)

    async def _save_attempts(self, sync: SyncRecord, attempts: int) -> None:
        """Take a try back that nothing came of: what has to wait has not failed."""
        async with self._means.ledger.writing() as unit:
            current = await unit.syncs.find(sync.id)
            if current and current.is_open:
                await unit.syncs.save(replace(current, attempts=attempts, updated_at=self._means.now()))

    async def _conclude(self, sync: SyncRecord, report: SyncReport) -> None:
        """Take the report, or try again."""
        retries = self._means.patience.retries
        if not sync.manual and sync.attempts <= len(retries) and _is_passing(report):
            logger.info("sync_tried_again", sync=str(sync.id), attempt=sync.attempts, reason=report.message)
            await asyncio.sleep(retries[max(0, sync.attempts - 1)])
            await self._start(sync, attempts=sync.attempts + 1)
            return
        await self._settle(replace(sync, volumes=tuple(report.volumes)), report.state, failure_text(report))

    async def _settle(self, sync: SyncRecord, state: SyncState, message: str) -> None:
        """Store the end of the sync, and what it means for the run that owes a push."""
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            notebook = await unit.notebooks.find(sync.notebook)
            if notebook:
                await unit.projects.lock(notebook.project, now)
            if not await _is_as_known(unit, sync):
                return
            await unit.syncs.save(_ended(sync, state, message, now=now))
            if sync.direction is SyncDirection.PUSH:
                await _settle_push(unit, sync, message)
            await unit.notebooks.touch(sync.notebook, now)
        await self._forget(sync)
        logger.info("sync_ended", sync=str(sync.id), state=state.value, direction=sync.direction.value)

    async def _forget(self, sync: SyncRecord) -> None:
        try:
            await self._means.runner.forget_sync(sync.notebook, sync.id)
        except RunnerError as exc:
            # Reconcile finds it again.
            logger.info("leftovers_remain", sync=str(sync.id), reason=exc.message)


async def _is_as_known(unit: UnitOfWork, sync: SyncRecord) -> bool:
    """Tell whether nobody else has gone on with the sync meanwhile; the project's lock must be held."""
    current = await unit.syncs.find(sync.id)
    return current is not None and current.is_open and current.attempts == sync.attempts


async def _settle_push(unit: UnitOfWork, sync: SyncRecord, message: str) -> None:
    run = await unit.runs.find(sync.run) if sync.run else None
    if run is None or run.ended_at is None or (sync.manual and sync.created_at < run.ended_at):
        # What was pushed while the notebook still ran says nothing about its last changes.
        return
    await unit.runs.save(after_push(run, sync, message))


def after_push(run: RunRecord, sync: SyncRecord, message: str) -> RunRecord:
    """Return the run after a push: what it saved is owed no more; the rest stays owed."""
    saved = {volume.volume for volume in sync.volumes if volume.state is SyncState.DONE}
    unsaved = tuple(volume for volume in run.unsaved if volume not in saved)
    if not unsaved:
        return replace(run, unsaved=(), push=PushState.DONE, push_message="")
    text = (
        f"Saving failed: {message or 'not every volume was saved.'} "
        "The files are kept: save them again (Save now, or a data sync with direction push)."
    )
    return replace(run, unsaved=unsaved, push=PushState.FAILED, push_message=text)


def failure_text(report: SyncReport) -> str:
    """Return what went wrong, for people; empty when nothing did."""
    if report.state is SyncState.DONE:
        return ""
    texts = [volume.message for volume in report.volumes if volume.message]
    return report.message or " ".join(texts)


def _is_passing(report: SyncReport) -> bool:
    failed = {v.state for v in report.volumes if v.state is not SyncState.DONE and v.state not in MOVING}
    return failed <= PASSING if failed else report.state in PASSING


def _ended(sync: SyncRecord, state: SyncState, message: str, *, now: datetime) -> SyncRecord:
    final = SyncState.ERROR if state in MOVING else state
    return replace(sync, state=final, message=message, ended_at=now, updated_at=now)
