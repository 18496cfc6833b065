"""A hub whose spawners go on one step at a time, so that a test can break something between any two steps.

It keeps the true history of every run as it goes: what really happened, whoever heard of it.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID, uuid4

from ovh_spawner.contract.runs import NotebookReference, OpenedRun, OpenRun, TransitionReport
from ovh_spawner.domain.states import RunState, Source
from ovh_spawner.errors import HubError, OVHSpawnerError
from ovh_spawner.service.hub_client import HubServer, HubUser
from ovh_spawner.service.runners.base import RunEvidence, RunLife


class Stage(Enum):
    """How far a spawner is."""

    ASKED = "spawn"
    OPENED = "spawn "
    LAUNCHED = "spawn  "
    READY = ""
    STOPPING = "stop"
    KILLED = "stop "


@dataclass
class TrueRun:
    """What really happened to a run."""

    run: UUID
    notebook: UUID
    launched: bool = False
    alive: bool = False
    running_at: datetime | None = None
    over_at: datetime | None = None
    """First of: a stop was ordered, the process died."""
    died_at: datetime | None = None
    proven_at: datetime | None = None
    """The last time at which the service heard that it lives."""
    lost: bool = False
    """A crash or a vanished record took a report of it away."""
    stepped: bool = False
    """The clock was set back while it went on."""
    reports: list[TransitionReport] = field(default_factory=list)
    """Everything that was ever reported, to be repeated."""

    def over(self, at: datetime) -> None:
        self.over_at = min(at, self.over_at or at)


@dataclass
class Server:
    """One named server and its spawner."""

    user: str
    name: str
    notebook: UUID
    stage: Stage = Stage.ASKED
    attempt: UUID = field(default_factory=uuid4)
    run: UUID | None = None
    is_running_reported: bool = False


class ModelHub:
    """Implements what the service asks of JupyterHub."""

    def __init__(self, world) -> None:
        self.world = world
        self.url = "http://hub.invalid/hub/api"
        self.servers: dict[tuple[str, str], Server] = {}
        self.truth: dict[UUID, TrueRun] = {}
        self.queue: list[tuple[UUID, TransitionReport]] = []
        """Reports that wait for the service."""
        self.is_down = False
        self.refuses = False

    async def find_user(self, name: str) -> HubUser | None:
        self._answer()
        return HubUser(name, is_admin=False, groups=frozenset())

    async def find_server(self, user: str, server_name: str) -> HubServer | None:
        self._answer()
        server = self.servers.get((user, server_name))
        return server and HubServer(ready=server.stage is Stage.READY, pending=server.stage.value.strip())

    async def start_server(
        self, user: str, server_name: str, *, reference: NotebookReference, display_name: str
    ) -> None:
        self._answer()
        if self.refuses:
            raise HubError("JupyterHub says: the cluster is full")
        known = self.servers.get((user, server_name))
        if known and known.stage in {Stage.READY, Stage.STOPPING, Stage.KILLED}:
            raise HubError("JupyterHub says: it is already running, or stopping")
        if known is None:
            self.servers[user, server_name] = Server(user, server_name, reference.notebook)

    async def stop_server(self, user: str, server_name: str) -> None:
        self._answer()
        server = self.servers.get((user, server_name))
        if server is None or server.stage in {Stage.STOPPING, Stage.KILLED}:
            return
        if server.stage is not Stage.READY:
            raise HubError("JupyterHub says: it is not running")
        server.stage = Stage.STOPPING
        await self._say(server.run, RunState.STOPPING)

    async def delete_server(self, user: str, server_name: str) -> None:
        await self.stop_server(user, server_name)

    def _answer(self) -> None:
        if self.is_down:
            raise HubError("JupyterHub does not answer.")

    async def advance(  # noqa: C901 - one case for each stage
        self, server: Server
    ) -> None:
        """Take the spawner's next step."""
        if self.is_down or self.servers.get((server.user, server.name)) is not server:
            return
        true = self.truth.get(server.run)
        match server.stage:
            case Stage.ASKED:
                await self._open(server)
            case Stage.OPENED:
                true.launched = true.alive = True
                self.world.runner.runs[true.run] = RunEvidence(RunLife.ALIVE)
                self.world.runner.unsaved.add(true.notebook)
                server.stage = Stage.LAUNCHED
            case Stage.LAUNCHED | Stage.READY if not true.alive:
                self._forget(server)
                state = RunState.FAILED if self.world.runner.runs[true.run].ended_at else RunState.ERROR
                await self._say(
                    true.run, state, at=true.died_at if state is RunState.FAILED else true.proven_at
                )
            case Stage.LAUNCHED:
                await self._become_ready(server, true)
            case Stage.READY if not server.is_running_reported:
                server.is_running_reported = True
                true.running_at = true.running_at or self.world.clock()
                await self._say(true.run, RunState.RUNNING)
            case Stage.STOPPING:
                self.kill(true, ordered=True)
                server.stage = Stage.KILLED
            case Stage.KILLED:
                self._forget(server)
                await self._say(true.run, RunState.STOPPED, at=true.died_at)

    async def _open(self, server: Server) -> None:
        try:
            opened: OpenedRun = await self.world.service.operations.runs.open(
                OpenRun(
                    notebook=server.notebook, revision=1, user=server.user, server_name=server.name,
                    hub="hub", attempt=server.attempt,
                )
            )  # fmt: skip
        except OVHSpawnerError:
            self._forget(server)
            return
        server.run, server.stage = opened.run, Stage.OPENED
        self.truth.setdefault(opened.run, TrueRun(opened.run, server.notebook)).proven_at = self.world.clock()

    async def _become_ready(self, server: Server, true: TrueRun) -> None:
        now = self.world.clock()
        if self.world.is_away:
            # Starting fails closed: what cannot be metered does not run.
            self.kill(true, ordered=True)
            self._forget(server)
            await self._say(true.run, RunState.ERROR, at=now)
            return
        true.running_at = now
        server.is_running_reported, server.stage = True, Stage.READY
        await self._say(true.run, RunState.RUNNING)

    def kill(self, true: TrueRun, *, ordered: bool, record: bool = True) -> None:
        """End the run's process; its gateway leaves a record unless it was killed as well."""
        if not true.alive:
            return
        now = self.world.clock()
        true.alive, true.died_at = False, now
        true.over(now)
        true.lost = true.lost or not record
        self.world.runner.runs[true.run] = RunEvidence(
            RunLife.GONE, now if record else None, 0 if ordered else 1, ordered
        ) if record else RunEvidence(RunLife.GONE)  # fmt: skip

    def _forget(self, server: Server) -> None:
        self.servers.pop((server.user, server.name), None)

    async def _say(self, run: UUID, state: RunState, at: datetime | None = None) -> None:
        true = self.truth[run]
        report = TransitionReport(
            state=state, source=Source.HUB, at=at or self.world.clock(), launched=true.launched
        )
        true.reports.append(report)
        if state is RunState.STOPPING:
            true.over(report.at)
        self.queue.append((run, report))
        if not self.world.is_away:
            await self.deliver(len(self.queue) - 1)

    async def deliver(self, index: int) -> None:
        """Bring one report that waits, whatever its turn, to the service."""
        run, report = self.queue.pop(index)
        if report.state is RunState.RUNNING:
            self.truth[run].proven_at = max(report.at, self.truth[run].proven_at)
        await self.world.service.operations.runs.record(run, report)

    def crash(self, *, forget: bool) -> None:
        """Kill the hub and start it again: what it had not stored is lost, its database perhaps too."""
        for run, _report in self.queue:
            self.truth[run].lost = True
        self.queue.clear()
        for server in list(self.servers.values()):
            true = self.truth.get(server.run)
            if true is None or not true.launched or forget:
                if true:
                    true.lost = True
                self._forget(server)
            elif server.stage is not Stage.KILLED:
                # It finds the process alive and takes the server for running.
                server.stage = Stage.READY
                true.lost = True
                if true.alive:
                    true.running_at = true.running_at or self.world.clock()
