"""Statements: minutes and money of a period, computed from the ledger each time and counted nowhere else."""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from ovh_spawner.domain.billing import Period, RunUsage, UsageLine, cost_lines, round_to_cents
from ovh_spawner.domain.flavors import Flavor, FlavorType, Resources
from ovh_spawner.service.db.statements import UsageFilter, UsedRun
from ovh_spawner.service.operations.actors import Actor
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.views import GroupBy, Statement, StatementLine, StatementQuery


@dataclass(slots=True)
class _Group:
    """What is summed up into one line."""

    first: UsedRun
    runs: int = 0
    minutes: int = 0
    amount: Fraction = Fraction(0)
    rates: set[Decimal] = field(default_factory=set)
    running: bool = False

    def add(self, line: UsageLine) -> None:
        self.runs += 1
        self.minutes += line.minutes
        self.amount += line.amount
        self.rates.update(part.rate_per_hour for part in line.parts)
        self.running = self.running or line.running


class StatementOperations:
    """Use cases of statements."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def statement(self, actor: Actor, period: Period, query: StatementQuery | None = None) -> Statement:
        """Return what the period costs so far: everybody's for an admin, one's own for others."""
        wanted = query or StatementQuery()
        capabilities = self._means.capabilities()
        flavors = {flavor.id: flavor for flavor in capabilities.flavors}
        groups: dict[Hashable, _Group] = {}
        unknown: dict[str, int] = defaultdict(int)
        if actor.admin or wanted.user in {None, actor.name}:
            usage = UsageFilter(
                start=period.start,
                end=period.end,
                project=wanted.project,
                owner=wanted.user if actor.admin else actor.name,
                notebook=wanted.notebook,
            )
            async with self._means.ledger.reading() as unit:
                async for run in unit.statements.stream(usage):
                    flavor = flavors.get(run.flavor)
                    if flavor is None:
                        unknown[run.flavor] += 1
                    line = self._line(run, flavor or _unpriced(run.flavor), period)
                    if line.minutes:
                        groups.setdefault(_key(run, wanted.group_by), _Group(run)).add(line)
        found = list(groups.values())
        return Statement(
            start=period.start,
            end=period.end,
            currency=capabilities.currency,
            lines=tuple(_shown(group, wanted.group_by) for group in found),
            minutes=sum(group.minutes for group in found),
            total=round_to_cents(sum((group.amount for group in found), Fraction(0))),
            notes=tuple(
                f"Flavor {name!r} is not in the catalog any more, so {count} runs of it have no price."
                for name, count in sorted(unknown.items())
            ),
        )

    def _line(self, run: UsedRun, flavor: Flavor, period: Period) -> UsageLine:
        running = not run.ended and not any(t.state.value == "STOPPING" for t in run.transitions)
        usage = RunUsage(
            run=run.run,
            notebook=run.notebook,
            notebook_name=run.notebook_name,
            owner=run.owner,
            flavor=run.flavor,
            count=run.count,
            transitions=run.transitions,
            running_now=running,
        )
        return cost_lines(usage, flavor, period, now=self._means.now())


def _key(run: UsedRun, group_by: GroupBy) -> Hashable:
    match group_by:
        case "run":
            return run.run
        case "notebook":
            # One line has one rate: a notebook that changed its hardware gets a line for each.
            return (run.notebook, run.flavor, run.count)
        case "user":
            return (run.project, run.owner)
        case "project":
            return run.project


def _shown(group: _Group, group_by: GroupBy) -> StatementLine:
    run = group.first
    one_notebook = group_by in {"notebook", "run"}
    return StatementLine(
        project=run.project,
        user=None if group_by == "project" else run.owner,
        notebook=run.notebook if one_notebook else None,
        notebook_name=run.notebook_name if one_notebook else None,
        run=run.run if group_by == "run" else None,
        flavor=run.flavor if one_notebook else None,
        count=run.count if one_notebook else None,
        runs=group.runs,
        minutes=group.minutes,
        rate_per_hour=next(iter(group.rates)) if len(group.rates) == 1 else None,
        cost=Decimal(group.amount.numerator) / Decimal(group.amount.denominator),
        running_now=group.running,
    )


def _unpriced(name: str) -> Flavor:
    """Return a stand-in for a flavor that the catalog has lost: its price is not known."""
    nothing = Resources(cpu=0, gpu=0, memory=0, ephemeral_storage=0)
    return Flavor(name, "", FlavorType.CPU, default=False, max=0, per_unit=nothing, prices=())
