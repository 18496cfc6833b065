"""What the hub is asked to do with a notebook's server: one task per notebook reads the ledger and acts.

The ledger is the order: a stop that comes while a start waits for the hub is found there, not in a queue.
"""

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog

from ovh_spawner.contract.runs import NotebookReference
from ovh_spawner.domain.states import RunState, Source, Transition
from ovh_spawner.errors import HubError
from ovh_spawner.service.db.records import Deletion, NotebookRecord, RunRecord
from ovh_spawner.service.operations.deletions import Deletions
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.run_books import close_run, is_overdue, reconciled
from ovh_spawner.service.operations.standing import Standing, find_standing
from ovh_spawner.service.runners.base import NotYetError

logger = structlog.get_logger()


class HubOrders:
    """Brings the hub to what the ledger says."""

    def __init__(self, means: Means, deletions: Deletions) -> None:
        self._means = means
        self._deletions = deletions

    def ensure(self, notebook: UUID) -> None:
        """Have the hub asked for what this notebook needs, until nothing is left to ask."""
        self._means.background.ensure(f"hub {notebook}", lambda: self._work(notebook))

    async def _work(self, notebook: UUID) -> None:
        problem = ""
        while (standing := await self._look(notebook)) and _is_waiting(standing):
            try:
                await self._step(standing, problem)
                problem = ""
            except (HubError, NotYetError) as exc:
                if exc.message != problem:
                    logger.warning("order_not_carried_out", notebook=str(notebook), reason=exc.message)
                problem = exc.message
            if (after := await self._look(notebook)) and _is_waiting(after):
                await asyncio.sleep(self._means.patience.hub)

    async def _look(self, notebook: UUID) -> Standing | None:
        async with self._means.ledger.reading() as unit:
            return await find_standing(unit, notebook)

    async def _step(self, standing: Standing, problem: str) -> None:
        notebook, run = standing.notebook, standing.run
        if notebook.deletion is not Deletion.NO:
            await self._deletions.advance(standing)
        elif run and run.state is RunState.STOPPING and run.is_adopted:
            await self._means.hub.stop_server(notebook.owner, notebook.server_name)
        elif run and run.state is RunState.STOPPING:
            await self._stop_unadopted(notebook, run)
        elif run:
            await self._start(notebook, run, problem)

    async def _start(self, notebook: NotebookRecord, run: RunRecord, problem: str) -> None:
        now = self._means.now()
        limit = timedelta(seconds=self._means.settings.service.adoption_seconds)
        if is_overdue(run.created_at, now, limit):
            reason = f" {problem}" if problem else ""
            text = (
                f"JupyterHub did not start the notebook in time.{reason} Nothing is billed; start it again."
            )
            await self._close(run, reconciled(RunState.ERROR, now, text))
            return
        await self._means.hub.start_server(
            notebook.owner,
            notebook.server_name,
            reference=NotebookReference(notebook=notebook.id, revision=notebook.revision),
            display_name=notebook.spec.name,
        )

    async def _stop_unadopted(self, notebook: NotebookRecord, run: RunRecord) -> None:
        """Close a run that was stopped before its spawner came, unless the hub is about to open it.

        Closed too early, the notebook would look startable to the spawner that is on its way.
        """
        now = self._means.now()
        limit = timedelta(seconds=self._means.settings.service.adoption_seconds)
        if not is_overdue(run.created_at, now, limit):
            server = await self._means.hub.find_server(notebook.owner, notebook.server_name)
            if server and server.is_active:
                return
        await self._close(run, Transition(RunState.STOPPED, Source.API, now))

    async def _close(self, run: RunRecord, end: Transition) -> None:
        """Close a run that no spawner took over; one that was taken over meanwhile goes on."""
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock(run.project, now)
            found = await unit.runs.find(run.id)
            if found and found.is_open and not found.is_adopted:
                await close_run(unit, found, end, now=now, launched=False)
        logger.info("unadopted_run_closed", run=str(run.id), state=end.state.value)


def _is_waiting(standing: Standing) -> bool:
    """Tell whether the hub has something to do for this notebook."""
    run = standing.run
    if standing.notebook.deletion is not Deletion.NO:
        return True
    if run is None or not run.is_open:
        return False
    return run.state is RunState.STOPPING or not run.is_adopted
