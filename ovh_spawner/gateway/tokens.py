"""Application tokens at the notebook's door: the service says whose they are, and each is asked about once."""

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import datetime
from urllib.parse import unquote_plus

from aiohttp.web import BaseRequest

from ovh_spawner.contract.policy import Admission
from ovh_spawner.domain.tokens import is_token, token_id
from ovh_spawner.errors import PermissionDeniedError
from ovh_spawner.gateway.service_client import ServiceClient

MAX_REMEMBERED = 1000
REMEMBER_REFUSAL_SECONDS = 5.0
"""A label that is set later can make a token good for this notebook."""

AT_A_TIME = 4
"""Questions to the service under way: strangers who try tokens must not be its load."""

PARAMETER = "token"
"""``?token=``: the way that Jupyter's people know."""


class TokenDesk:
    """Asks the service what a token is worth here, and remembers the answer by a hash that is of no use elsewhere.

    Whether the token is still good is asked again with the policy, as for every visitor.
    """

    def __init__(
        self, service: ServiceClient, *, now: Callable[[], datetime], monotonic: Callable[[], float]
    ) -> None:
        self._service = service
        self._now = now
        self._monotonic = monotonic
        self._key = secrets.token_bytes(32)
        self._known: dict[bytes, tuple[Admission | None, float]] = {}
        self._turns = asyncio.Semaphore(AT_A_TIME)

    async def admission_for(self, token: str) -> Admission | None:
        """Return whom the token lets in; None: nobody.

        Raises:
            OVHSpawnerError: the service cannot be asked.

        """
        if token_id(token) is None:
            return None  # mistyped: its checksum is wrong
        digest = hmac.digest(self._key, token.encode(), hashlib.sha256)
        if digest in self._known and self._is_fresh(*self._known[digest]):
            return self._known[digest][0]
        try:
            async with self._turns:
                admission = await self._service.present_token(token)
        except PermissionDeniedError:
            admission = None
        while len(self._known) >= MAX_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[digest] = admission, self._monotonic()
        return admission

    def _is_fresh(self, admission: Admission | None, learned_at: float) -> bool:
        if admission is None:
            return self._monotonic() < learned_at + REMEMBER_REFUSAL_SECONDS
        return self._now() < admission.expires_at


def token_in_header(request: BaseRequest) -> str | None:
    """Return the application token that a program shows; what else it may show is not for us."""
    values = request.headers.getall("Authorization", [])
    if len(values) != 1:
        return None
    scheme, _, value = values[0].strip().partition(" ")
    value = value.strip()
    return value if scheme.lower() in {"bearer", "token"} and is_token(value) else None


def token_in_query(rest: str) -> tuple[str | None, str]:
    """Return an application token of the address, and the address without any."""
    path, mark, query = rest.partition("?")
    if not mark or PARAMETER not in query:
        return None, rest
    found, kept = None, []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        word = unquote_plus(value)
        if unquote_plus(name) == PARAMETER and is_token(word):
            found = word
        else:
            kept.append(pair)
    return found, f"{path}?{'&'.join(kept)}" if kept else path
