"""A clock that tests set."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Call it for the time; it moves only when told to."""

    def __init__(self, start: datetime = datetime(2026, 3, 10, 12, tzinfo=UTC)) -> None:
        self.time = start

    def __call__(self) -> datetime:
        return self.time

    def advance(self, **duration: float) -> datetime:
        self.time += timedelta(**duration)
        return self.time
