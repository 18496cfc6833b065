"""The service as gateways see it: policy, redeem and heartbeat, on a port of its own, in a thread."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

from aiohttp import web


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
        self.access = "restricted"
        self.should_stop = False
        self.away = False
        self.heartbeat_status = 200
        self.codes: dict[str, str] = {}
        self.signed_in_for = timedelta(hours=1)
        self.heartbeats = 0
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
        app.router.add_get(f"{base}/policy", self._policy)
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
        return web.json_response({"notebook": str(self.notebook), "access": self.access, "users": self.users})

    async def _redeem(self, request):
        user = self.codes.pop((await request.json())["code"], None)
        if user is None:
            return web.json_response({"message": "unknown code", "code": "forbidden"}, status=403)
        expires_at = (datetime.now(UTC) + self.signed_in_for).isoformat()
        return web.json_response({"user": user, "expiresAt": expires_at})

    async def _heartbeat(self, request):
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
