"""Deleting a notebook, step by step: the hub's server, the processes, the data syncs, then the files.

Its row stays for the statements of its runs. Each step looks at what is there, so that it can be taken again.
"""

from dataclasses import replace

import structlog

from ovh_spawner.domain.states import PushState, RunState, Source, Transition
from ovh_spawner.service.db.records import Deletion, NotebookRecord
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.pushes import OWED, Pushes
from ovh_spawner.service.operations.run_books import close_run
from ovh_spawner.service.operations.standing import Standing, find_standing
from ovh_spawner.service.runners.base import NotYetError

logger = structlog.get_logger()


class Deletions:
    """Finishes what a delete began."""

    def __init__(self, means: Means, pushes: Pushes) -> None:
        self._means = means
        self._pushes = pushes

    async def advance(self, standing: Standing) -> None:
        """Go as far as possible now; called again while the notebook is still there.

        Raises:
            HubError: the hub did not answer; the files wait.
            NotYetError: the files are still in use, or the place where they are does not answer.

        """
        notebook = standing.notebook
        if notebook.deletion is Deletion.NOW:
            # The hub waits until the pod is gone, however long its node takes.
            await self._means.runner.give_up(notebook.id)
        if not await self._is_gone_at_hub(notebook):
            return
        await self._end_run(standing)
        async with self._means.ledger.reading() as unit:
            found = await find_standing(unit, notebook.id)
        if found is None or await self._is_saving(found):
            return
        await self._end_syncs(notebook)
        if found.run:
            await self._means.runner.forget_run(notebook.id, found.run.id)
        await self._means.runner.remove_files(notebook.id)
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock(notebook.project, now)
            current = await unit.notebooks.find(notebook.id)
            if current:
                await unit.notebooks.save(replace(current, deleted_at=now, updated_at=now))
        logger.info("notebook_deleted", notebook=str(notebook.id))

    async def _is_gone_at_hub(self, notebook: NotebookRecord) -> bool:
        hub = self._means.hub
        server = await hub.find_server(notebook.owner, notebook.server_name)
        if server is None:
            return True
        if server.pending == "stop":
            # Asking again would only have the hub remember each time to remove it.
            return False
        await hub.delete_server(notebook.owner, notebook.server_name)
        server = await hub.find_server(notebook.owner, notebook.server_name)
        # A default server stays in the hub's list for ever.
        return server is None or (not notebook.server_name and not server.is_active)

    async def _end_run(self, standing: Standing) -> None:
        run = standing.run
        if run is None or not run.is_open:
            return
        try:
            await self._means.runner.end_processes(run.notebook, run.id)
        except NotYetError as exc:
            # The files wait for them; the project's quota need not.
            logger.info("deletion_waits", notebook=str(run.notebook), reason=exc.message)
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock(run.project, now)
            found = await unit.runs.find(run.id)
            if found and found.is_open:
                end = Transition(RunState.STOPPED, Source.API, now)
                await close_run(unit, found, end, now=now, launched=found.launched)

    async def _is_saving(self, standing: Standing) -> bool:
        """Wait for a push where nobody said that unsaved data may go; a failed one calls the deletion off."""
        run = standing.run
        if standing.notebook.deletion is not Deletion.AFTER_PUSH or run is None:
            return False
        if run.push in OWED:
            self._pushes.ensure_for(run)
            return True
        if run.push is not PushState.FAILED:
            return False
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock(standing.notebook.project, now)
            current = await unit.notebooks.find(standing.notebook.id)
            if current and current.deletion is Deletion.AFTER_PUSH:
                await unit.notebooks.save(replace(current, deletion=Deletion.NO, updated_at=now))
        logger.warning("deletion_called_off", notebook=str(standing.notebook.id), reason="unsaved data")
        return True

    async def _end_syncs(self, notebook: NotebookRecord) -> None:
        async with self._means.ledger.reading() as unit:
            syncs = await unit.syncs.list_open(notebook.id)
        now = self._means.now()
        for sync in syncs:
            await self._means.runner.end_sync(notebook.id, sync.id)
            async with self._means.ledger.writing() as unit:
                await unit.syncs.interrupt(sync.id, now)
