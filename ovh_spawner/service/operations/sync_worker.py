"""Drives one data sync to its end: starts it, follows it, tries again what failed for a passing reason.

All that it decides by is in the ledger and at the runner: another process can go on where this one stopped.
"""

import asyncio
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog

from ovh_spawner.contract.sync import SyncDirection, SyncJob, SyncReport, SyncState
from ovh_spawner.domain.flavors import Flavor
from ovh_spawner.domain.states import PushState, RunState
from ovh_spawner.errors import RefusedError, RunnerError
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import Deletion, RunRecord, SyncRecord
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.sync_jobs import build_job
from ovh_spawner.service.runners.base import NotYetError, SyncEvidence, SyncLife

logger = structlog.get_logger()

PASSING = frozenset({SyncState.TRANSIENT_ERROR, SyncState.INTERRUPTED})
"""Failures that another try may not meet."""

OUTLIVED = (
    "The notebook stopped before this pull was over, so it was ended: your own files are saved instead."
)

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
            if await self._is_outlived(sync):
                await self._break_off(sync)
                continue
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

    async def _is_outlived(self, sync: SyncRecord) -> bool:
        """Tell whether this is a pull for a notebook that no longer runs: it would undo what the push is to save."""
        async with self._means.ledger.reading() as unit:
            return await _is_outlived(unit, sync)

    async def _break_off(self, sync: SyncRecord) -> None:
        try:
            await self._means.runner.end_sync(sync.notebook, sync.id)
        except RunnerError as exc:
            logger.info("pull_not_ended", sync=str(sync.id), reason=exc.message)
            await asyncio.sleep(self._means.patience.lock)
            return
        await self._settle(sync, SyncState.INTERRUPTED, OUTLIVED)

    async def _keep_progress(self, sync: SyncRecord, evidence: SyncEvidence) -> None:
        if evidence.volumes and evidence.volumes != sync.volumes:
            async with self._means.ledger.writing() as unit:
                await unit.syncs.note_progress(sync.id, evidence.volumes, self._means.now())

    async def _start_or_give_up(self, sync: SyncRecord) -> None:
        retries = self._means.patience.retries
        if sync.attempts > len(retries):
            await self._settle(sync, SyncState.ERROR, "The data sync ended without a report.")
            return
        if sync.attempts:
            await asyncio.sleep(retries[sync.attempts - 1])
        await self._start(sync, attempts=sync.attempts + 1)

    async def _start(self, sync: SyncRecord, *, attempts: int) -> None:
        tried = replace(sync, attempts=attempts)
        try:
            async with self._means.ledger.writing() as unit:
                begun = await self._begin(unit, sync, attempts=attempts)
            if begun:
                job, flavor = begun
                await self._means.runner.start_sync(job, flavor=flavor)
        except NotYetError as exc:
            logger.info("sync_waits", sync=str(sync.id), reason=exc.message)
            async with self._means.ledger.writing() as unit:
                # What has to wait has not failed.
                await unit.syncs.take_back(tried, attempts=sync.attempts, now=self._means.now())
            await asyncio.sleep(self._means.patience.lock)
        except RefusedError as exc:
            await self._settle(tried, SyncState.FAILED, exc.message)
        except RunnerError as exc:
            logger.warning("sync_not_started", sync=str(sync.id), reason=exc.message)
            await asyncio.sleep(self._means.patience.poll)

    async def _begin(
        self, unit: UnitOfWork, sync: SyncRecord, *, attempts: int
    ) -> tuple[SyncJob, Flavor | None] | None:
        """Write down that the sync is tried; None: it is not to be started any more."""
        now = self._means.now()
        notebook = await unit.notebooks.find(sync.notebook)
        if notebook:
            await unit.projects.lock(notebook.project, now)
        if not await _is_as_known(unit, sync) or await _is_outlived(unit, sync):
            # Another replica has tried again or come to the end, or the notebook has.
            return None
        if notebook is None or notebook.deletion is Deletion.NOW:
            text = "The notebook is being deleted."
            await unit.syncs.save(_ended(sync, SyncState.INTERRUPTED, text, now=now))
            return None
        if sync.direction is SyncDirection.PUSH and await _has_outlived_pull(unit, sync.notebook):
            raise NotYetError("A pull of this notebook is being ended.")
        job = await build_job(unit, self._means, sync, notebook=notebook)
        tried = replace(sync, attempts=attempts, state=SyncState.RUNNING)
        await unit.syncs.save(replace(tried, started_at=sync.started_at or now, updated_at=now))
        return job, self._means.capabilities().flavor(notebook.spec.flavor)

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


async def _is_outlived(unit: UnitOfWork, sync: SyncRecord) -> bool:
    if sync.direction is not SyncDirection.PULL or not sync.manual:
        return False
    run = await unit.runs.find(sync.run) if sync.run else None
    return run is None or run.state is not RunState.RUNNING


async def _has_outlived_pull(unit: UnitOfWork, notebook: UUID) -> bool:
    return any([await _is_outlived(unit, each) for each in await unit.syncs.list_open(notebook)])


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
