"""Runs: what the hub's spawners and the gateways ask and report."""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

import structlog

from ovh_spawner.contract.runs import OpenedRun, OpenRun, PullReport, RunStatus, TransitionReport
from ovh_spawner.contract.sync import VolumeProgress
from ovh_spawner.domain.access import Action
from ovh_spawner.domain.states import HOLDING, NotebookState, RunState, Source, Transition
from ovh_spawner.errors import NotFoundError, UnauthenticatedError, WrongStateError
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import NotebookRecord, RunRecord
from ovh_spawner.service.operations.audit import BY_HUB, Act, record_notebook
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.people import People
from ovh_spawner.service.operations.pulls import keep_pull, store_pull
from ovh_spawner.service.operations.pushes import Pushes
from ovh_spawner.service.operations.run_books import close_run, record_transition
from ovh_spawner.service.operations.run_opening import open_run
from ovh_spawner.service.operations.standing import Standing, check_access, state_of
from ovh_spawner.service.operations.sync_jobs import build_job
from ovh_spawner.service.operations.token_scopes import refuse_token_user

logger = structlog.get_logger()


class RunOperations:
    """Use cases of runs."""

    def __init__(
        self, means: Means, pushes: Pushes, people: People, *, note_times: Callable[[UUID], None]
    ) -> None:
        self._means = means
        self._pushes = pushes
        self._people = people
        self._note_times = note_times

    async def open(self, request: OpenRun) -> OpenedRun:
        """Open a run, adopt the one that our API opened, or answer again for the same attempt.

        Raises:
            NotFoundError: the notebook is not this server's.
            WrongStateError: it cannot start now.
            QuotaExceededError: the project has not enough GPUs left.
            PermissionDeniedError: the server's user may not start notebooks in the project (any more).

        """
        refuse_token_user(request.user)
        stopped = None
        person = await self._people.member(request.user)
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock_of_notebook(request.notebook)
            standing, known = await self._standing_for(unit, request)
            if known is not None:
                run = await self._get(unit, known)
                _check_same(run, standing)
            elif standing.run and standing.run.state is RunState.STARTING and not standing.run.is_adopted:
                run = await self._adopt(unit, standing.run, request.attempt)
            elif standing.run and standing.run.state is RunState.STOPPING and not standing.run.is_adopted:
                stopped = await self._close_unadopted(unit, standing.run)
            else:
                settings, record = self._means.settings, standing.notebook
                await check_access(unit, settings, record, person=person, action=Action.OPERATE)
                run = await open_run(unit, self._means, standing, actor=person, attempt=request.attempt)
                await record_notebook(
                    unit, person, Act.NOTEBOOK_START, notebook=record, now=self._means.now()
                )
            if stopped is None:
                opened = await self.answer(unit, run, standing.notebook)
        if stopped is not None:
            raise WrongStateError(f"Notebook {stopped.notebook_name!r} was stopped before it started.")
        logger.info("run_opened", run=str(run.id), notebook=str(run.notebook), gpus=run.gpus)
        return opened

    async def record(self, run: UUID, report: TransitionReport) -> RunStatus:
        """Store what the hub or a gateway reports; repeats and any order are fine."""
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            found = await self._locked(unit, run)
            transition = Transition(
                report.state, report.source, min(report.at, now), report.code, report.message
            )
            changed = await record_transition(unit, found, transition, now=now, launched=report.launched)
            if report.state is RunState.RUNNING:
                await unit.runs.prove_alive(run, transition.at)
            notebook = await unit.notebooks.find(found.notebook)
            is_order = report.state is RunState.STOPPING and report.source is Source.HUB
            if is_order and found.state in HOLDING and notebook:
                await record_notebook(unit, BY_HUB, Act.NOTEBOOK_STOP, notebook=notebook, now=now)
        logger.info("transition_recorded", run=str(run), state=report.state.value, source=report.source.value)
        self._pushes.ensure_for(changed)
        if report.state is RunState.RUNNING:
            # The place where it runs knows since when, and that its pull is over.
            self._note_times(run)
        return _status(changed, notebook)

    async def pull_report(self, run: UUID, report: PullReport) -> RunStatus:
        """Keep how far the pull before the start has come; it is a proof of life as well."""
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            found = await self._locked(unit, run)
            await store_pull(unit, run, report.volumes, finished=report.finished, now=now)
            await unit.runs.prove_alive(run, now)
            notebook = await unit.notebooks.find(found.notebook)
        return _status(found, notebook)

    async def heartbeat(self, run: UUID, last_active_at: datetime | None = None) -> RunStatus:
        """Move the last proof of life; the answer tells a gateway whether its run goes on."""
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            found = await self._get(unit, run)
            await unit.runs.prove_alive(run, now)
            if last_active_at is not None:
                await unit.runs.note_activity(run, min(last_active_at, now))
            notebook = await unit.notebooks.find(found.notebook)
        pull = await keep_pull(self._means, found.notebook, run) if found.state is RunState.STARTING else ()
        return _status(found, notebook, pull)

    async def authenticate_gateway(self, run: UUID, token: str) -> None:
        """Let the gateway of this run in.

        Raises:
            UnauthenticatedError: the token is not this run's; unknown runs look the same.

        """
        async with self._means.ledger.reading() as unit:
            found = await unit.runs.find(run)
        known = found.gateway_token.get_secret_value() if found else ""
        if not known or not hmac.compare_digest(known.encode(), token.encode()):
            raise UnauthenticatedError

    async def _standing_for(self, unit: UnitOfWork, request: OpenRun) -> tuple[Standing, UUID | None]:
        """Return where the notebook stands, and the run that this attempt has opened or adopted already."""
        found = await unit.notebooks.find_for_attempt(request.notebook, request.attempt)
        if found is None:
            raise NotFoundError("notebook", str(request.notebook))
        notebook, run, known = found
        asked = (request.user, request.server_name, request.hub)
        if asked != (notebook.owner, notebook.server_name, notebook.hub):
            raise NotFoundError("notebook", str(request.notebook))
        return Standing(notebook, run), known

    async def _adopt(self, unit: UnitOfWork, run: RunRecord, attempt: UUID) -> RunRecord:
        now = self._means.now()
        adopted = replace(run, attempt=attempt)
        await unit.runs.save(adopted)
        await unit.runs.prove_alive(run.id, now)
        await unit.transitions.add(run.id, Transition(RunState.STARTING, Source.HUB, now), now=now)
        return adopted

    async def _close_unadopted(self, unit: UnitOfWork, run: RunRecord) -> RunRecord:
        now = self._means.now()
        end = Transition(RunState.STOPPED, Source.API, now)
        return await close_run(unit, run, end, now=now, launched=False)

    async def answer(self, unit: UnitOfWork, run: RunRecord, notebook: NotebookRecord) -> OpenedRun:
        """Return all that the run's processes need."""
        # A notebook without volumes has nothing to pull; they cannot change between opening and this.
        pull = await unit.syncs.find_start_pull(run.id) if notebook.spec.volumes else None
        return OpenedRun(
            run=run.id,
            notebook=notebook.id,
            spec=notebook.spec,
            environment=self._environment(notebook),
            gateway_token=run.gateway_token.get_secret_value(),
            cookie_key=notebook.cookie_key.get_secret_value(),
            pull=await build_job(unit, self._means, pull, notebook=notebook) if pull else None,
        )

    def _environment(self, notebook: NotebookRecord) -> dict[str, str]:
        """Return the user's variables, then the platform's, which win."""
        theirs = {name: value.get_secret_value() for name, value in notebook.spec.environment.items()}
        public = self._means.settings.notebook_origin(notebook.owner)
        return {
            **theirs,
            "NOTEBOOK_ID": str(notebook.id),
            "NOTEBOOK_HOST": urlsplit(public).netloc,
        }

    async def _locked(self, unit: UnitOfWork, run: UUID) -> RunRecord:
        await unit.projects.lock_of_run(run)
        return await self._get(unit, run)

    @staticmethod
    async def _get(unit: UnitOfWork, run: UUID) -> RunRecord:
        found = await unit.runs.find(run)
        if found is None:
            raise NotFoundError("run", str(run))
        return found


def _check_same(run: RunRecord, standing: Standing) -> None:
    if run.notebook != standing.notebook.id:
        raise NotFoundError("notebook", str(standing.notebook.id))
    if run.state not in HOLDING:
        raise WrongStateError(f"This start of notebook {run.notebook_name!r} is over ({run.state.value}).")


def _status(
    run: RunRecord, notebook: NotebookRecord | None, pull: Sequence[VolumeProgress] = ()
) -> RunStatus:
    """Answer a report. A deleted notebook's run is over, whatever was reported."""
    return RunStatus(
        run=run.id,
        state=run.state,
        notebook_state=state_of(notebook, run) if notebook else NotebookState.DELETING,
        should_stop=notebook is None or run.state not in HOLDING,
        pull=list(pull),
    )
