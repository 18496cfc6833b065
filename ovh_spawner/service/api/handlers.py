"""One tornado handler for all routes: who asks, what is asked, the answer. Each step is written once."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

import structlog
from pydantic import BaseModel
from tornado.http1connection import HTTP1Connection
from tornado.web import HTTPError, RequestHandler, stream_request_body

from ovh_spawner.constants import MAX_BODY_BYTES
from ovh_spawner.contract.base import dump_private
from ovh_spawner.domain.access import Person
from ovh_spawner.domain.tokens import is_token
from ovh_spawner.errors import NotFoundError, UnauthenticatedError
from ovh_spawner.service.api import errors
from ovh_spawner.service.api.auth import HubSignIn, bearer_token, is_same_secret
from ovh_spawner.service.api.json_body import parse_json
from ovh_spawner.service.api.origins import note_origin
from ovh_spawner.service.api.parameters import parse_parameters
from ovh_spawner.service.api.routes import Call, Caller, Route, Text
from ovh_spawner.service.api.service import Service

log = structlog.get_logger()

_MOST_READ_BYTES = 16 * MAX_BODY_BYTES
"""A body that is too large is read (and dropped) up to here, so that its sender gets an answer."""

_CREDENTIALS = {Caller.USER: "hub token", Caller.HUB_OR_GATEWAY: "hub"}
"""The word of the audit log for who is not there by an application token; else the caller's own word."""

_NOBODY = Person(name="")
"""Of calls that no person makes: no role anywhere."""


class BaseHandler(RequestHandler):
    """What pages and API share: a number per request, no cache, one log line for each failure."""

    request_id: str

    def initialize(self, **_: Any) -> None:
        self.request_id = uuid4().hex

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")

    def log_exception(self, *_: Any) -> None:
        """Do not let tornado log: its line holds the query string."""

    def report(self, error: BaseException) -> None:
        """Log what the operator should know of."""
        if errors.is_failure(error):
            facts = {"request": self.request_id, "method": self.request.method, "path": self.request.path}
            log.error("request_failed", **facts, error=type(error).__name__, exc_info=error)


@stream_request_body
class ApiHandler(BaseHandler):
    """All methods of one path."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")

    def initialize(self, **given: Any) -> None:
        super().initialize()
        routes: Sequence[Route] = given.get("routes", ())
        self.routes = {route.method: route for route in routes}
        self.service: Service = given["service"]
        self.sign_in: HubSignIn = given["sign_in"]
        self.content = bytearray()
        self.too_large = False

    def prepare(self) -> None:
        # The server's own limit ends the connection without a word; up to this one we read, and then explain.
        if isinstance(self.request.connection, HTTP1Connection):
            self.request.connection.set_max_body_size(_MOST_READ_BYTES)

    def data_received(self, chunk: bytes) -> None:
        # Read to the end even when it is too much: a client that still sends does not see an early answer.
        self.too_large = self.too_large or len(self.content) + len(chunk) > MAX_BODY_BYTES
        if not self.too_large:
            self.content += chunk

    async def get(self, **path: str) -> None:
        await self._answer(path)

    head = post = put = delete = patch = options = get

    async def _answer(self, path: Mapping[str, str]) -> None:
        method = "GET" if self.request.method == "HEAD" else str(self.request.method)
        route = self.routes.get(method)
        if route is None:
            raise HTTPError(405)
        note_origin(
            self.request,
            proxies=self.service.settings.service.proxies,
            credential=_CREDENTIALS.get(route.caller, route.caller.value),
            number=self.request_id,
        )
        actor = await self._actor(route, path)
        if any("\0" in part for part in path.values()):
            # Not every database takes it for a text.
            raise NotFoundError("path", self.request.path[:200])
        query = parse_parameters(route.query, self.request.query_arguments)
        body = self._body() if route.body is not None else None
        call = Call(service=self.service, actor=actor, path=path, query=query, body=body)
        self._write_answer(route, await route.handler(call))

    async def _actor(self, route: Route, path: Mapping[str, str]) -> Person:
        if route.caller is Caller.ANYONE:
            return _NOBODY
        token = bearer_token(self.request.headers)
        if route.caller is Caller.USER:
            return await self._person(token)
        if route.caller is Caller.SSH:
            if not is_same_secret(token, self.service.secrets.ssh_token):
                raise UnauthenticatedError
            return _NOBODY
        is_hub = is_same_secret(token, self.service.secrets.internal_token)
        if route.caller is Caller.HUB or (is_hub and route.caller is Caller.HUB_OR_GATEWAY):
            if not is_hub:
                raise UnauthenticatedError
            return _NOBODY
        await self.service.operations.runs.authenticate_gateway(path_id(path["run"], "run"), token)
        return _NOBODY

    async def _person(self, token: str) -> Person:
        if is_token(token):
            return await self.service.operations.token_checks.authenticate(token)
        return await self.sign_in.person_for_token(token)

    def _body(self) -> object:
        if self.too_large:
            raise errors.BodyTooLargeError(MAX_BODY_BYTES)
        return parse_json(bytes(self.content), self.request.headers.get("Content-Type", ""))

    def _write_answer(self, route: Route, answer: object) -> None:
        self.set_status(route.status)
        if route.status == HTTPStatus.NO_CONTENT:
            return
        if isinstance(answer, Text):
            self.set_header("Content-Type", answer.content_type)
            if answer.filename:
                self.set_header("Content-Disposition", f'attachment; filename="{answer.filename}"')
            self.finish(answer.content)
            return
        self._write_json(_to_json(answer))

    def _write_json(self, text: str) -> None:
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(text)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, HTTPError(status_code), None))[1]
        self.report(error)
        self.set_status(errors.status_of(error))
        if self.get_status() == HTTPStatus.METHOD_NOT_ALLOWED:
            self.set_header("Allow", ", ".join(sorted(self.routes)))
        if isinstance(error, UnauthenticatedError):
            self.set_header("WWW-Authenticate", 'Bearer realm="ai"')
        self._write_json(errors.body_of(error, request_id=self.request_id).model_dump_json())


class UnknownPathHandler(ApiHandler):
    """Every path that no route has."""

    async def _answer(self, path: Mapping[str, str]) -> None:
        del path
        raise NotFoundError("path", self.request.path[:200])


def path_id(text: str, kind: str) -> UUID:
    """Return the id in a path; what cannot be an id names nothing.

    Raises:
        NotFoundError: it is no UUID.

    """
    try:
        return UUID(text)
    except ValueError as exc:
        raise NotFoundError(kind, text[:80]) from exc


def _to_json(answer: object) -> str:
    if isinstance(answer, BaseModel):
        return dump_private(answer)
    if isinstance(answer, list):
        return f"[{','.join(_to_json(item) for item in answer)}]"
    message = f"no JSON for {type(answer).__name__}"
    raise TypeError(message)


def access_log(handler: RequestHandler) -> None:
    """Write one line per request, without the query string: that may hold codes."""
    log.info(
        "request",
        request=getattr(handler, "request_id", ""),
        method=handler.request.method,
        path=handler.request.path,
        status=handler.get_status(),
        milliseconds=round(1000 * handler.request.request_time()),
    )
