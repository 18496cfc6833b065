"""Which headers go through, in which direction, and which do not.

To the editor goes what the browser sent, without what is between two neighbours only (hop-by-hop) and without
credentials for us or for the hub: the editor runs the user's code. Back comes what the editor sent, except
that it may not set our cookies nor, where the prefix is stripped, claim paths outside it.
"""

from urllib.parse import urlsplit

from multidict import CIMultiDict, CIMultiDictProxy

from ovh_spawner.gateway.paths import Prefix

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

NOT_FOR_THE_EDITOR = frozenset({"authorization", "expect"})
"""``Expect`` is answered here, when the caller may come in."""

HANDSHAKE_PREFIX = "sec-websocket-"
"""Both websocket handshakes are our own; the subprotocols are handed over apart."""

Headers = CIMultiDict[str] | CIMultiDictProxy[str]


def to_editor(headers: Headers) -> CIMultiDict[str]:
    """Return the headers of a request as the editor may see them."""
    kept: CIMultiDict[str] = CIMultiDict()
    dropped = _hop_by_hop(headers) | NOT_FOR_THE_EDITOR
    for name, value in headers.items():
        lower = name.lower()
        if lower in dropped or lower.startswith(HANDSHAKE_PREFIX):
            continue
        passed = _without_credentials(value) if lower == "cookie" else value
        if passed:
            kept.add(name, passed)
    return kept


def from_editor(headers: Headers, *, prefix: Prefix, stripped: bool, host: str) -> CIMultiDict[str]:
    """Return the headers of the editor's answer as the browser may see them."""
    kept: CIMultiDict[str] = CIMultiDict()
    dropped = _hop_by_hop(headers)
    for name, value in headers.items():
        lower = name.lower()
        if lower in dropped or (lower == "set-cookie" and _is_credential(_cookie_name(value))):
            continue
        kept.add(name, _writable(_placed(lower, value, prefix=prefix, host=host) if stripped else value))
    return kept


def cookie_values(headers: Headers, name: str) -> list[str]:
    """Return every value that the browser sent for a cookie (one per path that it knows)."""
    pairs = (pair.partition("=") for line in headers.getall("Cookie", []) for pair in line.split(";"))
    return [value.strip() for key, _, value in pairs if key.strip() == name]


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


def _placed(name: str, value: str, *, prefix: Prefix, host: str) -> str:
    """Move what an editor that believes to live at / says about paths below the prefix."""
    if name in {"location", "content-location"}:
        return _location(value, prefix, host)
    if name == "set-cookie":
        return "; ".join(_cookie_part(part.strip(), prefix) for part in value.split(";"))
    if name == "service-worker-allowed" and value.startswith("/"):
        # Otherwise one notebook's service worker could claim the whole host.
        return prefix.put_back(value)
    return value


def _location(value: str, prefix: Prefix, host: str) -> str:
    try:
        url = urlsplit(value)
    except ValueError:
        return value
    if (url.netloc and url.netloc != host) or not url.path.startswith("/"):
        return value
    return url._replace(path=prefix.put_back(url.path)).geturl()


def _cookie_part(part: str, prefix: Prefix) -> str:
    key, _, path = part.partition("=")
    return f"{key}={prefix.put_back(path)}" if key.lower() == "path" and path.startswith("/") else part


def _writable(value: str) -> str:
    """Bytes that are no UTF-8 arrive as lone surrogates, which cannot be written: read them as Latin-1."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogateescape").decode("latin-1")
    return value
