"""One or more real service processes on one database, and a hub that knows people but starts nothing."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from cryptography.fernet import Fernet
from ruamel.yaml import YAML
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ovh_spawner.constants import ENV_ENCRYPTION_KEYS, ENV_INTERNAL_TOKEN, ENV_SERVICE_TOKEN
from ovh_spawner.loopback import free_port
from ovh_spawner.service.db.tables import runs, transitions
from tests.support.fake_hub_users import FakeHubUsers
from tests.support.http_doors import listening
from tests.support.world import until

TOKEN = "service-token-at-the-hub"
OVER = {"STOPPING", "STOPPED", "FAILED", "ERROR"}


@dataclass
class Services:
    """The processes' addresses, and a look into their ledger."""

    hub: FakeHubUsers
    engine: AsyncEngine
    urls: list[str] = field(default_factory=list)
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, token: str, number: int = 0) -> httpx.AsyncClient:
        """Return a client of one of the processes, in turn."""
        url = self.urls[number % len(self.urls)]
        client = httpx.AsyncClient(
            base_url=f"{url}/services/ai/v1/",
            headers={"Authorization": f"Bearer {token}"},
            timeout=120,
            trust_env=False,
        )
        self.clients.append(client)
        return client

    async def stored_runs(self) -> list:
        async with self.engine.connect() as connection:
            return list(await connection.execute(select(runs)))

    async def history(self) -> list:
        async with self.engine.connect() as connection:
            return list(await connection.execute(select(transitions).order_by(transitions.c.id)))

    async def most_held(self) -> int:
        """Return how many GPUs were held at most, going through the ledger's transitions one by one."""
        gpus = {row.id: row.gpus for row in await self.stored_runs()}
        most, held = 0, {}
        for row in await self.history():
            if row.state in OVER:
                held[row.run] = 0
            elif row.state == "STARTING":
                held.setdefault(row.run, gpus[row.run])
            most = max(most, sum(held.values()))
        return most

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[list[int]]:
        """Look at how many GPUs are held by what is committed, again and again."""
        seen: list[int] = []
        over = asyncio.Event()
        watching = asyncio.create_task(self._watch(seen, over))
        try:
            yield seen
        finally:
            over.set()
            await watching

    async def _watch(self, seen: list[int], over: asyncio.Event) -> None:
        query = select(runs.c.gpus).where(runs.c.state.in_(["STARTING", "RUNNING"]))
        while not over.is_set():
            async with self.engine.connect() as connection:
                seen.append(sum((await connection.execute(query)).scalars()))
            await asyncio.sleep(0.005)


@asynccontextmanager
async def service_processes(folder: Path, database_url: str, *, count: int) -> AsyncIterator[Services]:
    hub = FakeHubUsers(service_token=TOKEN)
    processes: list[subprocess.Popen] = []
    engine = create_async_engine(database_url)
    services = Services(hub, engine)
    async with listening(hub.app()) as hub_port:
        key = Fernet.generate_key().decode()
        try:
            for number in range(count):
                given = {"hub_port": hub_port, "key": key, "services": services}
                processes += [_launch(folder / str(number), database_url, **given)]
            for url in services.urls:
                await until(lambda url=url: _answers(url), what="a service", seconds=120)
            yield services
        finally:
            for client in services.clients:
                await client.aclose()
            await engine.dispose()
            for process in processes:
                process.terminate()
            for process in processes:
                await asyncio.to_thread(process.wait, 60)


def _launch(
    folder: Path, database_url: str, *, hub_port: int, key: str, services: Services
) -> subprocess.Popen:
    folder.mkdir()
    python = folder / "environments" / "conda" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    port = free_port()
    services.urls.append(f"http://127.0.0.1:{port}")
    hub_api = f"http://127.0.0.1:{hub_port}/hub/api"
    local = {
        "stateFolder": str(folder),
        "simulatedGpus": 4,
        "environmentsFolder": str(folder / "environments"),
    }
    settings = {
        "service": {
            "port": port,
            "url": services.urls[-1],
            "hubApiUrl": hub_api,
            "reconcileSeconds": 1,
            # The hub starts nothing: what has its share of the quota keeps it, however long the others take.
            "adoptionSeconds": 3600,
        },
        "database": {"url": database_url},
        "local": local,
    }
    YAML().dump(settings, folder / "settings.yaml")
    environment = {ENV_SERVICE_TOKEN: TOKEN, ENV_INTERNAL_TOKEN: "internal", ENV_ENCRYPTION_KEYS: key}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "ovh_spawner.service", "--settings", str(folder / "settings.yaml")],
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


async def _answers(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(f"{url}/services/ai/health")).status_code == 200
        except httpx.HTTPError:
            return False
