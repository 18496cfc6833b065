"""What is open at the moment, websockets and HTTP answers alike: looked at again and again, closed on loss of access.

A stream outlives the decision that let it in. So every few seconds the policy is asked anew and whoever may not
stay is hung up on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from aiohttp import WSCloseCode

from ovh_spawner.gateway.access import Access, Decision
from ovh_spawner.gateway.policy import PolicyCache

log = structlog.get_logger()

LOGGED_NAME = 100
"""Characters of a visitor's name in a log line."""

Close = Callable[[WSCloseCode, str], Awaitable[object]]


@dataclass(frozen=True, slots=True, eq=False)
class Open:
    """One open connection."""

    decision: Decision
    close: Close
    is_websocket: bool


class Living:
    """Those that are open."""

    def __init__(self) -> None:
        self._open: set[Open] = set()

    def __bool__(self) -> bool:
        return bool(self._open)

    @contextmanager
    def hold(self, decision: Decision, close: Close, *, is_websocket: bool) -> Iterator[None]:
        """Count a connection among the living for as long as the body runs."""
        connection = Open(decision, close, is_websocket)
        self._open.add(connection)
        try:
            yield
        finally:
            self._open.discard(connection)

    def visitors(self) -> set[str]:
        """Return who is here."""
        return {each.decision.visitor for each in self._open if each.decision.visitor is not None}

    async def close_websockets(self) -> None:
        """The notebook ends; answers under way may still be finished."""
        going = [each for each in self._open if each.is_websocket]
        await _close(going, WSCloseCode.GOING_AWAY, "The notebook has ended.")

    async def recheck(self, access: Access) -> None:
        """Close what would not be let in any more."""
        lost = [each for each in self._open if not access.is_still_admitted(each.decision)]
        for each in lost:
            visitor = (each.decision.visitor or "")[:LOGGED_NAME]
            log.info("access_lost", visitor=visitor, websocket=each.is_websocket)
        await _close(lost, WSCloseCode.POLICY_VIOLATION, "You may not use this notebook any more.")


async def recheck_forever(living: Living, access: Access, policies: PolicyCache, *, seconds: float) -> None:
    """Ask again while somebody is there."""
    while True:
        await asyncio.sleep(seconds)
        if not living:
            continue
        try:
            for visitor in living.visitors():
                policies.see(visitor)
            await policies.refresh()
            await living.recheck(access)
        except Exception:
            log.exception("connections_not_rechecked")


async def _close(connections: list[Open], code: WSCloseCode, reason: str) -> None:
    # One that cannot be closed must not keep the others open.
    await asyncio.gather(*(each.close(code, reason) for each in connections), return_exceptions=True)
