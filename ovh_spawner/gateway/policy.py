"""The access policy as this gateway knows it: asked for now and then, kept when the service is away.

The service decides about each visitor; this remembers, so that a request costs no call. A running notebook
survives an absent service: what was decided last stays in force however old it is.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import structlog

from ovh_spawner.contract.policy import MAX_VISITORS, AccessPolicy
from ovh_spawner.errors import OVHSpawnerError
from ovh_spawner.gateway.service_client import ServiceClient

log = structlog.get_logger()

RETRY_SECONDS = 1.0
"""After a failure: somebody waits outside."""

FORGET_SECONDS = 600.0
"""A visitor who was not seen for so long is not asked about; when they come back, they wait for one call."""


class Standing(Enum):
    """What is known of a visitor."""

    ADMITTED = "admitted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """The service never told."""


@dataclass(slots=True)
class _Known:
    """What the service said last."""

    access: str = ""
    verdicts: dict[str, bool] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)


class PolicyCache:
    """One policy, shared by every request."""

    def __init__(self, service: ServiceClient, *, seconds: float, monotonic: Callable[[], float]) -> None:
        self._service = service
        self._seconds = seconds
        self._monotonic = monotonic
        self._known = _Known()
        self._ask_at = float("-inf")
        self._failed_at = float("-inf")
        self._lock = asyncio.Lock()

    @property
    def is_known(self) -> bool:
        """False: the service never told anything."""
        return bool(self._known.access)

    @property
    def is_open(self) -> bool:
        """True: everybody comes in."""
        return self._known.access == "open"

    async def look(self, visitor: str | None = None) -> None:
        """See to it that the policy is not too old, and that this visitor has been asked about."""
        if visitor is not None:
            self.see(visitor)
        if not self._must_ask(visitor):
            return
        if self.is_known and self._knows(visitor) and self._lock.locked():
            return  # somebody asks already; nobody else need wait for a slow service
        async with self._lock:
            if self._must_ask(visitor):
                await self._ask()

    def see(self, visitor: str) -> None:
        """Keep a visitor among those who are asked about."""
        self._known.seen.pop(visitor, None)
        self._known.seen[visitor] = self._monotonic()

    def of(self, visitor: str) -> Standing:
        """Return what was decided last about a visitor."""
        if self.is_open:
            return Standing.ADMITTED
        verdict = self._known.verdicts.get(visitor)
        if verdict is None:
            return Standing.UNKNOWN
        return Standing.ADMITTED if verdict else Standing.REFUSED

    async def refresh(self) -> None:
        """Ask now, whatever is known: after a sign-in, and for connections that live long."""
        async with self._lock:
            await self._ask()

    def _knows(self, visitor: str | None) -> bool:
        return visitor is None or self.is_open or visitor in self._known.verdicts

    def _must_ask(self, visitor: str | None) -> bool:
        now = self._monotonic()
        if now < self._failed_at + min(self._seconds, RETRY_SECONDS):
            return False
        return now >= self._ask_at or not self._knows(visitor)

    async def _ask(self) -> None:
        asked = self._those_seen()
        try:
            policy = await self._service.policy(asked)
        except OVHSpawnerError as error:
            log.warning("policy_not_refreshed", reason=error.code, known=self.is_known)
            self._failed_at = self._monotonic()
            return
        self._keep(policy, asked)
        self._ask_at = self._monotonic() + self._seconds

    def _those_seen(self) -> list[str]:
        """Return the visitors of the last minutes, and forget the others. The newest stand last."""
        after = self._monotonic() - FORGET_SECONDS
        recent = [(visitor, at) for visitor, at in self._known.seen.items() if at >= after]
        self._known.seen = dict(recent[-MAX_VISITORS:])
        return list(self._known.seen)

    def _keep(self, policy: AccessPolicy, asked: list[str]) -> None:
        admitted, undecided = set(policy.visitors), set(policy.undecided)
        verdicts = {visitor: visitor in admitted for visitor in asked if visitor not in undecided}
        for visitor in undecided & self._known.verdicts.keys():
            verdicts[visitor] = self._known.verdicts[visitor]
        self._known.access, self._known.verdicts = policy.access, verdicts
