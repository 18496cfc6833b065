"""A whole service on a real database, between a small hub and a runner that does as it is told."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from cryptography.fernet import Fernet

from ovh_spawner.catalog.loader import load_catalog
from ovh_spawner.constants import DEFAULT_PROJECT
from ovh_spawner.contract.runs import OpenedRun, OpenRun, RunStatus, TransitionReport
from ovh_spawner.domain.access import Person, Role
from ovh_spawner.domain.states import NotebookState, RunState, Source
from ovh_spawner.service.factory import Service, build_service
from ovh_spawner.service.operations.means import Patience
from ovh_spawner.service.operations.views import ListQuery, NotebookView
from ovh_spawner.service.secrets import Secrets, Vault
from ovh_spawner.settings import Settings
from tests.support.clock import Clock
from tests.support.fake_hub_servers import TOKEN, FakeHubServers
from tests.support.fake_runner import FakeRunner

_ROLES = {DEFAULT_PROJECT: Role.OPERATOR}
ANN = Person("ann", roles=_ROLES)
BOB = Person("bob", roles=_ROLES)
BOSS = Person("boss", is_platform_admin=True, roles=_ROLES)

QUICK = Patience(poll=0.01, hub=0.01, lock=0.01, retries=(0.01, 0.01), stop=60.0, check=1.0)

RW = {
    "mountPath": "/workspace/out",
    "permission": "RW",
    "dataStore": {"alias": "DEMO", "container": "results"},
}
RO = {"mountPath": "/workspace/in", "permission": "R", "dataStore": {"alias": "DEMO", "container": "data"}}


def spec(**changes: Any) -> dict[str, Any]:
    """Return a small valid request: one CPU of Miniconda in JupyterLab."""
    return {
        "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
        "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
        **changes,
    }


def gpus(count: int) -> dict[str, Any]:
    return {"flavor": "ai1-1-gpu", "gpu": count}


class World:
    """Everything around one service, which can be ended and started again."""

    def __init__(self, folder: Path, database_url: str, **settings: Any) -> None:
        self.blocks = settings
        self.clock = Clock()
        self.hub = FakeHubServers()
        self.runner = FakeRunner()
        self.key = Fernet.generate_key().decode()
        self._folder = folder
        self._database_url = database_url
        python = folder / "environments" / "conda" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.touch()

    async def start(self) -> None:
        self.hub.listen()
        self.hub.spawn = self.spawn
        self.service = await self.new_service()

    async def close(self) -> None:
        await self.service.stop()
        await self.hub.close()

    @property
    def settings(self) -> Settings:
        return Settings.model_validate(
            {
                "database": {"url": self._database_url},
                "access": {"open_notebooks": "allowed"},
                "service": {"hub_api_url": self.hub.url, "reconcile_seconds": 3600, "adoption_seconds": 120},
                "local": {
                    "state_folder": str(self._folder),
                    "environments_folder": str(self._folder / "environments"),
                    "simulated_gpus": 4,
                },
                "data_stores": {"DEMO": {"type": "folder", "root": str(self._folder)}},
                **self.blocks,
            }
        )

    async def new_service(self) -> Service:
        """Build a service as a new process would; reconcile is called by the tests."""
        secrets = Secrets(
            service_token=TOKEN,
            internal_token="internal",
            vault=Vault(self.key),
            store_keys={},
            ssh_token="ssh",
        )
        service = build_service(
            self.settings,
            secrets,
            catalog=load_catalog({}, region="GRA"),
            now=self.clock,
            runner=self.runner,
            patience=QUICK,
        )
        await service.means.ledger.migrate()
        return service

    async def restart(self) -> None:
        await self.service.stop()
        self.service = await self.new_service()

    @property
    def notebooks(self):
        return self.service.operations.notebooks

    @property
    def runs(self):
        return self.service.operations.runs

    async def reconcile(self) -> None:
        await self.service.reconciler.round()

    async def spawn(self, user: str, server_name: str, options: dict) -> None:
        """Do what a spawner does at a start: open the run, become ready."""
        opened = await self.open(user, server_name, UUID(options["notebook"]))
        await self.report(opened.run, RunState.RUNNING)

    async def open(
        self, user: str, server_name: str, notebook: UUID, *, attempt: UUID | None = None
    ) -> OpenedRun:
        return await self.runs.open(
            OpenRun(
                notebook=notebook,
                revision=1,
                user=user,
                server_name=server_name,
                hub="hub",
                attempt=attempt or uuid4(),
            )
        )

    async def report(
        self, run: UUID, state: RunState, *, source: Source = Source.HUB, **facts: Any
    ) -> RunStatus:
        facts.setdefault("at", self.clock())
        return await self.runs.record(run, TransitionReport(state=state, source=source, **facts))

    async def running(self, actor: Person = ANN, **changes: Any) -> NotebookView:
        """Create a notebook and return it when it runs."""
        created = await self.notebooks.create(actor, spec(**changes))
        return await self.until_state(created.id, NotebookState.RUNNING)

    async def stopped(self, actor: Person = ANN, **changes: Any) -> NotebookView:
        """Create a notebook, let it run for a minute, stop it."""
        notebook = await self.running(actor, **changes)
        self.clock.advance(minutes=1)
        await self.end(notebook)
        return await self.until_state(notebook.id, NotebookState.STOPPED)

    async def end(self, notebook: NotebookView, state: RunState = RunState.STOPPED) -> None:
        """Report a stop as a spawner does."""
        if state is RunState.STOPPED:
            await self.report(notebook.last_run.id, RunState.STOPPING)
        await self.report(notebook.last_run.id, state)

    async def end_server(self, user: str, server_name: str) -> None:
        """Do what a spawner does when the hub stops its server; for ``hub.on_stop``."""
        for view in (await self.notebooks.list(BOSS, ListQuery(user=user, size=500))).items:
            if view.server_name == server_name and view.last_run and view.last_run.ended_at is None:
                await self.end(view)

    async def until_state(self, notebook: UUID, state: NotebookState) -> NotebookView:
        async def look() -> NotebookView | None:
            view = await self.notebooks.get(BOSS, notebook)
            return view if view.state is state else None

        return await until(look, what=f"state {state}")


async def until(look: Callable[[], Any | Awaitable[Any]], *, what: str, seconds: float = 90.0) -> Any:
    """Wait for a state: return the first true answer of ``look``."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        found = look()
        found = await found if inspect.isawaitable(found) else found
        if found:
            return found
        assert loop.time() < deadline, f"waited {seconds:.0f} s for {what}"
        await asyncio.sleep(0.01)
