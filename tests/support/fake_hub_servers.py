"""A small hub: people's servers over HTTP, as the service sees them. Its spawner does what ``manner`` says."""

import json
from collections.abc import Awaitable, Callable
from enum import Enum

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, HTTPError, RequestHandler

TOKEN = "service-token-at-the-hub"

Spawn = Callable[[str, str, dict], Awaitable[None]]


class Manner(Enum):
    """How the hub treats a start."""

    WORKS = "works"
    FORGETS = "forgets"
    """Says 202 and starts nothing."""
    REFUSES = "refuses"
    IS_DOWN = "is down"
    """Answers every request with 503, stops too."""


class FakeHubServers:
    """The hub's API about servers."""

    def __init__(self, *, version: str = "6.1.1") -> None:
        self.version = version
        self.manner = Manner.WORKS
        self.servers: dict[tuple[str, str], dict] = {}
        self.admins = {"boss"}
        self.groups: dict[str, list[str]] = {}
        self.strangers: set[str] = set()
        """Names that the hub does not know (any more)."""
        self.bodies: list[dict] = []
        self.calls: list[str] = []
        self.spawn: Spawn | None = None
        """What the spawner does when a server starts."""
        self.on_stop: Callable[[str, str], Awaitable[None]] | None = None

    def listen(self) -> "FakeHubServers":
        socket, port = bind_unused_port()
        self.url = f"http://127.0.0.1:{port}/hub/api"
        given = {"hub": self}
        self._server = HTTPServer(
            Application(
                [
                    (r"/hub/api/", _Root, given),
                    (r"/hub/api/users/([^/]+)", _User, given),
                    (r"/hub/api/users/([^/]+)/servers/([^/]*)", _Server, given),
                    (r"/hub/api/users/([^/]+)/server", _Server, given),
                ],
                log_function=lambda _: None,
            )
        )
        self._server.add_socket(socket)
        return self

    async def close(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()

    def put(self, user: str, name: str, *, ready: bool = True, pending: str | None = None) -> None:
        self.servers[user, name] = {"name": name, "ready": ready, "pending": pending}


class _Handler(RequestHandler):
    def initialize(self, hub: FakeHubServers) -> None:
        self.hub = hub

    def prepare(self) -> None:
        self.hub.calls.append(f"{self.request.method} {self.request.path}")
        if self.hub.manner is Manner.IS_DOWN:
            raise HTTPError(503)
        if self.request.headers.get("Authorization") != f"token {TOKEN}":
            raise HTTPError(403)

    def write_error(self, status_code: int, **kwargs) -> None:
        self.finish({"status": status_code, "message": self._reason})


class _Root(_Handler):
    def get(self) -> None:
        self.finish({"version": self.hub.version})


class _User(_Handler):
    def get(self, user: str) -> None:
        if user in self.hub.strangers:
            raise HTTPError(404)
        servers = {name: model for (owner, name), model in self.hub.servers.items() if owner == user}
        facts = {"admin": user in self.hub.admins, "groups": self.hub.groups.get(user, [])}
        self.finish({"name": user, "servers": servers, **facts})


class _Server(_Handler):
    async def post(self, user: str, name: str = "") -> None:
        body = json.loads(self.request.body)
        self.hub.bodies.append(body)
        match self.hub.manner:
            case Manner.REFUSES:
                raise HTTPError(400, reason="the cluster is full")
            case Manner.FORGETS:
                self.set_status(202)
            case _:
                self.hub.put(user, name)
                if self.hub.spawn:
                    await self.hub.spawn(user, name, body.get("user_options", body))
                self.set_status(201)

    async def delete(self, user: str, name: str = "") -> None:
        if (user, name) not in self.hub.servers:
            raise HTTPError(404)
        remove = self.request.body and json.loads(self.request.body).get("remove")
        if self.hub.on_stop:
            await self.hub.on_stop(user, name)
        if remove:
            self.hub.servers.pop((user, name), None)
        else:
            self.hub.put(user, name, ready=False)
        self.set_status(204)
