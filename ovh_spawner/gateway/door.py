"""The way of every request: is it ours, may they come in, is it ready, then to the editor or another program."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.http import HttpProcessingError
from aiohttp.log import server_logger

from ovh_spawner import __version__
from ovh_spawner.gateway import pages, sign_in, token_sign_in, tunnel
from ovh_spawner.gateway.access import Access, Decision, Verdict
from ovh_spawner.gateway.activity import Activity
from ovh_spawner.gateway.editor_client import MAX_HEADER_BYTES, READ_BUFFER_BYTES, PortClient
from ovh_spawner.gateway.origins import (
    SAFE_METHODS,
    is_foreign_use,
    is_own_origin,
    is_websocket,
    needs_own_origin,
)
from ovh_spawner.gateway.paths import Prefix
from ovh_spawner.gateway.proxying import HttpProxy
from ovh_spawner.gateway.readiness import Readiness
from ovh_spawner.gateway.targets import Target, parse_port_path
from ovh_spawner.gateway.tokens import token_in_query
from ovh_spawner.gateway.turning_away import TurnAway
from ovh_spawner.gateway.websockets import WebSocketProxy

log = structlog.get_logger()

OWN_PATHS = "_ovh/"

NOT_PROXIED = frozenset({"CONNECT", "TRACE"})
"""TRACE would show a page the cookies that it may not read; CONNECT makes no sense behind a path."""

LOGGED_PATH = 500
"""Characters of a path in a log line."""


@dataclass(frozen=True, slots=True)
class Door:
    """All that a request may meet."""

    prefix: Prefix
    editor: Target
    ports: PortClient
    access: Access
    sign_in: sign_in.SignIn
    token_sign_in: token_sign_in.TokenSignIn
    turn_away: TurnAway
    readiness: Readiness
    http: HttpProxy
    websockets: WebSocketProxy
    activity: Activity
    ssh: tunnel.SshTunnel

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
        if path == tunnel.PATH:
            return await self.ssh.carry(request)
        if path.startswith(OWN_PATHS):
            return await self._own(request, rest)
        return await self._theirs(request, rest)

    async def _theirs(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        if request.method in NOT_PROXIED:
            return pages.error(405, f"{request.method} is not for notebooks.", "method_not_allowed")
        token, rest = token_in_query(rest)
        if token is not None and request.method in SAFE_METHODS and not is_websocket(request):
            return await self.token_sign_in.came_in_address(request, token, rest)
        decision = await self.access.decide(request)
        if decision.verdict is not Verdict.ADMIT:
            return self.turn_away.answer(request, decision, rest)
        if _is_foreign(request, decision):
            log.warning("foreign_origin_refused", method=request.method, origin=request.headers.get("Origin"))
            message = "This was sent by a page of another site, or does not say by which page it was sent."
            return pages.error(403, message, "foreign_origin")
        return await self._to_program(request, rest, decision)

    def _readiness(self) -> web.Response:
        """The hub asks without any credential, and sends people here when the answer is good."""
        if not self.readiness.is_ready:
            return pages.error(503, f"{self.editor.name} is starting.", "starting")
        return web.json_response({"version": __version__}, headers={"Cache-Control": "no-store"})

    async def _own(self, request: web.BaseRequest, rest: str) -> web.Response:
        what = request.method, rest.partition("?")[0]
        if what == ("GET", sign_in.CALLBACK):
            if not request.raw_path.startswith(self.prefix.path):
                # With other escapes the browser did not send the cookie: come again, spelled right.
                return pages.redirect(self.prefix.below(rest))
            return await self.sign_in.finish(request)
        if what == ("GET", sign_in.START):
            return self.sign_in.begin(request, token_sign_in.next_of(request.query))
        if what == ("GET", token_sign_in.PATH):
            return self.token_sign_in.asked(request)
        if what == ("POST", token_sign_in.PATH):
            return await self.token_sign_in.typed(request)
        return pages.not_found()

    async def _to_program(
        self, request: web.BaseRequest, rest: str, decision: Decision
    ) -> web.StreamResponse:
        if (port := parse_port_path(rest)) is not None:
            if port.rest is None:
                return pages.redirect(self.prefix.below(port.prefix))
            target = self.ports.target(port)
            if target is None:
                return pages.not_found()
            return await self._carry(request, target, port.rest, decision=decision)
        if not self.readiness.is_ready:
            return pages.starting(request, self.editor.name)
        return await self._carry(request, self.editor, rest, decision=decision)

    async def _carry(
        self, request: web.BaseRequest, target: Target, rest: str, *, decision: Decision
    ) -> web.StreamResponse:
        self.activity.see_request(request, rest)
        if is_websocket(request):
            return await self.websockets.carry(request, target, rest, decision=decision)
        return await self.http.carry(request, target, rest, decision=decision)


def _is_foreign(request: web.BaseRequest, decision: Decision) -> bool:
    if decision.by_cookie and is_foreign_use(request):
        return True
    return needs_own_origin(request) and not is_own_origin(request, by_cookie=decision.by_cookie)


class AccessLog(AbstractAccessLogger):
    """One event per answer. Never the query string: codes and tokens travel in it."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        # What worked is of interest when somebody looks for a fault only.
        write = log.info if response.status >= 400 else log.debug  # noqa: PLR2004
        write(
            "request",
            method=request.method,
            path=request.raw_path.partition("?")[0][:LOGGED_PATH],
            status=response.status,
            seconds=round(time, 3),
        )


def _is_no_strangers_fault(record: logging.LogRecord) -> bool:
    """Leave out what is no HTTP: the library quotes it, credentials and all, and the access log tells of it."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def build_server(handle: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> web.Server:
    """Return the HTTP server around a handler: bodies untouched, and cancelled when the browser goes away."""
    server_logger.addFilter(_is_no_strangers_fault)
    return web.Server(
        handle,
        handler_cancellation=True,
        auto_decompress=False,
        access_log_class=AccessLog,
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        read_bufsize=READ_BUFFER_BYTES,
    )
