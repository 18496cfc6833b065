"""The hub's own requests to the service and to gateways: over JupyterHub's kept connections, where it keeps any.

A new connection for each request, with a thread that looks the name up, costs a busy hub more than the request.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

try:
    from jupyterhub.httpclient import fetch
except ImportError:  # JupyterHub 5
    fetch = None

_NO_ANSWER = 599
"""Tornado's own: there was no answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request; redirects are not followed."""

    method: str
    url: str
    seconds: float
    """How long to wait for the whole answer."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered, whatever the status."""

    status: int
    body: bytes


class NoReplyError(Exception):
    """No answer came."""

    def __init__(self, cause: BaseException, *, may_have_arrived: bool) -> None:
        super().__init__(type(cause).__name__)
        self.may_have_arrived = may_have_arrived


async def exchange(request: Request) -> Reply:
    """Send a request and return the whole answer.

    Raises:
        NoReplyError: There is none.
    """
    return await (_over_new_connection(request) if fetch is None else _over_kept_connection(request))


async def _over_kept_connection(request: Request) -> Reply:
    try:
        async with asyncio.timeout(request.seconds):
            response = await fetch(
                request.url,
                method=request.method,
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                raise_for_status=False,
            )
            async with response:
                return Reply(response.status, await response.read())
    except aiohttp.ClientConnectorError as exc:
        raise NoReplyError(exc, may_have_arrived=False) from exc
    except (aiohttp.ClientError, OSError) as exc:  # TimeoutError is an OSError
        raise NoReplyError(exc, may_have_arrived=True) from exc


async def _over_new_connection(request: Request) -> Reply:
    try:
        response = await AsyncHTTPClient().fetch(
            request.url,
            method=request.method,
            headers=dict(request.headers),
            body=request.body,
            request_timeout=request.seconds,
            follow_redirects=False,
            raise_error=False,
        )
    except (OSError, HTTPClientError) as exc:
        raise NoReplyError(exc, may_have_arrived=not isinstance(exc, ConnectionRefusedError)) from exc
    if response.code == _NO_ANSWER:
        cause = response.error or HTTPClientError(_NO_ANSWER)
        raise NoReplyError(cause, may_have_arrived=not isinstance(cause, ConnectionRefusedError))
    return Reply(response.code, response.body)
