"""The only place that wires the service."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
import tornado.web
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from ovh_spawner.catalog.local import count_gpus, local_capabilities
from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.errors import ConfigError
from ovh_spawner.service.api.app import make_app, make_server
from ovh_spawner.service.db.ledger import Ledger
from ovh_spawner.service.hub_client import HubClient
from ovh_spawner.service.operations.access import AccessOperations
from ovh_spawner.service.operations.administration import ProjectOperations
from ovh_spawner.service.operations.audit import AuditOperations
from ovh_spawner.service.operations.background import Background
from ovh_spawner.service.operations.capabilities import CapabilityOperations
from ovh_spawner.service.operations.datastores import DataStoreOperations
from ovh_spawner.service.operations.deletions import Deletions
from ovh_spawner.service.operations.hub_orders import HubOrders
from ovh_spawner.service.operations.means import Hub, Means, Patience
from ovh_spawner.service.operations.notebook_changes import NotebookChanges
from ovh_spawner.service.operations.notebooks import NotebookOperations
from ovh_spawner.service.operations.people import People
from ovh_spawner.service.operations.preparation import PreparationOperations
from ovh_spawner.service.operations.pushes import Pushes
from ovh_spawner.service.operations.reconcile import Reconciler
from ovh_spawner.service.operations.runs import RunOperations
from ovh_spawner.service.operations.ssh import SshOperations
from ovh_spawner.service.operations.statements import StatementOperations
from ovh_spawner.service.operations.sync import SyncOperations
from ovh_spawner.service.operations.sync_worker import SyncWorker
from ovh_spawner.service.operations.token_checks import TokenChecks
from ovh_spawner.service.operations.token_sign_in import TokenSignInOperations
from ovh_spawner.service.operations.tokens import TokenOperations
from ovh_spawner.service.runners.base import Runner
from ovh_spawner.service.runners.local import LocalRunner
from ovh_spawner.service.secrets import Secrets
from ovh_spawner.settings import Settings

logger = structlog.get_logger()

WATCH_PAUSE_SECONDS = 10.0
"""Before a watch that failed in a way that nobody foresaw is taken up again."""
DRAIN_SECONDS = 20.0
"""How long an ending service waits for data syncs under way. They go on without it, but a machine that is
shut down next would end them."""

WAITING_CONNECTIONS = 4096
"""So many may wait to be let in; Linux cuts it to its own limit. Beyond it a connection is reset: tornado's 128 are
fewer than a class that starts at once."""

LOOK_SECONDS = 1.0
"""How old the answer may be to what is installed on the machine."""


@dataclass(frozen=True, slots=True)
class Operations:
    """All that the doors may call."""

    notebooks: NotebookOperations
    runs: RunOperations
    preparation: PreparationOperations
    people: People
    projects: ProjectOperations
    access: AccessOperations
    ssh: SshOperations
    token_checks: TokenChecks
    token_sign_in: TokenSignInOperations
    tokens: TokenOperations
    audit: AuditOperations
    statements: StatementOperations
    datastores: DataStoreOperations
    sync: SyncOperations
    capabilities: CapabilityOperations


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The running service."""

    settings: Settings
    secrets: Secrets
    operations: Operations
    now: Callable[[], datetime]
    means: Means
    reconciler: Reconciler

    async def start(self) -> None:
        """Bring the ledger to this version, then begin to reconcile."""
        await self.means.ledger.migrate()
        seconds = self.settings.service.reconcile_seconds
        self.means.background.repeat("reconcile", self.reconciler.round, seconds=seconds)
        self.watch()

    def watch(self) -> None:
        """Hear of changes where notebooks run, whatever goes wrong on the way."""
        watch = self.means.runner.watch
        self.means.background.repeat(
            "watch", lambda: watch(self.reconciler.look_soon), seconds=WATCH_PAUSE_SECONDS
        )

    def listen(self) -> HTTPServer:
        """Open the HTTP door.

        Raises:
            ConfigError: the port is taken.

        """
        where = self.settings.service
        server = make_server(self.make_app())
        try:
            server.add_sockets(bind_sockets(where.port, where.host, backlog=WAITING_CONNECTIONS))
        except OSError as exc:
            raise ConfigError(
                f"The service cannot listen on {where.host}:{where.port} ({exc.strerror}). Is another one running? "
                "End it, or choose another service.port."
            ) from exc
        return server

    def make_app(self) -> tornado.web.Application:
        return make_app(self)

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Wait until no push or data sync is under way, but not longer."""
        try:
            async with asyncio.timeout(seconds):
                await self.means.background.settled("push ", "sync ")
        except TimeoutError:
            logger.info("syncs_go_on", reason="the service ends; its next start takes them up again")

    async def stop(self) -> None:
        """End the service's own work. Data syncs under way go on and are found at the next start."""
        await self.means.background.close()
        if isinstance(self.means.hub, HubClient):
            self.means.hub.close()
        await self.means.runner.close()
        await self.means.ledger.close()


def build_service(
    settings: Settings,
    secrets: Secrets,
    *,
    catalog: Capabilities,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    runner: Runner | None = None,
    hub: Hub | None = None,
    patience: Patience | None = None,
) -> Service:
    """Wire the service; runner and hub can be given for tests."""
    means = Means(
        settings=settings,
        capabilities=_capabilities(settings, catalog),
        ledger=Ledger(settings.database.url, secrets.vault),
        runner=runner or _runner(settings, now),
        hub=hub or HubClient(settings.service.hub_api_url, secrets.service_token),
        background=Background(),
        now=now,
        store_keys=secrets.store_keys,
        patience=patience or Patience(),
    )
    return _wire(means, secrets)


def _wire(means: Means, secrets: Secrets) -> Service:
    worker = SyncWorker(means)
    pushes = Pushes(means, worker)
    orders = HubOrders(means, Deletions(means, pushes))
    datastores = DataStoreOperations(means)
    people = People(means)
    checks = TokenChecks(means, people)
    people.answer_for_tokens(checks.person_of_token)
    changes = NotebookChanges(means, datastores, people)
    reconciler = Reconciler(means, orders=orders, pushes=pushes, worker=worker)
    runs = RunOperations(means, pushes, people, note_times=reconciler.note_times)
    notebooks = NotebookOperations(means, orders, datastores=datastores, changes=changes)
    return Service(
        settings=means.settings,
        secrets=secrets,
        now=means.now,
        means=means,
        reconciler=reconciler,
        operations=Operations(
            notebooks=notebooks,
            runs=runs,
            preparation=PreparationOperations(means, runs),
            people=people,
            projects=ProjectOperations(means, people),
            access=AccessOperations(means, people, checks),
            ssh=SshOperations(means),
            token_checks=checks,
            token_sign_in=TokenSignInOperations(means, checks, people=people, notebooks=notebooks),
            tokens=TokenOperations(means, checks),
            audit=AuditOperations(means),
            statements=StatementOperations(means),
            datastores=datastores,
            sync=SyncOperations(means, worker),
            capabilities=CapabilityOperations(means, datastores, people),
        ),
    )


def _capabilities(settings: Settings, catalog: Capabilities) -> Callable[[], Capabilities]:
    if settings.deployment.mode != "local":
        return lambda: catalog
    gpus = count_gpus(Path("/dev"))
    return _kept_for_a_moment(lambda: local_capabilities(catalog, settings, gpus=gpus))


def _kept_for_a_moment(look: Callable[[], Capabilities]) -> Callable[[], Capabilities]:
    """Look at the machine once a second at most: what is there changes by hand, openings come by the hundred."""
    kept: tuple[float, Capabilities] | None = None

    def get() -> Capabilities:
        nonlocal kept
        now = time.monotonic()
        if kept is None or now - kept[0] > LOOK_SECONDS:
            kept = (now, look())
        return kept[1]

    return get


def _runner(settings: Settings, now: Callable[[], datetime]) -> Runner:
    if settings.deployment.mode == "local":
        return LocalRunner(settings.notebooks_folder())
    # The cluster's client is not installed with local mode.
    from ovh_spawner.service.runners.kubernetes import KubernetesRunner  # noqa: PLC0415

    return KubernetesRunner(settings, now=now)
