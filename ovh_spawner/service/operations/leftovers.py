"""Removes what runs, data syncs and deleted notebooks have left behind, and nothing that the ledger does not know.

An installation whose ledger was restored from an old backup must not delete what that ledger has never heard of.
"""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from ovh_spawner.errors import OVHSpawnerError
from ovh_spawner.service.db.records import RunRecord
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.runners.base import Traces

BATCH = 20
"""Runs whose remains are removed together: each may take seconds, and nobody waits for this."""

LATELY = timedelta(days=7)
"""How long after its end a run is looked for by its id where nothing tells of it: the service or the cluster may have
been away when it ended."""

logger = structlog.get_logger()


class Leftovers:
    """Looks for them now and then."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._next_at: datetime | None = None
        self._forgotten: set[UUID] = set()
        """Data syncs whose secrets are gone already; their Jobs stay for a day, for their logs."""
        self._cleared: set[UUID] = set()
        """Ended runs of which nothing is left."""

    async def remove(self) -> None:
        """Look once, unless it was done a moment ago."""
        now = self._means.now()
        # Each search lists everything that there is.
        pause = timedelta(seconds=self._means.settings.service.leftovers_seconds)
        if self._next_at and abs(self._next_at - now) < pause and now < self._next_at:
            return
        self._next_at = now + pause
        try:
            traces = await self._means.runner.list_traces()
        except OVHSpawnerError as exc:
            logger.warning("leftovers_not_listed", reason=exc.message)
            return
        await self._remove_runs(traces)
        await self._forget_syncs(traces)
        await self._remove_claims(traces)

    async def _remove_runs(self, traces: Traces) -> None:
        async with self._means.ledger.reading() as unit:
            since = self._means.now() - LATELY
            ended = set() if traces.are_all_runs else set(await unit.runs.list_ended_since(since))
            self._cleared &= ended
            ids = {*traces.runs, *(ended - self._cleared)}
            known = await unit.runs.get_many(ids) if ids else {}
        over = [run for run in known.values() if not run.is_open]
        for first in range(0, len(over), BATCH):
            await asyncio.gather(*(self._remove_run(run) for run in over[first : first + BATCH]))

    async def _remove_run(self, run: RunRecord) -> None:
        runner = self._means.runner
        try:
            await runner.end_processes(run.notebook, run.id)
            await runner.forget_run(run.notebook, run.id)
            self._cleared.add(run.id)
            logger.info("leftovers_removed", run=str(run.id))
        except OVHSpawnerError as exc:
            logger.info("leftovers_remain", run=str(run.id), reason=exc.message)

    async def _forget_syncs(self, traces: Traces) -> None:
        async with self._means.ledger.reading() as unit:
            found = [await unit.syncs.find(sync) for sync in traces.syncs if sync not in self._forgotten]
        for sync in found:
            if sync is None or sync.is_open:
                continue
            try:
                await self._means.runner.forget_sync(sync.notebook, sync.id)
                self._forgotten.add(sync.id)
            except OVHSpawnerError as exc:
                logger.info("leftovers_remain", sync=str(sync.id), reason=exc.message)
        self._forgotten &= traces.syncs.keys()

    async def _remove_claims(self, traces: Traces) -> None:
        async with self._means.ledger.reading() as unit:
            deleted = await unit.notebooks.list_deleted(traces.notebooks) if traces.notebooks else []
        for notebook in deleted:
            try:
                await self._means.runner.remove_files(notebook)
                logger.warning("files_of_deleted_notebook_removed", notebook=str(notebook))
            except OVHSpawnerError as exc:
                logger.info("leftovers_remain", notebook=str(notebook), reason=exc.message)
