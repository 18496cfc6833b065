"""Compares hub, processes and ledger, and closes what no report closed. Reports are hints; this is the rule.

What cannot be seen now (a hub that does not answer) is unknown, and unknown is not stopped.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from ovh_spawner.domain.states import RunState, Source, Transition
from ovh_spawner.errors import HubError
from ovh_spawner.service.db.records import Deletion, RunRecord
from ovh_spawner.service.operations.hub_orders import HubOrders
from ovh_spawner.service.operations.leftovers import Leftovers
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.pulls import keep_pull
from ovh_spawner.service.operations.pushes import Pushes
from ovh_spawner.service.operations.run_books import close_run, is_overdue, reconciled, record_transition
from ovh_spawner.service.operations.sightings import Sightings
from ovh_spawner.service.operations.sync_worker import SyncWorker
from ovh_spawner.service.runners.base import NotYetError, RunEvidence, RunLife

logger = structlog.get_logger()

BATCH = 20
"""Runs looked at together: enough to be quick, few enough to leave the hub and the database to others."""

RECENT = timedelta(minutes=10)
"""How long after a run's end its processes are still looked for."""

VANISHED = "The notebook's process has ended unexpectedly. Its files are kept; start it again."
NEVER_CAME = "The notebook's process did not start in time. Start it again."


class Reconciler:
    """One round looks at everything that is not finished."""

    def __init__(self, means: Means, *, orders: HubOrders, pushes: Pushes, worker: SyncWorker) -> None:
        self._means = means
        self._orders = orders
        self._pushes = pushes
        self._worker = worker
        self._sightings = Sightings(means)
        self._leftovers = Leftovers(means)
        self._gone: set[UUID] = set()
        """Ended runs of which nothing is left; a pod that comes after all is told by the watch."""

    async def round(self) -> None:
        """Look once at every open run, push, data sync and deletion."""
        now = self._means.now()
        async with self._means.ledger.reading() as unit:
            runs = await unit.runs.list_unfinished()
            ended = await unit.runs.list_ended_since(now - RECENT)
            syncs = await unit.syncs.list_open()
            deleting = await unit.notebooks.list_deleting()
        for notebook in deleting:
            self._orders.ensure(notebook.id)
        gone = {notebook.id for notebook in deleting}
        for sync in syncs:
            if not sync.belongs_to_spawner and sync.notebook not in gone:
                self._worker.ensure(sync)
        async for batch in self._batches(runs):
            await self._look_at([run for run in batch if run.notebook not in gone])
        async for batch in self._batches([run for run in ended if run not in self._gone]):
            await self._end_leftovers(batch)
        self._sightings.keep_only({*runs, *ended})
        self._gone.intersection_update(ended)
        await self._leftovers.remove()

    def look_soon(self, run: UUID) -> None:
        """Look at a run that has changed where it lives, without waiting for the next round."""
        self._means.background.ensure(f"look {run}", lambda: self._look_once(run))

    def note_times(self, run: UUID) -> None:
        """Take what is known of a run's times where it lives, as soon as the hub says that it runs."""
        self._means.background.ensure(f"times {run}", lambda: self._note_times(run))

    async def _note_times(self, run_id: UUID) -> None:
        async with self._means.ledger.reading() as unit:
            run = await unit.runs.find(run_id)
        if run is not None and run.is_open:
            evidence = await self._means.runner.observe_run(run.notebook, run.id, must_know=False)
            await self._take(run, evidence)

    async def _take(self, run: RunRecord, evidence: RunEvidence) -> RunRecord:
        """Record what the evidence says of the run's times; then its pull is over as well."""
        known = await self._sightings.take(run, evidence)
        if known is not run:
            # Told once, when the pod is ready.
            await keep_pull(self._means, run.notebook, run.id)
        return known

    async def _look_once(self, run_id: UUID) -> None:
        async with self._means.ledger.reading() as unit:
            run = await unit.runs.find(run_id)
            notebook = await unit.notebooks.find(run.notebook) if run else None
        if run is None or notebook is None or notebook.deletion is not Deletion.NO:
            return
        try:
            await (self._look(run) if run.is_open else self._look_at_ended(run))
        except NotYetError as exc:
            logger.info("run_waits", run=str(run.id), reason=exc.message)

    async def _batches(self, ids: Sequence[UUID]) -> AsyncIterator[list[RunRecord]]:
        """Read runs a few at a time, as they are by then: there may be a hundred thousand of them."""
        for first in range(0, len(ids), BATCH):
            async with self._means.ledger.reading() as unit:
                found = await unit.runs.get_many(ids[first : first + BATCH])
            yield list(found.values())

    async def _look_at(self, runs: Sequence[RunRecord]) -> None:
        await _together(runs, self._look, waiting="run_waits")

    async def _look(self, run: RunRecord) -> None:
        if not run.is_open:
            self._pushes.ensure_for(run)
            return
        if not run.is_adopted:
            self._orders.ensure(run.notebook)
            return
        # While the hub tells of a start, a pod that is not there yet means nothing.
        must_know = run.state is not RunState.STARTING or self._is_silent(run)
        evidence = await self._means.runner.observe_run(run.notebook, run.id, must_know=must_know)
        run = await self._take(run, evidence)
        if not run.is_open:
            return
        match evidence.life:
            case RunLife.UNKNOWN:
                return
            case RunLife.ALIVE:
                await self._look_at_living(run, evidence)
            case RunLife.GONE if run.state is not RunState.STARTING:
                await self._close(run, evidence)
            case _:
                await self._look_at_absent(run, evidence)

    async def _look_at_living(self, run: RunRecord, evidence: RunEvidence) -> None:
        """Keep the proof of life; catch up on what the hub could not report."""
        now = self._means.now()
        seen_at = min(evidence.seen_at or now, now)
        # The gateways of a cluster tell as often themselves: most of the time there is nothing to write.
        often = self._means.settings.service.heartbeat_seconds if evidence.source is Source.CLUSTER else 0
        if evidence.is_responsive and seen_at > run.last_alive_at + timedelta(seconds=often):
            async with self._means.ledger.writing() as unit:
                await unit.runs.prove_alive(run.id, seen_at)
        if run.state is RunState.STOPPING:
            await self._insist_on_stop(run, now)
        elif run.state is RunState.STARTING and evidence.source is not Source.CLUSTER:
            if await self._is_ready_at_hub(run):
                # The hub was gone when the notebook became ready. Billing begins now, in the user's favour.
                await self._record(run.id, reconciled(RunState.RUNNING, now))
        elif run.state is RunState.STARTING:
            await self._end_if_nobody_waits(run, evidence, now)

    async def _end_if_nobody_waits(self, run: RunRecord, evidence: RunEvidence, now: datetime) -> None:
        """End a pod that the hub does not know: its request was carried out after the hub had given up."""
        patience = timedelta(seconds=self._means.settings.service.adoption_seconds)
        if is_overdue(run.created_at, now, patience) and await self._is_idle_at_hub(run):
            end = reconciled(RunState.FAILED, now, NEVER_CAME)
            await self._end(run, end, launched=evidence.launched is not False)

    async def _look_at_absent(self, run: RunRecord, evidence: RunEvidence) -> None:
        """No process: one may come yet, or it went before it was seen."""
        now = self._means.now()
        if run.state is RunState.STOPPING:
            if await self._is_idle_at_hub(run):
                await self._close(run, evidence)
            else:
                self._orders.ensure(run.notebook)
            return
        if self._is_silent(run) and await self._is_idle_at_hub(run):
            if evidence.end:
                await self._close(run, evidence)
                return
            text = NEVER_CAME if run.state is RunState.STARTING else VANISHED
            end = reconciled(RunState.FAILED, min(run.last_alive_at, now), text)
            await self._end(run, end, launched=text != NEVER_CAME)

    def _is_silent(self, run: RunRecord) -> bool:
        """Tell whether nothing was heard of the run for so long that its hub may have given it up."""
        patience = timedelta(seconds=self._means.settings.service.adoption_seconds)
        return is_overdue(run.last_alive_at, self._means.now(), patience)

    async def _insist_on_stop(self, run: RunRecord, now: datetime) -> None:
        self._orders.ensure(run.notebook)
        ordered = run.stopped_at or run.last_alive_at
        if is_overdue(ordered, now, timedelta(seconds=self._means.patience.stop)):
            logger.warning("run_ended_by_service", run=str(run.id), reason="the hub did not stop it in time")
            await self._means.runner.end_processes(run.notebook, run.id)

    async def _close(self, run: RunRecord, evidence: RunEvidence) -> None:
        """Close a run whose processes are gone, at the time that is known best."""
        at = evidence.ended_at or run.last_alive_at
        if evidence.source is not Source.CLUSTER:
            # The record lies where the notebook's account can write; what was seen alive had not ended.
            at = max(at, run.last_alive_at)
        at = min(at, self._means.now())
        source = evidence.source if evidence.ended_at else Source.RECONCILE
        is_stop = run.state is RunState.STOPPING or evidence.ordered or evidence.exit_code == 0
        state = evidence.end or (RunState.STOPPED if is_stop else RunState.FAILED)
        end = Transition(state, source, at)
        if state is not RunState.STOPPED:
            end = replace(end, code=evidence.code, message=evidence.message or VANISHED)
        await self._end(run, end, launched=evidence.launched is not False)

    async def _end(self, run: RunRecord, end: Transition, *, launched: bool) -> None:
        now = self._means.now()
        try:
            await self._means.runner.end_processes(run.notebook, run.id)
        except NotYetError as exc:
            # Ordered, and looked for again: the books need not wait for a node that may never answer.
            logger.info("processes_still_end", run=str(run.id), reason=exc.message)
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock(run.project, now)
            found = await unit.runs.find(run.id)
            if found is None or not found.is_open:
                return
            # Something of the user may have run, unless nothing was ever seen of it.
            closed = await close_run(unit, found, end, now=now, launched=found.launched or launched)
        logger.info("run_closed", run=str(run.id), state=closed.state.value, reason=end.message or "stopped")
        self._pushes.ensure_for(closed)

    async def _record(self, run: UUID, transition: Transition) -> None:
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock_of_run(run)
            found = await unit.runs.find(run)
            if found and found.is_open:
                await record_transition(unit, found, transition, now=now)

    async def _is_ready_at_hub(self, run: RunRecord) -> bool:
        server = await self._find_server(run)
        return server is not None and server[0]

    async def _is_idle_at_hub(self, run: RunRecord) -> bool:
        """Tell whether the hub answers that it neither runs nor starts nor stops the server."""
        server = await self._find_server(run)
        return server is not None and not server[1]

    async def _find_server(self, run: RunRecord) -> tuple[bool, bool] | None:
        """Return whether the server is ready, and whether it is active; None: the hub does not answer."""
        async with self._means.ledger.reading() as unit:
            notebook = await unit.notebooks.find(run.notebook)
        if notebook is None:
            return None
        try:
            server = await self._means.hub.find_server(notebook.owner, notebook.server_name)
        except HubError:
            return None
        return (False, False) if server is None else (server.ready, server.is_active)

    async def _end_leftovers(self, ended: Sequence[RunRecord]) -> None:
        """End gateways that outlived their run's end in the books."""
        await _together(ended, self._look_at_ended, waiting="processes_still_end")

    async def _look_at_ended(self, run: RunRecord) -> None:
        evidence = await self._means.runner.observe_run(run.notebook, run.id)
        run = await self._sightings.take(run, evidence)
        if evidence.life is RunLife.ALIVE or evidence.remains:
            await self._means.runner.end_processes(run.notebook, run.id)
        elif evidence.life is RunLife.GONE and evidence.source is Source.CLUSTER:
            await self._means.runner.forget_run(run.notebook, run.id)
            self._gone.add(run.id)
        self._pushes.ensure_for(run)


async def _together(
    runs: Sequence[RunRecord], work: Callable[[RunRecord], Awaitable[None]], *, waiting: str
) -> None:
    """Do something for some runs at a time: one that has to wait, or fails, keeps no other waiting."""
    outcomes = await asyncio.gather(*(work(run) for run in runs), return_exceptions=True)
    for run, outcome in zip(runs, outcomes, strict=True):
        if isinstance(outcome, NotYetError):
            logger.info(waiting, run=str(run.id), reason=outcome.message)
        elif isinstance(outcome, Exception):
            logger.error("reconcile_failed", run=str(run.id), exc_info=outcome)
