"""Before a spawner makes a run's pod: the service makes what the pod refers to, as it alone knows the secrets."""

from urllib.parse import quote
from uuid import UUID

import structlog

from ovh_spawner.contract.runs import PreparedRun
from ovh_spawner.domain.states import HOLDING
from ovh_spawner.errors import NotFoundError, StartFailedError, WrongStateError
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import Deletion, NotebookRecord, RunRecord
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.runs import RunOperations
from ovh_spawner.service.runners.base import RunParts

logger = structlog.get_logger()


class PreparationOperations:
    """Use case of a start."""

    def __init__(self, means: Means, runs: RunOperations) -> None:
        self._means = means
        self._runs = runs

    async def prepare(self, run: UUID) -> PreparedRun:
        """Make the claim, the Secrets and the network rules of a run; a repeated call finds them.

        Raises:
            NotFoundError: there is no such run.
            WrongStateError: it is over, or its notebook is being deleted.
            StartFailedError: the cluster refuses; nothing is left behind.
            RunnerError: the cluster does not answer.

        """
        async with self._means.ledger.reading() as unit:
            found, notebook = await self._wanted(unit, run)
            opened = await self._runs.answer(unit, found, notebook)
            has_files = await unit.runs.has_launched(notebook.id)
        editor = self._means.capabilities().editor(notebook.spec.editor)
        if editor is None:
            raise StartFailedError(
                f"The editor {notebook.spec.editor!r} is not offered here any more. Choose another one and start again."
            )
        settings = self._means.settings
        prepared = await self._means.runner.prepare_run(
            RunParts(
                opened=opened,
                project=found.project,
                hub=found.hub,
                prefix=settings.notebook_prefix(
                    quote(notebook.owner, safe="@~"), quote(notebook.server_name, safe="@~")
                ),
                editor=editor,
                has_files=has_files,
            )
        )
        await self._take_back_if_over(run)
        logger.info("run_prepared", run=str(run), notebook=str(notebook.id))
        return prepared

    async def _take_back_if_over(self, run: UUID) -> None:
        """Whoever ended the run meanwhile has not seen what was made after that."""
        try:
            async with self._means.ledger.reading() as unit:
                await self._wanted(unit, run)
        except WrongStateError as exc:
            await self._means.runner.forget_run(exc.details["notebook"], run)
            raise

    async def _wanted(self, unit: UnitOfWork, run: UUID) -> tuple[RunRecord, NotebookRecord]:
        found = await unit.runs.find(run)
        notebook = await unit.notebooks.find(found.notebook) if found else None
        if found is None or notebook is None:
            raise NotFoundError("run", str(run))
        if found.state not in HOLDING or notebook.deletion is not Deletion.NO:
            raise WrongStateError(
                f"This start of notebook {found.notebook_name!r} is over ({found.state.value}).",
                notebook=notebook.id,
            )
        return found, notebook
