"""The service as gateways see it: policy, redeem, token and heartbeat, on a port of its own, in a thread."""

import asyncio
import secrets
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from aiohttp import web

from ovh_spawner.domain.tokens import new_value


class FakeService:
    """Facts to set: who may come in, what heartbeats are told, whether it answers at all."""

    def __init__(self, notebook: UUID, run: UUID, token: str) -> None:
        self.notebook, self.run, self.token = notebook, run, token
        self.reset()
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def reset(self) -> None:
        self.users = ["ada"]
        self.tokens: dict[str, str] = {}
        """Values of application tokens, and their visitors."""
        self.tokens_seen: list[str] = []
        self.undecided: list[str] = []
        self.asked_about: list[str] = []
        self.access = "restricted"
        self.should_stop = False
        self.away = False
        self.heartbeat_status = 200
        self.codes: dict[str, str] = {}
        self.signed_in_for = timedelta(hours=1)
        self.heartbeats = 0
        self.last_active_at: str | None = None
        self.policies_told = 0

    def __enter__(self):
        self._thread.start()
        self._started.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def code_for(self, user: str) -> str:
        """As the service's ``open`` page does for whom the hub signed in."""
        code = f"code-{user}-{len(self.codes)}"
        self.codes[code] = user
        return code

    def new_token(self, version: int = 1) -> str:
        """Make an application token that opens the notebook."""
        identity = uuid4()
        value = new_value(identity, secrets.token_bytes(32))
        self.tokens[value] = f"token:{identity}:{version}"
        return value

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner = self._loop.run_until_complete(self._start())
        self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _start(self):
        app = web.Application(middlewares=[self._guard])
        base = f"/internal/v1/runs/{self.run}"
        app.router.add_post(f"{base}/policy", self._policy)
        app.router.add_post(f"{base}/token", self._token)
        app.router.add_post(f"{base}/redeem", self._redeem)
        app.router.add_post(f"{base}/heartbeat", self._heartbeat)
        runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    @web.middleware
    async def _guard(self, request, handler):
        if self.away:
            request.transport.abort()
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"message": "unknown", "code": "unauthenticated"}, status=401)
        return await handler(request)

    async def _policy(self, request):
        self.policies_told += 1
        self.asked_about = (await request.json())["visitors"]
        good = {*(f"user:{name}" for name in self.users), *self.tokens.values()}
        return web.json_response(
            {
                "notebook": str(self.notebook),
                "access": self.access,
                "visitors": [v for v in self.asked_about if v in good and v not in self.undecided],
                "undecided": [v for v in self.asked_about if v in self.undecided],
            }
        )

    async def _redeem(self, request):
        user = self.codes.pop((await request.json())["code"], None)
        if user is None:
            return web.json_response({"message": "unknown code", "code": "forbidden"}, status=403)
        return self._admission(f"user:{user}")

    async def _token(self, request):
        value = (await request.json())["token"]
        self.tokens_seen.append(value)
        if value not in self.tokens:
            return web.json_response({"message": "unknown token", "code": "forbidden"}, status=403)
        return self._admission(self.tokens[value])

    def _admission(self, visitor):
        expires_at = (datetime.now(UTC) + self.signed_in_for).isoformat()
        return web.json_response({"visitor": visitor, "expiresAt": expires_at})

    async def _heartbeat(self, request):
        self.last_active_at = (await request.json())["lastActiveAt"]
        # Counted last: whoever waits for it reads the other from another thread.
        self.heartbeats += 1
        if self.heartbeat_status != 200:
            return web.json_response({"message": "no", "code": "not_found"}, status=self.heartbeat_status)
        return web.json_response(
            {
                "run": str(self.run),
                "state": "RUNNING",
                "notebookState": "RUNNING",
                "shouldStop": self.should_stop,
            }
        )
