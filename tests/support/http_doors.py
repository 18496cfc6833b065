"""Tornado applications on free loopback ports, and a client for the service's API, closed at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import SimpleNamespace

import httpx
from tornado.testing import bind_unused_port
from tornado.web import Application

from ovh_spawner.service.api.app import make_app, make_server
from ovh_spawner.service.api.auth import close_connections
from ovh_spawner.settings import DeploymentSettings, ServiceSettings, Settings
from tests.support.fake_hub_users import FakeHubUsers
from tests.support.small_operations import SERVICE_TOKEN, SmallService, small_service
from tests.support.world import World


@asynccontextmanager
async def listening(app: Application, **patience: float) -> AsyncIterator[int]:
    """Serve an application; ``patience`` is :func:`make_server`'s."""
    socket, port = bind_unused_port(address="127.0.0.1")
    server = make_server(app, **patience)
    server.add_sockets([socket])
    try:
        yield port
    finally:
        server.stop()
        await server.close_all_connections()


def of_world(world: World):
    """Return what serves the operations of a whole world, for :func:`open_door`."""

    def serve(settings: Settings) -> SimpleNamespace:
        real = world.service
        hub = {"hub_api_url": settings.service.hub_api_url}
        merged = real.settings.model_copy(
            update={
                "service": real.settings.service.model_copy(update=hub),
                "deployment": settings.deployment,
            }
        )
        return SimpleNamespace(
            settings=merged, operations=real.operations, secrets=real.secrets, now=real.now
        )

    return serve


@dataclass
class Door:
    """The service's address, its hub, and one client per person."""

    url: str
    api: str
    hub: FakeHubUsers
    service: SmallService
    clients: list[httpx.AsyncClient]

    def client(self, token: str = "") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.AsyncClient(base_url=self.api, headers=headers, timeout=120, trust_env=False)
        self.clients.append(client)
        return client

    def person(self, name: str, **facts) -> httpx.AsyncClient:
        return self.client(self.hub.add(name, **facts))


@asynccontextmanager
async def open_door(base_path: str = "/", *, serve=small_service, **patience: float) -> AsyncIterator[Door]:
    """Open the door of the service that ``serve`` makes of settings; its people are in the door's own hub."""
    hub = FakeHubUsers(service_token=SERVICE_TOKEN, base_path=base_path)
    async with listening(hub.app()) as hub_port:
        settings = Settings(
            deployment=DeploymentSettings(base_path=base_path),
            service=ServiceSettings(hub_api_url=f"http://127.0.0.1:{hub_port}{base_path}hub/api"),
        )
        service = serve(settings)
        if isinstance(service, SmallService):
            service.operations.people.hub = hub
        async with listening(make_app(service), **patience) as port:
            url = f"http://127.0.0.1:{port}"
            door = Door(url, f"{url}{settings.service_prefix}", hub, service, [])
            try:
                yield door
            finally:
                for client in door.clients:
                    await client.aclose()
                await close_connections()
