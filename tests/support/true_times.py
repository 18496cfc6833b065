"""When a run truly ran, as somebody knows who watches it from outside; and what its bill may then be."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

UNDER_WAY = timedelta(seconds=5)
"""A notebook that runs is shown as starting until the report of it is stored: on a busy machine for a moment."""


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class TrueTimes:
    """Borders of the two instants that a bill is made of."""

    begun_after: datetime = field(default_factory=now)
    begun_before: datetime | None = None
    over_after: datetime | None = None
    """Its first cause: an order or a kill."""
    over_before: datetime | None = None
    is_proof_lost: bool = False
    """True: what could have told the end was killed itself; the bill may end at the last proof of life."""

    def saw(self, state: str, asked: datetime) -> None:
        """Note what was seen at a look that began at ``asked``."""
        if state == "RUNNING" and self.begun_before is None:
            self.begun_before = now()
        elif state == "STARTING" and self.begun_before is None:
            self.begun_after = asked

    @property
    def is_begun(self) -> bool:
        return self.begun_before is not None

    def broken(self, *, is_proof_lost: bool) -> None:
        """Note that what it needs is about to be killed: its end, unless it has not begun."""
        if self.is_begun:
            self.is_proof_lost |= is_proof_lost
            self.over_after = self.over_after or now()

    def ordering(self) -> None:
        """Note that its stop is about to be ordered."""
        self.over_after = self.over_after or now()

    def ended(self) -> None:
        """Note that nothing of it runs any more."""
        self.over_before = self.over_before or now()

    def check(self, running_at: datetime, stopped_at: datetime, minutes: int) -> str:
        """Compare the books with the truth, and return what held, in words."""
        latest = self.over_before or now()
        earliest = self.begun_after - UNDER_WAY
        assert earliest <= running_at <= (self.begun_before or latest), (running_at, self)
        assert running_at <= stopped_at <= latest, (stopped_at, self)
        assert minutes == minutes_between(running_at, stopped_at), (minutes, running_at, stopped_at)
        assert minutes <= minutes_between(earliest, latest), (minutes, self)
        if self.is_proof_lost:
            return "not billed beyond the true end"
        if self.over_after and self.begun_before:
            assert stopped_at >= self.over_after, (stopped_at, self)
            assert minutes >= minutes_between(self.begun_before, self.over_after), (minutes, self)
        return "billed to the minute"


def minutes_between(start: datetime, end: datetime) -> int:
    """Count by hand: each commenced minute, and at least one."""
    return max(1, math.ceil((end - start).total_seconds() / 60))
