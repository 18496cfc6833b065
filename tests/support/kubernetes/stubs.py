"""What answers at a pod's address: a small HTTP server per pod, on a loopback address of its own."""

import asyncio
import contextlib
import random
import socket

from aiohttp import web

from tests.support.kubernetes.objects import Object


class Stubs:
    """Each pod has an address 127.x.y.z; ``notebook-port`` answers there once the pod is ready."""

    def __init__(self) -> None:
        self._sockets: dict[str, socket.socket] = {}
        self._ports: dict[str, int] = {}
        self._sites: dict[str, web.SockSite] = {}
        self._runner: web.AppRunner | None = None
        self._closing: list[asyncio.Task[None]] = []
        self.asked: list[str] = []

    async def address(self, name: str, pod: Object) -> str:
        """Reserve a pod's address; nothing answers there yet."""
        port = next(
            (p["containerPort"] for c in pod["spec"]["containers"] for p in c["ports"] if p.get("name")), 0
        )
        while True:
            host = f"127.{random.randint(1, 250)}.{random.randint(0, 250)}.{random.randint(2, 250)}"
            bound = socket.socket()
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                bound.bind((host, port or 0))
            except OSError:
                bound.close()
                continue
            self.close(name)
            self._sockets[name] = bound
            return host

    async def open(self, name: str) -> None:
        if name not in self._sockets or name in self._sites:
            return
        if self._runner is None:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", self._answer)
            self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await self._runner.setup()
        self._sites[name] = web.SockSite(self._runner, self._sockets[name])
        await self._sites[name].start()

    def close(self, name: str) -> None:
        bound, site = self._sockets.pop(name, None), self._sites.pop(name, None)
        if site is not None:
            self._closing.append(asyncio.ensure_future(_stop(site)))
        elif bound is not None:
            bound.close()

    async def stop(self) -> None:
        for name in list(self._sockets):
            self.close(name)
        await asyncio.gather(*self._closing)
        if self._runner:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        return web.json_response({"version": "1"})


async def _stop(site: web.SockSite) -> None:
    with contextlib.suppress(RuntimeError):
        await site.stop()
