"""A host for each person's notebooks: browsers keep hosts apart, paths they do not.

The hub is told to use the same rule, so that hub and service always agree.
"""

import hashlib
import re
from urllib.parse import urlsplit

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NOT_PLAIN = re.compile(r"[^a-z0-9]", re.ASCII)
_SHOWN = 8
_DIGITS = 16
"""64 bits of a hash: nobody finds a second name with the same host."""


def host_of_user(user: str, domain: str) -> str:
    """Return the host of a person's notebooks below the hub's domain. Different names have different hosts."""
    # Two hyphens mark those that are made here (and international names): no name may look like one.
    if _LABEL.fullmatch(user) and "--" not in user and not user.isdigit():
        return f"{user}.{domain}"
    shown = _NOT_PLAIN.sub("", user.lower())[:_SHOWN] or "x"
    digest = hashlib.sha256(user.encode()).hexdigest()[:_DIGITS]
    return f"u-{shown}--{digest}.{domain}"


def origin_of_user(public_url: str, user: str) -> str:
    """Return scheme, host and port of a person's notebooks."""
    parts = urlsplit(public_url)
    host = host_of_user(user, parts.hostname or "")
    return f"{parts.scheme}://{host}:{parts.port}" if parts.port else f"{parts.scheme}://{host}"


def subdomain_of(name: str, domain: str, kind: str) -> str:
    """Return the host of a user or a service; JupyterHub's ``subdomain_hook``. Services share the hub's own."""
    return host_of_user(name, domain) if kind == "user" else domain
