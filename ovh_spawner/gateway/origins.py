"""Whether a request that may change something was sent by our own pages.

Cookies are sent by the browser whatever page caused the request, and the editor's own protection may be off.
A page cannot forge ``Origin``, ``Sec-Fetch-Site``, ``Host`` or ``X-Forwarded-Host`` of what it makes a
browser send.
"""

from urllib.parse import urlsplit

from aiohttp.web import BaseRequest

from ovh_spawner.gateway.headers import first_of

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

FRAMES = frozenset({"iframe", "frame", "embed", "object"})


def is_websocket(request: BaseRequest) -> bool:
    """True: the request asks for a websocket."""
    return request.headers.get("Upgrade", "").strip().lower() == "websocket"


def needs_own_origin(request: BaseRequest) -> bool:
    """True: the request may change something, or opens what may."""
    return request.method not in SAFE_METHODS or is_websocket(request)


def is_foreign_use(request: BaseRequest) -> bool:
    """True: a page of another origin fetches or frames something here, with cookies that a browser adds by itself.

    ``SameSite=Lax`` does not stop this where people have hosts of one domain: they are one site. Going somewhere
    (a link, a typed address) is no such use.
    """
    if request.headers.get("Sec-Fetch-Site", "").lower() not in {"cross-site", "same-site"}:
        return False
    is_navigation = request.headers.get("Sec-Fetch-Mode", "").lower() == "navigate"
    return not is_navigation or request.headers.get("Sec-Fetch-Dest", "").lower() in FRAMES


def is_own_origin(request: BaseRequest, *, by_cookie: bool) -> bool:
    """True: from our own pages, or surely not from a browser."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return _is_own(origin, request)
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site.lower() == "same-origin"
    # Neither header. Every browser names the origin of a websocket (RFC 6455 §4.1), so this is a program;
    # with a browser's cookie in its hands it is at least odd, and adding one header costs an honest program
    # nothing. For other methods every browser that honours SameSite=Lax sends Origin too: a program, let in.
    return not (by_cookie and is_websocket(request))


def _is_own(origin: str, request: BaseRequest) -> bool:
    # The host only: behind a proxy that ends TLS and does not say so, the scheme that we see is wrong.
    try:
        host = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    own = {request.headers.get("Host", "").lower(), first_of(request.headers, "X-Forwarded-Host").lower()}
    return bool(host) and host in own
