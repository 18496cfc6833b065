"""What every spawner of ours does, wherever its notebooks run.

Options become a stored record, a start opens a run (quota), each state is reported, and whatever goes wrong
reaches the user as one plain sentence. A subclass brings the notebook up and takes it down.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import structlog
from pydantic import ValidationError
from traitlets import default

from ovh_spawner.contract.runs import (
    NotebookReference,
    OpenedRun,
    OpenRun,
    ResolveRequest,
    RunStatus,
    TransitionReport,
)
from ovh_spawner.domain.states import Door, RunState, Source
from ovh_spawner.errors import (
    InvalidSpecError,
    LaunchError,
    OVHSpawnerError,
    RefusedError,
    StoppedWhileStartingError,
)
from ovh_spawner.hub import refusals
from ovh_spawner.hub.compat import set_display_name
from ovh_spawner.hub.progress import ProgressFeed, Step
from ovh_spawner.hub.reports import Reports
from ovh_spawner.hub.routes import add_route, remove_route
from ovh_spawner.hub.start_deadline import start_seconds, too_slow
from ovh_spawner.hub.traits import NotebookTraits

log = structlog.get_logger()

_NAMED_SERVER = (
    "Notebooks are named servers: start this under a name, for example through the page 'New notebook' or by "
    "POST /hub/api/users/<user>/servers/<name>."
)


class LifecycleMixin(NotebookTraits):
    """The part of a spawner that talks to the hub service. Comes before JupyterHub's class in the bases."""

    # Given by JupyterHub's Spawner.
    user: Any
    orm_spawner: Any
    name: str
    user_options: dict[str, Any]
    start_timeout: int

    run: UUID | None = None
    """The run that this spawner brings up, runs or takes down; None between runs."""
    notebook: UUID | None = None
    _resolved: NotebookReference | None = None
    """What the options of the coming start mean, when this spawner was asked that already."""
    is_starting = False
    is_launched = False
    """True once a process of the notebook's user may have run: then its end is followed by a push."""
    is_running_reported = False
    _has_route = False

    @default("apply_user_options")
    def _default_apply_user_options(self) -> Callable[[Any, dict[str, Any]], Awaitable[None]]:
        # A method of this name would be called with the spawner twice; JupyterHub wants a plain function.
        async def apply(spawner: "LifecycleMixin", options: dict[str, Any]) -> None:
            await spawner.resolve_options(options)

        return apply

    @property
    def reports(self) -> Reports:
        return Reports(self.service)

    @property
    def feed(self) -> ProgressFeed:
        """The lines of the current start."""
        if not hasattr(self, "_feed"):
            self._feed = ProgressFeed()
        return self._feed

    async def resolve_options(self, options: dict[str, Any]) -> None:
        """Turn what came in into a stored record; the hub keeps no more than its reference."""
        resolved, self._resolved = self._resolved, None
        if resolved is not None and options == resolved.model_dump(mode="json"):
            return
        # JupyterHub has stored in clear what its API received: that must not wait for the service.
        self._keep({})
        self.commit()
        try:
            reference = await self.resolve(options)
        except OVHSpawnerError as error:
            raise refusals.refusal(error) from error
        # Stored with the start, which follows at once.
        self._keep(reference.model_dump(mode="json"))

    def _keep(self, options: dict[str, Any]) -> None:
        self.user_options = options
        self.orm_spawner.user_options = options

    async def resolve(self, options: dict[str, Any]) -> NotebookReference:
        """Return the reference of the record that the options become; raises OVHSpawnerError."""
        if not self.name:
            raise InvalidSpecError.one("", _NAMED_SERVER)
        try:
            request = ResolveRequest(
                user=self.user.name, server_name=self.name, options=options or None, door=Door.HUB
            )
        except ValidationError:
            raise InvalidSpecError.one("", "The options must be a JSON object.") from None
        self._resolved = await self.service.resolve(request)
        return self._resolved

    def commit(self) -> None:
        """Write the hub's row of this server now."""
        self.user.db.commit()

    def checkpoint(self) -> None:
        """Store the state at once, so that a hub that is killed now finds the run's processes again."""
        self.orm_spawner.state = self.get_state()
        self.commit()

    async def start(self) -> str:
        """Open a run and bring the notebook up; whatever fails is recorded and told in one sentence."""
        self._forget_run()
        self.is_starting = True
        self._feed = ProgressFeed()
        self.feed.show(Step("open", 2, "Reserving resources"))
        try:
            async with asyncio.timeout(start_seconds(self.start_timeout)):
                opened = await self._open_run()
                url = await self._launch_while_wanted(opened)
                self._has_route = True
                await add_route(self, url)
                await self._report(RunState.RUNNING, self.now())
                self.is_running_reported = True
        except asyncio.CancelledError:
            await self.on_cancelled()
            raise
        except TimeoutError as exc:
            raise await self._fail(LaunchError(too_slow(self.start_timeout))) from exc
        except OVHSpawnerError as error:
            raise await self._fail(error) from error
        except Exception as exc:  # the end of a failed start: any error's own text would reach the user
            log.exception("start_failed_unexpectedly", run=str(self.run))
            raise await self._fail(None) from exc
        finally:
            self.is_starting = False
        self.feed.show(Step("ready", 98, "Ready"))
        return url

    async def _launch_while_wanted(self, opened: OpenedRun) -> str:
        """Bring the notebook up, unless its stop is ordered meanwhile: a pull can take an hour."""
        launching = asyncio.create_task(self.launch(opened))
        watching = asyncio.create_task(self.reports.wait_until_over(opened.run, self.on_status))
        try:
            await asyncio.wait({launching, watching}, return_when=asyncio.FIRST_COMPLETED)
            if launching.done():
                return await launching
            raise StoppedWhileStartingError("The notebook was stopped before it ran. Start it again.")
        finally:
            for task in (launching, watching):
                task.cancel()
            await asyncio.gather(launching, watching, return_exceptions=True)

    async def _open_run(self) -> OpenedRun:
        reference = NotebookReference.model_validate(self.user_options)
        opened = await self.service.open_run(
            OpenRun(
                notebook=reference.notebook,
                revision=reference.revision,
                user=self.user.name,
                server_name=self.name,
                hub=self.settings.deployment.hub_id,
                attempt=uuid4(),
            )
        )
        self.run, self.notebook = opened.run, opened.notebook
        set_display_name(self.orm_spawner, opened.spec.name)
        self.checkpoint()
        log.info("run_opened", run=str(opened.run), notebook=str(opened.notebook))
        return opened

    async def _fail(self, error: OVHSpawnerError | None) -> Exception:
        """Record a failed start, return what the user is shown. FAILED: the owner can act; ERROR: we must."""
        state = RunState.FAILED if isinstance(error, RefusedError) else RunState.ERROR
        if isinstance(error, StoppedWhileStartingError):
            state = RunState.STOPPED
        code, message = (error.code, error.message) if error else ("internal", refusals.INTERNAL)
        log.warning("start_failed", run=str(self.run), state=state.value, code=code)
        await self._abandon(state, code, message)
        return refusals.refusal(error) if error else refusals.internal_refusal()

    async def _abandon(self, state: RunState, code: str, message: str) -> None:
        """Take down what a start left, and close its run."""
        if self.run is None:
            return
        if self._has_route:
            await remove_route(self)
        await self.end_processes(grace_seconds=self.stop_grace_seconds)
        await self.report_end(state, self.now(), code=code, message=message)

    async def on_cancelled(self) -> None:
        """End what a cancelled start has brought up."""
        await self._abandon(RunState.STOPPED, "cancelled", "The start was cancelled.")

    def on_status(self, status: RunStatus) -> None:
        """Hear, every few seconds of a start, what the books say."""

    async def _report(self, state: RunState, at: datetime) -> None:
        if self.run is not None:
            await self.reports.deliver(self.run, TransitionReport(state=state, source=Source.HUB, at=at))

    async def report_stopping(self, at: datetime) -> None:
        if self.run is not None:
            await self.reports.deliver_or_queue(
                self.run, TransitionReport(state=RunState.STOPPING, source=Source.HUB, at=at)
            )

    async def report_running_late(self, at: datetime) -> None:
        """Report RUNNING for a start that the hub did not live to finish."""
        if self.run is not None and not self.is_running_reported:
            self.is_running_reported = True
            await self.reports.deliver_or_queue(
                self.run, TransitionReport(state=RunState.RUNNING, source=Source.HUB, at=at)
            )
            self.checkpoint()

    async def report_end(self, state: RunState, at: datetime, *, code: str = "", message: str = "") -> None:
        """Report the run's end, once; the record catches up if the service is away."""
        run, launched = self.run, self.is_launched
        if run is None:
            return
        self._forget_run()
        report = TransitionReport(
            state=state, source=Source.HUB, at=at, code=code, message=message, launched=launched
        )
        await self.reports.deliver_or_queue(run, report)

    def _forget_run(self) -> None:
        self.run = None
        self.is_launched = self.is_running_reported = self._has_route = False

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what the person who waits reads; JupyterHub ends it with the start."""
        async for step in self.feed.watch():
            yield step.event()

    async def delete_forever(self) -> None:
        """Tell the service that the notebook's server is deleted: the notebook and its files go with it."""
        if not self.name:
            return
        brief = await self.service.find_notebook(self.user.name, self.name)
        if brief is not None:
            await self.service.delete_notebook(brief.notebook)

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()  # type: ignore[misc]
        if self.run is not None:
            state |= {
                "run": str(self.run),
                "notebook": str(self.notebook),
                "launched": self.is_launched,
                "running": self.is_running_reported,
            }
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)  # type: ignore[misc]
        if state.get("run"):
            self.run, self.notebook = UUID(state["run"]), UUID(state["notebook"])
            self.is_launched, self.is_running_reported = state["launched"], state["running"]

    def clear_state(self) -> None:
        super().clear_state()  # type: ignore[misc]
        self._forget_run()

    async def launch(self, opened: OpenedRun) -> str:
        """Bring the notebook up and return where the hub reaches it."""
        raise NotImplementedError

    async def end_processes(self, *, grace_seconds: float) -> None:
        """Take down whatever runs for ``self.run``; nothing is no error."""
        raise NotImplementedError
