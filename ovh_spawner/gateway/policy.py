"""The access policy as this gateway knows it: asked for now and then, kept when the service is away.

A running notebook survives an absent service, so the last known policy stays in force however old it is.
"""

import asyncio
from collections.abc import Callable

import structlog

from ovh_spawner.contract.policy import AccessPolicy
from ovh_spawner.errors import OVHSpawnerError
from ovh_spawner.gateway.service_client import ServiceClient

log = structlog.get_logger()

FIRST_RETRY_SECONDS = 1.0
"""Without any policy nobody comes in, so that is tried again sooner."""


class PolicyCache:
    """One policy, shared by every request."""

    def __init__(self, service: ServiceClient, *, seconds: float, monotonic: Callable[[], float]) -> None:
        self._service = service
        self._seconds = seconds
        self._monotonic = monotonic
        self._policy: AccessPolicy | None = None
        self._ask_at = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self) -> AccessPolicy | None:
        """Return the policy in force; None when the service never told one."""
        if self._monotonic() >= self._ask_at:
            if self._policy is not None and self._lock.locked():
                return self._policy  # somebody asks already; nobody else need wait for a slow service
            async with self._lock:
                if self._monotonic() >= self._ask_at:
                    await self._ask()
        return self._policy

    async def refresh(self) -> AccessPolicy | None:
        """Ask now, whatever is known: after a sign-in, and for connections that live long."""
        async with self._lock:
            await self._ask()
        return self._policy

    async def _ask(self) -> None:
        try:
            self._policy = await self._service.policy()
        except OVHSpawnerError as error:
            log.warning("policy_not_refreshed", reason=error.code, known=self._policy is not None)
        wait = self._seconds if self._policy is not None else min(self._seconds, FIRST_RETRY_SECONDS)
        self._ask_at = self._monotonic() + wait
