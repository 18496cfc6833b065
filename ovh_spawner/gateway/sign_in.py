"""Signing a browser in through the service, which knows who a person is and who belongs to a notebook.

We send the browser to the service with a state that only this browser's cookie knows, and it comes back with
a code that only the service can turn into a name. Where it wanted to go stays in our signed cookie and is
checked again, so the way back cannot lead off this notebook.
"""

import hmac
import secrets
from datetime import timedelta
from urllib.parse import urlencode

from aiohttp import web

from ovh_spawner.errors import PermissionDeniedError, UnauthenticatedError, UpstreamError
from ovh_spawner.gateway import pages
from ovh_spawner.gateway.admitting import Admitting, is_https
from ovh_spawner.gateway.cookies import SignInUnderWay
from ovh_spawner.gateway.headers import cookie_values
from ovh_spawner.gateway.service_client import ServiceClient

CALLBACK = "_ovh/callback"
START = "_ovh/sign-in"

TIME_TO_SIGN_IN = timedelta(minutes=10)
"""Enough for a password manager and a second factor."""

LONGEST_PATH = 1500
"""A cookie holds 4 KiB, and signing makes this a third longer; whoever asked for more lands on the first
page."""


class SignIn:
    """The two halves: away to the service, and back."""

    def __init__(self, admitting: Admitting, service: ServiceClient) -> None:
        self._admitting = admitting
        self._config = admitting.config
        self._prefix = admitting.prefix
        self._jar = admitting.jar
        self._service = service
        self._now = admitting.now

    def begin(self, request: web.BaseRequest, rest: str) -> web.Response:
        """Send the browser to the service; ``rest`` is where it wanted to go, below the prefix."""
        state = secrets.token_urlsafe(24)
        path = self._prefix.below(rest if len(rest) <= LONGEST_PATH else "")
        # To the service goes the path alone: a query may hold what must not be written into a log.
        query = {"run": str(self._config.run), "state": state, "next": path.partition("?")[0]}
        response = pages.redirect(
            f"{self._config.service_prefix}open/{self._config.notebook}?{urlencode(query)}"
        )
        under_way = SignInUnderWay(
            notebook=self._config.notebook, state=state, path=path, expires_at=self._now() + TIME_TO_SIGN_IN
        )
        response.set_cookie(
            self._jar.name_under_way(state),
            self._jar.sign(under_way),
            max_age=int(TIME_TO_SIGN_IN.total_seconds()),
            path=self._prefix.path + CALLBACK,
            secure=is_https(request),
            httponly=True,
            samesite="Lax",
        )
        return response

    async def finish(self, request: web.BaseRequest) -> web.Response:
        """Take the code that the service gave the browser, and let the browser in."""
        code, state = request.query.get("code", ""), request.query.get("state", "")
        under_way = self._under_way(request, state)
        if under_way is None or not code:
            text = "The sign-in took too long, or was begun in another browser. Open the notebook again."
            return self._again(400, "The sign-in could not be finished", text)
        try:
            admission = await self._service.redeem(code)
        except PermissionDeniedError as error:
            return self._again(403, "The sign-in could not be finished", error.message)
        except (UpstreamError, UnauthenticatedError) as error:
            return self._again(503, "The sign-in could not be finished", error.message)
        response = await self._admitting.let_in(request, admission, under_way.path)
        response.del_cookie(self._jar.name_under_way(state), path=self._prefix.path + CALLBACK)
        return response

    def _under_way(self, request: web.BaseRequest, state: str) -> SignInUnderWay | None:
        values = cookie_values(request.headers, self._jar.name_under_way(state))
        under_way = self._jar.read(values, SignInUnderWay, self._now())
        if under_way is None or not hmac.compare_digest(under_way.state.encode(), state.encode()):
            return None
        return under_way

    def _again(self, status: int, title: str, text: str) -> web.Response:
        return pages.page(status, title, text, link=(self._prefix.path, "Open the notebook"))
