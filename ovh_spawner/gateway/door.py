"""The way of every request: is it ours, is it ready, may they come in, then to the editor."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from ovh_spawner import __version__
from ovh_spawner.gateway import pages, sign_in
from ovh_spawner.gateway.access import Access, Decision, Verdict
from ovh_spawner.gateway.editor_client import MAX_HEADER_BYTES, READ_BUFFER_BYTES
from ovh_spawner.gateway.origins import is_own_origin, is_websocket, needs_own_origin
from ovh_spawner.gateway.paths import Prefix
from ovh_spawner.gateway.proxying import HttpProxy
from ovh_spawner.gateway.readiness import Readiness
from ovh_spawner.gateway.websockets import WebSocketProxy

log = structlog.get_logger()

OWN_PATHS = "_ovh/"

NOT_PROXIED = frozenset({"CONNECT", "TRACE"})
"""TRACE would show a page the cookies that it may not read; CONNECT makes no sense behind a path."""


@dataclass(frozen=True, slots=True)
class Door:
    """All that a request may meet."""

    prefix: Prefix
    editor_name: str
    access: Access
    sign_in: sign_in.SignIn
    readiness: Readiness
    http: HttpProxy
    websockets: WebSocketProxy

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        # Not request.path: that is decoded.
        rest = self.prefix.rest_of(request.raw_path)
        if rest is None:
            if request.method == "GET" and self.prefix.is_without_slash(request.raw_path):
                return pages.redirect(self.prefix.path)
            return pages.not_found()
        path = rest.partition("?")[0]
        if path == "api" and request.method in {"GET", "HEAD"}:
            return self._readiness()
        if path.startswith(OWN_PATHS):
            return await self._own(request, rest)
        return await self._to_editor(request, rest)

    def _readiness(self) -> web.Response:
        """The hub asks without any credential, and sends people here when the answer is good."""
        if not self.readiness.is_ready:
            return pages.error(503, f"{self.editor_name} is starting.", "starting")
        return web.json_response({"version": __version__}, headers={"Cache-Control": "no-store"})

    async def _own(self, request: web.BaseRequest, rest: str) -> web.Response:
        path = rest.partition("?")[0]
        if request.method == "GET" and path == sign_in.CALLBACK:
            if not request.raw_path.startswith(self.prefix.path):
                # With other escapes the browser did not send the cookie: come again, spelled right.
                return pages.redirect(self.prefix.below(rest))
            return await self.sign_in.finish(request)
        if request.method == "GET" and path == sign_in.START:
            return self.sign_in.begin(request, "")
        return pages.not_found()

    async def _to_editor(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        if request.method in NOT_PROXIED:
            return pages.error(405, f"{request.method} is not for notebooks.", "method_not_allowed")
        decision = await self.access.decide(request)
        if decision.verdict is not Verdict.ADMIT:
            return self._turn_away(request, decision, rest)
        if needs_own_origin(request) and not is_own_origin(request, by_cookie=decision.by_cookie):
            log.warning("foreign_origin_refused", method=request.method, origin=request.headers.get("Origin"))
            message = "This was sent by a page of another site, or does not say by which page it was sent."
            return pages.error(403, message, "foreign_origin")
        if not self.readiness.is_ready:
            return pages.starting(request, self.editor_name)
        if is_websocket(request):
            return await self.websockets.carry(request, rest)
        return await self.http.carry(request, rest)

    def _turn_away(self, request: web.BaseRequest, decision: Decision, rest: str) -> web.Response:
        if decision.verdict is Verdict.UNKNOWN:
            return pages.service_away(request)
        if decision.verdict is Verdict.REFUSE:
            return pages.refused(request, decision.user or "", self.prefix.path + sign_in.START)
        if is_websocket(request):
            return pages.error(403, "Sign in first: open the notebook in this browser.", "unauthenticated")
        if pages.wants_page(request):
            return self.sign_in.begin(request, rest)
        return pages.error(401, "Sign in first: open the notebook in a browser.", "unauthenticated")


class AccessLog(AbstractAccessLogger):
    """One event per answer. Never the query string: codes and tokens travel in it."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        # What worked is of interest when somebody looks for a fault only.
        write = log.info if response.status >= 400 else log.debug  # noqa: PLR2004
        write(
            "request",
            method=request.method,
            path=request.raw_path.partition("?")[0],
            status=response.status,
            seconds=round(time, 3),
        )


def build_server(handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> web.Server:
    """Return the HTTP server around a handler: bodies untouched, and cancelled when the browser goes away."""
    return web.Server(
        handle,
        handler_cancellation=True,
        auto_decompress=False,
        access_log_class=AccessLog,
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        read_bufsize=READ_BUFFER_BYTES,
    )
