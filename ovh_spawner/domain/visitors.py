"""Who is inside a notebook, as a short text: what a gateway keeps in a cookie instead of a credential."""

from dataclasses import dataclass
from uuid import UUID

_USER = "user"
_TOKEN = "token"


@dataclass(frozen=True, slots=True)
class UserVisitor:
    """Somebody whom the hub signed in."""

    name: str

    def __str__(self) -> str:
        return f"{_USER}:{self.name}"


@dataclass(frozen=True, slots=True)
class TokenVisitor:
    """Whoever showed an application token; renewing it makes another version, and the old one worthless."""

    id: UUID
    version: int

    def __str__(self) -> str:
        return f"{_TOKEN}:{self.id}:{self.version}"


Visitor = UserVisitor | TokenVisitor


def parse_visitor(text: str) -> Visitor | None:
    """Return the visitor; None when the text names none."""
    kind, _, rest = text.partition(":")
    if kind == _USER and rest:
        return UserVisitor(rest)
    if kind != _TOKEN:
        return None
    identity, _, version = rest.partition(":")
    try:
        return TokenVisitor(UUID(identity), int(version))
    except ValueError:
        return None
