"""The hub's session of a browser: a cookie of the notebook that came about in one is of no use outside of it.

The hub sets a cookie with a random id for all paths where somebody signs in, and takes it away where they sign out. So
signing out at the hub closes notebooks too, with no question to anybody. Whoever signed in without a hub's session,
by an application token, is bound to none. A websocket stays open until its page is left.
"""

import hashlib

from aiohttp.web import BaseRequest

from ovh_spawner.gateway.headers import cookie_values

COOKIE = "jupyterhub-session-id"

_DIGITS = 32
"""128 bits of a hash: the id itself is the hub's, and stands in no cookie of ours."""


def has_session(request: BaseRequest) -> bool:
    """Tell whether the hub probably knows this browser. A hint only: it decides which page is shown."""
    return bool(cookie_values(request.headers, COOKIE))


def session_mark(request: BaseRequest) -> str:
    """Return what a cookie of ours is bound to; empty: the browser is in no session of the hub."""
    return next((_mark(value) for value in cookie_values(request.headers, COOKIE)), "")


def is_in_session(request: BaseRequest, mark: str) -> bool:
    """Tell whether the browser is still in the session; a neighbour may have put a second cookie beside it."""
    return not mark or any(_mark(value) == mark for value in cookie_values(request.headers, COOKIE))


def _mark(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:_DIGITS]
