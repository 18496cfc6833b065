"""Slows guessing down: after repeated failures a name, or an address, is locked for a while.

Names that do not exist are locked like others, so that a lock tells nothing. Kept in memory: a restart forgives.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

from ovh_spawner.errors import SignInError

MAX_ENTRIES = 10_000
"""Names and addresses remembered; the oldest are forgotten first, so that guessing cannot fill the memory."""

ADDRESS_FACTOR = 10
"""How many times as often an address may fail as a name: an office shares one."""


@dataclass(slots=True)
class _Failures:
    count: int
    last: float


class Lockout:
    """Counts failed sign-ins. Times are seconds of a clock that never goes back."""

    def __init__(self, *, failures: int, seconds: float, clock: Callable[[], float]) -> None:
        self._failures = failures
        self._seconds = seconds
        self._clock = clock
        self._known: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def refuse_locked(self, name: str | None, address: str) -> None:
        """Refuse a sign-in unseen; without a name, as with tokens, the address alone counts.

        Raises:
            SignInError: it has failed too often.
        """
        left = self._left(("address", address), self._failures * ADDRESS_FACTOR)
        if name is not None:
            left = max(left, self._left(("name", name), self._failures))
        if left:
            minutes = ceil(left / 60)
            raise SignInError(
                f"Too many failed sign-ins. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
            )

    def failed(self, name: str | None, address: str) -> None:
        if name is not None:
            self._count(("name", name))
        self._count(("address", address))

    def succeeded(self, name: str) -> None:
        """Forget the failures of a name whose owner has come in."""
        self._known.pop(("name", name), None)

    def _left(self, key: tuple[str, str], limit: int) -> float:
        known = self._known.get(key)
        if known is None or known.count < limit:
            return 0.0
        return max(0.0, known.last + self._seconds - self._clock())

    def _count(self, key: tuple[str, str]) -> None:
        now = self._clock()
        known = self._known.pop(key, None)
        fresh = known is None or now - known.last > self._seconds
        self._known[key] = _Failures(1 if fresh or known is None else known.count + 1, now)
        while len(self._known) > MAX_ENTRIES:
            self._known.popitem(last=False)
