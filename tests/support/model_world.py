"""The service between a hub that goes step by step and a runner that knows the true files; and crashes of all."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from ovh_spawner.catalog.loader import load_catalog
from ovh_spawner.contract.sync import SyncDirection, SyncJob, SyncState
from ovh_spawner.domain.states import NotebookState
from ovh_spawner.errors import OVHSpawnerError
from ovh_spawner.service.db.tables import audit, metadata, runs, transitions
from ovh_spawner.service.factory import Service, build_service
from ovh_spawner.service.operations.means import Patience
from ovh_spawner.service.runners.base import RunEvidence, RunLife
from ovh_spawner.service.secrets import Secrets, Vault
from tests.support.fake_hub_servers import TOKEN
from tests.support.fake_runner import FakeRunner
from tests.support.model_hub import ModelHub
from tests.support.world import ANN, World

EAGER = Patience(poll=0.001, hub=0.001, lock=0.001, retries=(0.001, 0.001), stop=60.0, check=1.0)
LEFT_ALONE = 5
"""Rounds in which nobody stops anything: what is dead must come to its end by itself."""
SETTLED = {NotebookState.STOPPED, NotebookState.FAILED, NotebookState.ERROR, NotebookState.SYNC_FAILED}


class TruthfulRunner(FakeRunner):
    """Knows which notebooks have files that are nowhere else."""

    def __init__(self) -> None:
        super().__init__()
        self.unsaved: set[UUID] = set()

    def watch(self, hub: ModelHub) -> None:
        self._hub = hub

    def end(self, sync: UUID, state: SyncState = SyncState.DONE) -> None:
        super().end(sync, state)
        job: SyncJob = next(job for job in self.jobs if job.id == sync)
        lives = any(true.alive for true in self._hub.truth.values() if true.notebook == job.notebook)
        if job.direction is SyncDirection.PUSH and state is SyncState.DONE and not lives:
            self.unsaved.discard(job.notebook)

    async def end_processes(self, notebook: UUID, run: UUID) -> None:
        self.ended.append(run)
        if true := self._hub.truth.get(run):
            self._hub.kill(true, ordered=True)

    async def observe_run(self, notebook: UUID, run: UUID, *, must_know: bool = True) -> RunEvidence:
        evidence = await super().observe_run(notebook, run)
        if evidence.life is RunLife.ALIVE:
            self._hub.truth[run].proven_at = self._hub.world.clock()
        return evidence


class ModelWorld(World):
    """Also breaks things, and brings them to rest again."""

    def __init__(self, folder: Path, database_url: str) -> None:
        super().__init__(folder, database_url)
        self.hub = ModelHub(self)
        self.runner = TruthfulRunner()
        self.runner.watch(self.hub)
        self.is_away = False

    async def start(self) -> None:
        self.service = await self.new_service()
        await self.service.means.ledger.migrate()
        async with self.service.means.ledger._engine.begin() as connection:
            # The audit log stays: nobody deletes from it, and nothing of a life depends on it.
            for table in reversed(metadata.sorted_tables):
                if table is not audit:
                    await connection.execute(table.delete())

    async def close(self) -> None:
        await self.service.stop()

    async def new_service(self) -> Service:
        secrets = Secrets(
            service_token=TOKEN, internal_token="internal", vault=Vault(self.key), store_keys={}
        )
        return build_service(
            self.settings,
            secrets,
            catalog=load_catalog({}, region="GRA"),
            now=self.clock,
            runner=self.runner,
            hub=self.hub,
            patience=EAGER,
        )

    async def breathe(self) -> None:
        """Let background work go on for a moment."""
        for _ in range(3):
            await asyncio.sleep(0.002)

    async def crash_in(self, work, turns: int) -> None:
        """Begin something and kill the service after so many turns of its loop; then start another one."""
        task = asyncio.create_task(work)
        for _ in range(turns):
            await asyncio.sleep(0.0005)
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task
        await self.restart()

    async def rest(self) -> None:
        """Everything is back: stop what is open, and let hub and service come to an end with it."""
        self.hub.is_down = self.hub.refuses = False
        self.runner.usually = SyncState.DONE
        self.runner.outcomes.clear()
        if self.is_away:
            self.is_away = False
            self.service = await self.new_service()
        for job in [job.id for job in self.runner.jobs if job.id in self.runner.syncs]:
            if self.runner.syncs[job].report is None:
                self.runner.end(job)
        for number in range(40):
            await self._one_round()
            if number > LEFT_ALONE:
                await self._stop_what_goes_on()
            if await self._is_at_rest():
                return
            self.clock.advance(seconds=61)
        restless = [row for row in await self.rows() if row.state not in SETTLED]
        raise AssertionError(f"no rest: {restless} {self.hub.servers} {self.hub.truth}")

    async def _stop_what_goes_on(self) -> None:
        for row in await self.rows():
            if row.state in {"STARTING", "RUNNING"}:
                with suppress(OVHSpawnerError):
                    await self.notebooks.stop(ANN, row.notebook)

    async def _one_round(self) -> None:
        while self.hub.queue:
            await self.hub.deliver(0)
        for server in list(self.hub.servers.values()):
            await self.hub.advance(server)
        await self.service.reconciler.round()
        await self.breathe()

    async def _is_at_rest(self) -> bool:
        return not self.hub.servers and all(row.state in SETTLED for row in await self.rows()) and (
            not any(true.alive for true in self.hub.truth.values())
        )  # fmt: skip

    async def rows(self):
        async with self.service.means.ledger._engine.connect() as connection:
            return (await connection.execute(select(runs).order_by(runs.c.created_at))).all()

    async def histories(self) -> dict[UUID, list]:
        async with self.service.means.ledger._engine.connect() as connection:
            found: dict[UUID, list] = {}
            for row in await connection.execute(select(transitions).order_by(transitions.c.id)):
                found.setdefault(row.run, []).append(row)
            return found

    def step_back(self, seconds: int) -> None:
        self.clock.time -= timedelta(seconds=seconds)
        for true in self.hub.truth.values():
            true.stepped = True
