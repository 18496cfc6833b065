"""How the hub calls whoever signed in there with an application token.

The name tells which version of which token it is, so that the service can answer for it at any time, and renewing
the token makes another name. Neither accounts nor a provider's people can have such a name.
"""

import re
from base64 import b32decode, b32encode
from uuid import UUID

_PATTERN = re.compile(r"token-([a-z2-7]{26})-([1-9][0-9]{0,8})", re.ASCII)
_PADDING = "=" * 6


def token_user(token: UUID, version: int) -> str:
    """Return the name of who signed in with this version of a token."""
    return f"token-{b32encode(token.bytes).decode().rstrip('=').lower()}-{version}"


def is_token_user(name: str) -> bool:
    """Tell whether a hub user's name is kept for tokens; whether there is such a token is another question."""
    return _PATTERN.fullmatch(name) is not None


def parse_token_user(name: str) -> tuple[UUID, int] | None:
    """Return the token and its version; None: it is no name of a token."""
    match = _PATTERN.fullmatch(name)
    if match is None:
        return None
    token, version = UUID(bytes=b32decode(match[1].upper() + _PADDING)), int(match[2])
    # The last letter has bits to spare: one token has one name only.
    return (token, version) if token_user(token, version) == name else None
