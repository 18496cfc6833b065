"""The gateway's two cookies: who is signed in, and a sign-in that is under way.

Both are signed with the notebook's key (HMAC-SHA256, compared in constant time by itsdangerous) and name the
notebook, so that neither another notebook's cookie nor one of the other kind is taken.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer
from pydantic import BaseModel, ConfigDict, ValidationError

from ovh_spawner.contract.base import UtcDatetime
from ovh_spawner.gateway.headers import COOKIE_PREFIX

MOST_KNOWN = 1000
"""Genuine cookies remembered: more than there are browsers in one notebook."""


class SignedIn(BaseModel):
    """A visitor whom the service admitted; never the credential that they showed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    notebook: UUID
    visitor: str
    expires_at: UtcDatetime
    session: str = ""
    """Mark of the hub's session that it came about in; empty: in none."""


class SignInUnderWay(BaseModel):
    """A browser that we sent to the service: ``state`` comes back with it, ``path`` is what it asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    notebook: UUID
    state: str
    path: str
    expires_at: UtcDatetime


Content = TypeVar("Content", SignedIn, SignInUnderWay)


class CookieJar:
    """Signs and reads the cookies of one notebook."""

    def __init__(self, notebook: UUID, key: str) -> None:
        self._notebook = notebook
        self._key = key
        # 12 digits tell a user's notebooks apart; Path does so already, this helps people who look.
        self.name = f"{COOKIE_PREFIX}{notebook.hex[:12]}"
        self._known: dict[str, SignedIn] = {}

    def name_under_way(self, state: str) -> str:
        """Return a name for each sign-in, since a browser that restores its tabs starts several at once."""
        return f"{self.name}-{state[:8]}"

    def sign(self, content: SignedIn | SignInUnderWay) -> str:
        return str(self._serializer(type(content)).dumps(content.model_dump(mode="json")))

    def read(self, values: Iterable[str], kind: type[Content], now: datetime) -> Content | None:
        """Return the first value that is genuine, for this notebook and not expired."""
        for value in values:
            try:
                content = kind.model_validate(self._serializer(kind).loads(value))
            except (BadData, ValidationError):
                continue
            if content.notebook == self._notebook and content.expires_at > now:
                return content
        return None

    def read_signed_in(self, values: Iterable[str], now: datetime) -> SignedIn | None:
        """Return what :meth:`read` returns; the signature of a value is looked at once, not at each request."""
        for value in values:
            known = self._known.get(value)
            if known is not None and known.expires_at > now:
                return known
            found = self.read([value], SignedIn, now)
            if found is not None:
                while len(self._known) >= MOST_KNOWN:
                    del self._known[next(iter(self._known))]
                self._known[value] = found
                return found
        return None

    def _serializer(self, kind: type[BaseModel]) -> URLSafeSerializer:
        return URLSafeSerializer(
            self._key,
            salt=f"ovh_spawner.gateway.{kind.__name__}",
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )
