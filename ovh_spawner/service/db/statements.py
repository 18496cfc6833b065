"""What statements are computed from: runs of a period with their transitions, streamed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.domain.projects import Sight
from ovh_spawner.domain.states import Transition
from ovh_spawner.service.db.sights import seen_in
from ovh_spawner.service.db.tables import runs, transitions
from ovh_spawner.service.db.transitions import transition_from

BATCH = 500
"""Rows fetched at a time: a statement of any length needs the memory of one batch."""


@dataclass(frozen=True, slots=True)
class UsedRun:
    """What billing needs of one run."""

    run: UUID
    notebook: UUID
    notebook_name: str
    project: str
    owner: str
    flavor: str
    count: int
    ended: bool
    last_alive_at: datetime
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Runs that can have minutes in [start, end)."""

    start: datetime
    end: datetime
    sight: Sight | None = None
    """Only what somebody sees; None: everything."""
    project: str | None = None
    owner: str | None = None
    notebook: UUID | None = None


class StatementRepository:
    """SQL about usage."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def stream(self, wanted: UsageFilter) -> AsyncIterator[UsedRun]:
        """Yield every run that reached RUNNING before the period's end and had not ended before its start."""
        columns = [
            runs.c.id.label("run_id"),
            runs.c.notebook,
            runs.c.notebook_name,
            runs.c.project,
            runs.c.owner,
            runs.c.flavor,
            runs.c.count.label("units"),
            runs.c.ended_at,
            runs.c.last_alive_at,
            transitions.c.state,
            transitions.c.source,
            transitions.c.at,
            transitions.c.code,
            transitions.c.message,
        ]
        query = (
            select(*columns)
            .join(transitions, transitions.c.run == runs.c.id)
            .where(*_conditions(wanted))
            .order_by(runs.c.created_at, runs.c.id, transitions.c.id)
        )
        result = await self._connection.stream(query.execution_options(yield_per=BATCH))
        gathered: list[Transition] = []
        current = None
        # By the batch: a switch to the database's side for each row took most of the time.
        async for batch in result.partitions():
            for row in batch:
                if current is not None and row.run_id != current.run_id:
                    yield _used(current, gathered)
                    gathered = []
                current = row
                gathered.append(transition_from(row))
        if current is not None:
            yield _used(current, gathered)


def _conditions(wanted: UsageFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        runs.c.running_at < wanted.end,
        or_(runs.c.stopped_at.is_(None), runs.c.stopped_at >= wanted.start),
    ]
    if wanted.sight is not None:
        conditions.append(seen_in(runs, wanted.sight))
    asked = (
        (runs.c.project, wanted.project),
        (runs.c.owner, wanted.owner),
        (runs.c.notebook, wanted.notebook),
    )
    return [*conditions, *(column == value for column, value in asked if value is not None)]


def _used(row: object, known: list[Transition]) -> UsedRun:
    fields = row._mapping  # type: ignore[attr-defined]  # noqa: SLF001
    return UsedRun(
        run=fields["run_id"],
        notebook=fields["notebook"],
        notebook_name=fields["notebook_name"],
        project=fields["project"],
        owner=fields["owner"],
        flavor=fields["flavor"],
        count=fields["units"],
        ended=fields["ended_at"] is not None,
        last_alive_at=fields["last_alive_at"],
        transitions=tuple(known),
    )
