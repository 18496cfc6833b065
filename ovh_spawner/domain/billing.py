"""What a run costs: a pure function of its transitions and of the price list.

A run is billed from RUNNING until the first of STOPPING, FAILED and ERROR. Each commenced minute counts in
full, and a run that reached RUNNING costs at least one. Minute *k* commences at ``start + k × 60 s``; that
instant, in UTC, decides its month and its price. Amounts stay exact (a sixtieth of a price is no finite
decimal) until a statement's total, the only place that rounds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise
from uuid import UUID

from ovh_spawner.domain.flavors import Flavor
from ovh_spawner.domain.states import RunState, Transition, best, end_of

MINUTE = timedelta(minutes=1)
_CENT = Decimal("0.01")
_ALWAYS = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """From ``start`` until just before ``end``, both UTC."""

    start: datetime
    end: datetime

    @classmethod
    def month(cls, year: int, month: int) -> "Period":
        following = (year + 1, 1) if month == 12 else (year, month + 1)  # noqa: PLR2004 - December
        return cls(datetime(year, month, 1, tzinfo=UTC), datetime(*following, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class RunUsage:
    """A run as billing sees it."""

    run: UUID
    notebook: UUID
    notebook_name: str
    owner: str
    flavor: str
    count: int
    transitions: tuple[Transition, ...]
    running_now: bool = False
    last_alive: datetime | None = None


@dataclass(frozen=True, slots=True)
class PricedMinutes:
    """Minutes of one run at one price."""

    minutes: int
    rate_per_hour: Decimal
    """For the whole notebook: the price of one unit times their number."""

    @property
    def amount(self) -> Fraction:
        return Fraction(self.rate_per_hour) * self.minutes / 60


@dataclass(frozen=True, slots=True)
class UsageLine:
    """What one run costs in one period."""

    run: UUID
    notebook: UUID
    notebook_name: str
    owner: str
    flavor: str
    count: int
    started_at: datetime | None
    """When billing began; None: the run never reached RUNNING."""
    ended_at: datetime | None
    """When billing ended, or until when it is counted if the run still goes on."""
    running: bool
    parts: tuple[PricedMinutes, ...]
    """One for each price that applied, in time's order; empty when no minute commenced in the period."""

    @property
    def minutes(self) -> int:
        return sum(part.minutes for part in self.parts)

    @property
    def amount(self) -> Fraction:
        """The cost, exactly."""
        return sum((part.amount for part in self.parts), Fraction(0))

    @property
    def cost(self) -> Decimal:
        """The cost to 28 digits, to be shown; sums are made of ``amount``."""
        return Decimal(self.amount.numerator) / Decimal(self.amount.denominator)

    @property
    def rate_per_hour(self) -> Decimal:
        """The newest price that applied, for the whole notebook."""
        return self.parts[-1].rate_per_hour if self.parts else Decimal(0)


def billed_interval(
    transitions: Iterable[Transition], last_alive: datetime | None = None, now: datetime | None = None
) -> tuple[datetime, datetime] | None:
    """Return the start and end of the billed time, or None when the run never reached RUNNING.

    A run without an end is counted up to ``now``, but not beyond the last proof of life when one is given.
    """
    known = tuple(transitions)
    running = best(known, RunState.RUNNING)
    if running is None:
        return None
    end = _end(known)
    if end is None:
        end = min((at for at in (last_alive, now) if at is not None), default=running.at)
    # A stop that was ordered before the editor answered (or clocks that disagree) leaves no negative time.
    return running.at, max(running.at, end)


def _end(transitions: tuple[Transition, ...]) -> datetime | None:
    # A plain stop follows its order. Where it comes first, the processes had gone before anybody gave one.
    reports = (best(transitions, RunState.STOPPING), end_of(transitions))
    return min((report.at for report in reports if report), default=None)


def billed_minutes(start: datetime, end: datetime) -> int:
    """Return the commenced minutes between two instants; at least one."""
    return max(1, _ceil_minutes(end - start))


def _ceil_minutes(duration: timedelta) -> int:
    return -(-duration // MINUTE)


def cost_lines(run: RunUsage, flavor: Flavor, period: Period, *, now: datetime) -> UsageLine:
    """Return what ``run`` costs by the minutes that commence in ``period``."""
    interval = billed_interval(run.transitions, run.last_alive, now)
    parts = tuple(_parts(interval, run.count, flavor=flavor, period=period)) if interval else ()
    return UsageLine(
        run=run.run,
        notebook=run.notebook,
        notebook_name=run.notebook_name,
        owner=run.owner,
        flavor=run.flavor,
        count=run.count,
        started_at=interval[0] if interval else None,
        ended_at=interval[1] if interval else None,
        running=run.running_now,
        parts=parts,
    )


def _parts(
    interval: tuple[datetime, datetime], count: int, *, flavor: Flavor, period: Period
) -> Iterator[PricedMinutes]:
    """Count by subtraction, price by price, so that a year costs as little work as a minute.

    Minutes before the first price are free: nobody was told a price.
    """
    start, end = interval
    minutes = billed_minutes(start, end)
    prices = sorted(flavor.prices, key=lambda price: price.valid_from)
    borders = [*(price.valid_from for price in prices), _ALWAYS]
    for price, (since, until) in zip(prices, pairwise(borders), strict=True):
        first = max(0, _ceil_minutes(max(since, period.start) - start))
        after = min(minutes, _ceil_minutes(min(until, period.end) - start))
        if after > first:
            yield PricedMinutes(after - first, price.per_hour * count)


def total(lines: Iterable[UsageLine]) -> Decimal:
    """Return the sum of a statement in cents, half a cent rounded up."""
    return round_to_cents(sum((line.amount for line in lines), Fraction(0)))


def round_to_cents(amount: Fraction) -> Decimal:
    """Return an exact amount in cents, half a cent rounded up."""
    cents = amount * 100
    whole, rest = divmod(cents.numerator, cents.denominator)
    exact = Decimal(whole + (2 * rest >= cents.denominator))
    return (exact / 100).quantize(_CENT, rounding=ROUND_HALF_UP)
