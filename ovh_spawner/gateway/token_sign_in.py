"""Signing a browser in with an application token: typed into a small page, or once in the address.

Most people are signed in at the hub and never see the page: it is for those who come without a hub's session.
"""

from collections.abc import Mapping
from urllib.parse import quote

from aiohttp import web

from ovh_spawner.errors import OVHSpawnerError
from ovh_spawner.gateway import pages, sign_in
from ovh_spawner.gateway.admitting import Admitting
from ovh_spawner.gateway.origins import is_own_origin
from ovh_spawner.gateway.tokens import TokenDesk

PATH = "_ovh/token"
NEXT, TOKEN, FAILED = "next", "token", "failed"

LONGEST_FORM = 16_384
"""Bytes; a token and the longest address that an editor makes."""

WRONG = "This token is not valid (any more), or not for this notebook. Check that all of it was copied."
AWAY = "The token cannot be checked now, because the hub service does not answer. Try again in a moment."


class TokenSignIn:
    """The page, the form, and the parameter of an address."""

    def __init__(self, admitting: Admitting, desk: TokenDesk) -> None:
        self._admitting = admitting
        self._prefix = admitting.prefix
        self._desk = desk

    def page(self, rest: str, *, problem: str = "", status: int = 401) -> web.Response:
        """Return the page that asks how to sign in; ``rest`` is where the browser wanted to go."""
        # Into the link goes the path alone: a query may hold what must not be written into a log.
        path = rest.partition("?")[0]
        hub = f"{self._prefix.path}{sign_in.START}?{NEXT}={quote(path, safe='')}"
        form = pages.TokenForm(action=self._prefix.path + PATH, next=rest, hub=hub, problem=problem)
        return pages.sign_in(form, status=status)

    async def typed(self, request: web.BaseRequest) -> web.Response:
        """Take the form."""
        if not is_own_origin(request, by_cookie=False):
            return pages.error(403, "This form was sent by a page of another site.", "foreign_origin")
        if (request.content_length or 0) > LONGEST_FORM or request.content_length is None:
            return pages.error(413, "This form is too long.", "too_large")
        try:
            fields = await request.post()
        except (LookupError, ValueError):
            return pages.error(400, "This is not the form of the sign-in page; open that again.", "malformed")
        return await self._try(request, str(fields.get(TOKEN, "")).strip(), next_of(fields))

    async def came_in_address(self, request: web.BaseRequest, token: str, rest: str) -> web.Response:
        """Turn the token of an address into a cookie, and the browser to the address without it."""
        try:
            admission = await self._desk.admission_for(token)
        except OVHSpawnerError:
            admission = None
        if admission is not None:
            return await self._admitting.let_in(request, admission, self._prefix.below(rest))
        # Not a page at once: the token would stay in the address line.
        path = quote(rest.partition("?")[0], safe="")
        return pages.redirect(f"{self._prefix.path}{PATH}?{FAILED}=1&{NEXT}={path}")

    def asked(self, request: web.BaseRequest) -> web.Response:
        """Show the page to whoever asks for it, or has come with a wrong token."""
        problem = WRONG if FAILED in request.query else ""
        return self.page(next_of(request.query), problem=problem)

    async def _try(self, request: web.BaseRequest, token: str, rest: str) -> web.Response:
        try:
            admission = await self._desk.admission_for(token)
        except OVHSpawnerError:
            return self.page(rest, problem=AWAY, status=503)
        if admission is None:
            return self.page(rest, problem=WRONG, status=403)
        return await self._admitting.let_in(request, admission, self._prefix.below(rest))


def next_of(fields: Mapping[str, object]) -> str:
    """Return where to go after signing in, to be put below the prefix, whatever was sent."""
    text = str(fields.get(NEXT, ""))
    return text if len(text) <= sign_in.LONGEST_PATH and text.isascii() and text.isprintable() else ""
