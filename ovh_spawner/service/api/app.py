"""Which path leads to which handler."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.routing import URLSpec
from tornado.web import Application

from ovh_spawner.constants import MAX_BODY_BYTES
from ovh_spawner.service.api import about
from ovh_spawner.service.api.auth import HubSignIn, cookie_secret
from ovh_spawner.service.api.handlers import ApiHandler, UnknownPathHandler, access_log
from ovh_spawner.service.api.internal import access, runs, sign_ins, ssh
from ovh_spawner.service.api.internal import notebooks as hub_notebooks
from ovh_spawner.service.api.openapi import describe
from ovh_spawner.service.api.routes import Route
from ovh_spawner.service.api.service import Service
from ovh_spawner.service.api.v1 import (
    audit,
    capabilities,
    datastores,
    datasync,
    me,
    notebooks,
    projects,
    tokens,
    usage,
)
from ovh_spawner.service.pages.routes import page_rules

_IDLE_SECONDS = 300.0
"""A connection on which no whole request line with headers comes is closed after so long."""

_BODY_SECONDS = 60.0
"""As long may the body of one request take: a megabyte at the speed of an old modem."""

_PUBLIC = (
    notebooks.ROUTES,
    datasync.ROUTES,
    capabilities.ROUTES,
    me.ROUTES,
    projects.ROUTES,
    datastores.ROUTES,
    tokens.ROUTES,
    usage.ROUTES,
    audit.ROUTES,
    about.ROUTES,
)
_INTERNAL = (runs.ROUTES, access.ROUTES, hub_notebooks.ROUTES, sign_ins.ROUTES, ssh.ROUTES)


def public_routes() -> list[Route]:
    """Return the routes that the OpenAPI document describes."""
    return [route for noun in _PUBLIC for route in noun.declared]


def make_app(service: Service) -> Application:
    """Return the whole door: API, internal API and pages."""
    sign_in = HubSignIn(service.settings, service.secrets.service_token, service.operations.people)
    prefix = service.settings.service_prefix.rstrip("/")
    document = describe(public_routes(), server_url=prefix)
    public = [*public_routes(), *about.describe_with(document).declared]
    given = {"service": service, "sign_in": sign_in}
    return Application(
        [
            *_rules(public, prefix, given=given),
            *_rules([route for noun in _INTERNAL for route in noun.declared], "", given=given),
            *page_rules(service, sign_in),
        ],
        default_handler_class=UnknownPathHandler,
        default_handler_args=given,
        log_function=access_log,
        cookie_secret=cookie_secret(service.secrets.service_token),
    )


def make_server(
    app: Application, *, idle_seconds: float = _IDLE_SECONDS, body_seconds: float = _BODY_SECONDS
) -> HTTPServer:
    """Return what speaks HTTP for the door. A client that is too slow is hung up on: it may not hold us for ever."""
    return HTTPServer(
        app, max_body_size=MAX_BODY_BYTES, idle_connection_timeout=idle_seconds, body_timeout=body_seconds
    )


def _rules(routes: Iterable[Route], prefix: str, *, given: dict[str, Any]) -> list[URLSpec]:
    # Paths without a variable part first: /v1/notebook/command is not the notebook "command".
    by_path = sorted(routes, key=lambda route: (route.path.count("{"), route.path))
    return [
        URLSpec(_pattern(prefix + path), ApiHandler, {**given, "routes": list(group)})
        for path, group in groupby(by_path, key=lambda route: route.path)
    ]


def _pattern(path: str) -> str:
    parts: Sequence[str] = re.split(r"\{(\w+)\}", path)
    return "".join(re.escape(part) if at % 2 == 0 else rf"(?P<{part}>[^/]+)" for at, part in enumerate(parts))
