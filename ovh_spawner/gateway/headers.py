"""Which headers go through, in which direction, and which do not.

To the editor, or another program of the notebook, goes what the browser sent, without what is between two
neighbours only (hop-by-hop) and without credentials for us or for the hub: it runs the user's code. Back comes
what it sent, except that it may not set our cookies or the hub's, nor claim paths or hosts outside its own.
"""

from urllib.parse import urlsplit

from multidict import CIMultiDict, CIMultiDictProxy

from ovh_spawner.gateway.paths import Prefix
from ovh_spawner.gateway.targets import Target

COOKIE_PREFIX = "ovh-notebook-"

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""RFC 9110 §7.6.1; ``Connection`` may name more."""

NOT_FOR_PROGRAMS = frozenset({"expect"})
"""Answered here, when the caller may come in."""

HANDSHAKE_PREFIX = "sec-websocket-"
"""Both websocket handshakes are our own; the subprotocols are handed over apart."""

Headers = CIMultiDict[str] | CIMultiDictProxy[str]


def to_program(headers: Headers, target: Target) -> CIMultiDict[str]:
    """Return the headers of a request as the program may see them."""
    kept: CIMultiDict[str] = CIMultiDict()
    dropped = _hop_by_hop(headers) | NOT_FOR_PROGRAMS
    for name, value in headers.items():
        lower = name.lower()
        if lower in dropped or lower.startswith(HANDSHAKE_PREFIX):
            continue
        if lower == "authorization" and not (target.port and _is_the_programs_own(value)):
            continue
        passed = _without_credentials(value) if lower == "cookie" else value
        if passed:
            kept.add(name, passed)
    if target.port and target.stripped:
        kept["X-Forwarded-Prefix"] = target.prefix.path.rstrip("/")
    return kept


def from_program(headers: Headers, target: Target, *, host: str) -> CIMultiDict[str]:
    """Return the headers of the program's answer as the browser may see them."""
    kept: CIMultiDict[str] = CIMultiDict()
    dropped = _hop_by_hop(headers)
    for name, value in headers.items():
        lower = name.lower()
        if lower in dropped or (lower == "set-cookie" and _is_credential(_cookie_name(value))):
            continue
        kept.add(name, _writable(_placed(lower, value, target=target, host=host)))
    return kept


def cookie_values(headers: Headers, name: str) -> list[str]:
    """Return every value that the browser sent for a cookie (one per path that it knows), if it can be ours."""
    pairs = (pair.partition("=") for line in headers.getall("Cookie", []) for pair in line.split(";"))
    return [value.strip() for key, _, value in pairs if key.strip() == name and value.isascii()]


def first_of(headers: Headers, name: str) -> str:
    """Return the value that the outermost proxy wrote into a header that each proxy appends to."""
    return headers.get(name, "").partition(",")[0].strip()


def _hop_by_hop(headers: Headers) -> frozenset[str]:
    named = (token.strip().lower() for line in headers.getall("Connection", []) for token in line.split(","))
    return HOP_BY_HOP.union(named)


def _without_credentials(cookies: str) -> str:
    pairs = [pair.strip() for pair in cookies.split(";")]
    return "; ".join(pair for pair in pairs if pair and not _is_credential(_cookie_name(pair)))


def _cookie_name(pair: str) -> str:
    return pair.partition(";")[0].partition("=")[0].strip()


def _is_credential(cookie_name: str) -> bool:
    """True: ours, or JupyterHub's, which reach us where the hub sets them for the whole host."""
    bare = cookie_name.removeprefix("__Host-").removeprefix("__Secure-")
    return bare.startswith((COOKIE_PREFIX, "jupyterhub-"))


def _is_the_programs_own(authorization: str) -> bool:
    """True: a password for the program itself. Bearer tokens may be ours or the hub's, which look like any other."""
    return authorization.partition(" ")[0].lower() in {"basic", "digest"}


def _placed(name: str, value: str, *, target: Target, host: str) -> str:
    """Move what a program says about paths and hosts to where it lives."""
    if name == "set-cookie":
        return _cookie(value, target.prefix)
    if name == "service-worker-allowed":
        # Whatever it says: a browser resolves dots and addresses, and the worker would claim the whole host.
        return target.prefix.path
    if name in {"location", "content-location"} and target.stripped:
        return _location(value, target.prefix, host)
    return value


def _cookie(line: str, prefix: Prefix) -> str:
    """Keep a cookie to the program's own path and host: other notebooks and the hub live beside it."""
    first, *attributes = (part.strip() for part in line.split(";"))
    kept = [first]
    for attribute in attributes:
        key, _, value = attribute.partition("=")
        if key.strip().lower() == "domain":
            continue
        is_path = key.strip().lower() == "path" and value.strip().startswith("/")
        kept.append(f"{key}={prefix.put_back(value.strip())}" if is_path else attribute)
    return "; ".join(kept)


def _location(value: str, prefix: Prefix, host: str) -> str:
    try:
        url = urlsplit(value)
    except ValueError:
        return value
    if (url.netloc and url.netloc != host) or not url.path.startswith("/"):
        return value
    return url._replace(path=prefix.put_back(url.path)).geturl()


def _writable(value: str) -> str:
    """Bytes that are no UTF-8 arrive as lone surrogates, which cannot be written: read them as Latin-1."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape").decode("latin-1")
    return value
