"""Statements: minutes and money of a period, computed from the ledger each time and counted nowhere else."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from ovh_spawner.domain.access import Person
from ovh_spawner.domain.billing import Period, RunUsage, UsageLine, cost_lines, round_to_cents
from ovh_spawner.domain.flavors import Flavor, FlavorType, Resources
from ovh_spawner.domain.projects import Sight, sight_of
from ovh_spawner.errors import NotFoundError, PermissionDeniedError
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.statements import UsageFilter, UsedRun
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.projects import priced, projects_of
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

    async def statement(
        self, actor: Person, period: Period, query: StatementQuery | None = None
    ) -> Statement:
        """Return what the period costs so far, of whatever the person may see.

        Raises:
            NotFoundError: the person may not know of the project asked for.
            PermissionDeniedError: a token that reaches notebooks by their labels; bills know no labels.

        """
        wanted = query or StatementQuery()
        capabilities = self._means.capabilities()
        groups: dict[Hashable, _Group] = {}
        unknown: dict[str, int] = defaultdict(int)
        async with self._means.ledger.reading() as unit:
            usage = UsageFilter(
                start=period.start,
                end=period.end,
                sight=await self._sight(unit, actor, wanted.project),
                project=wanted.project,
                owner=wanted.user,
                notebook=wanted.notebook,
            )
            prices = await self._price_lists(unit)
            async for run in unit.statements.stream(usage):
                flavor = prices(run.project).get(run.flavor)
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

    async def _sight(self, unit: UnitOfWork, actor: Person, project: str | None) -> Sight | None:
        """Return whose runs are shown; None: everybody's."""
        if actor.token and actor.token.selector.pairs:
            raise PermissionDeniedError("A token with a label selector cannot read what notebooks cost.")
        projects = await projects_of(unit, self._means.settings, actor)
        if actor.is_platform_admin and actor.token is None:
            return None
        if project and project not in {known.name for known in projects}:
            raise NotFoundError("project", project[:60])
        return sight_of(actor, projects)

    async def _price_lists(self, unit: UnitOfWork) -> Callable[[str], Mapping[str, Flavor]]:
        """Return what finds a project's flavors with its prices."""
        settings, capabilities = self._means.settings, self._means.capabilities()
        named = await unit.projects.price_lists()
        named |= {name: entry.price_list for name, entry in settings.projects.items()}
        known: dict[str, dict[str, Flavor]] = {}

        def find(project: str) -> Mapping[str, Flavor]:
            name = named.get(project, "")
            if name not in known:
                known[name] = {f.id: f for f in priced(capabilities, settings, name).flavors}
            return known[name]

        return find

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
