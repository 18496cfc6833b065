"""Runs in the ledger."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.domain.states import ENDS, HOLDING, PushState, RunState
from ovh_spawner.service.db.records import RunRecord
from ovh_spawner.service.db.tables import runs
from ovh_spawner.service.secrets import Vault

_ENDED = [state.value for state in ENDS]
_HOLDING = [state.value for state in HOLDING]


@dataclass(frozen=True, slots=True)
class Hold:
    """What one run holds of its project."""

    owner: str
    notebook_name: str
    gpus: int
    cpus: int


class RunRepository:
    """SQL about runs."""

    def __init__(self, connection: AsyncConnection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    async def add(self, record: RunRecord) -> None:
        values = {
            "id": record.id,
            "notebook": record.notebook,
            "project": record.project,
            "hub": record.hub,
            "owner": record.owner,
            "notebook_name": record.notebook_name,
            "flavor": record.flavor,
            "count": record.count,
            "cpus": record.cpus,
            "gpus": record.gpus,
            "revision": record.revision,
            "gateway_token": self._vault.seal(record.gateway_token),
            "created_at": record.created_at,
            "last_alive_at": record.last_alive_at,
            **_changing(record),
        }
        await self._connection.execute(insert(runs).values(**values))

    async def save(self, record: RunRecord) -> None:
        """Store everything of the record that can change, but the last proof of life."""
        await self._connection.execute(update(runs).where(runs.c.id == record.id).values(**_changing(record)))

    async def prove_alive(self, run: UUID, at: datetime) -> None:
        """Move the last proof of life forward, never back, and never after the end."""
        await self._connection.execute(
            update(runs)
            .where(runs.c.id == run, runs.c.last_alive_at < at, runs.c.state.not_in(_ENDED))
            .values(last_alive_at=at)
        )

    async def find(self, run: UUID) -> RunRecord | None:
        return next(iter(await self._list(runs.c.id == run)), None)

    async def find_by_attempt(self, attempt: UUID) -> RunRecord | None:
        return next(iter(await self._list(runs.c.attempt == attempt)), None)

    async def get_many(self, ids: Iterable[UUID]) -> Mapping[UUID, RunRecord]:
        return {run.id: run for run in await self._list(runs.c.id.in_(list(ids)))}

    async def list_holds(self, project: str) -> Sequence[Hold]:
        """Return what STARTING and RUNNING runs hold."""
        query = select(runs.c.owner, runs.c.notebook_name, runs.c.gpus, runs.c.cpus).where(
            runs.c.project == project, runs.c.state.in_(_HOLDING)
        )
        return [Hold(*row) for row in await self._connection.execute(query)]

    async def list_unfinished(self) -> Sequence[RunRecord]:
        """Return the runs that have not ended, and those whose push after the end is still owed."""
        owed = [PushState.PENDING.value, PushState.RUNNING.value]
        return await self._list(or_(runs.c.state.not_in(_ENDED), runs.c.push.in_(owed)))

    async def list_ended_since(self, instant: datetime) -> Sequence[RunRecord]:
        return await self._list(and_(runs.c.state.in_(_ENDED), runs.c.ended_at >= instant))

    async def seconds_running(self, notebooks: Iterable[UUID], now: datetime) -> Mapping[UUID, int]:
        """Return for each notebook how long its runs were RUNNING in all."""
        query = select(runs.c.notebook, runs.c.running_at, runs.c.stopped_at).where(
            runs.c.notebook.in_(list(notebooks)), runs.c.running_at.is_not(None)
        )
        total: dict[UUID, float] = {}
        for notebook, start, stop in await self._connection.execute(query):
            total[notebook] = total.get(notebook, 0.0) + max(0.0, ((stop or now) - start).total_seconds())
        return {notebook: int(seconds) for notebook, seconds in total.items()}

    async def last_times(
        self, notebooks: Iterable[UUID]
    ) -> Mapping[UUID, tuple[datetime | None, datetime | None]]:
        """Return for each notebook its last RUNNING and its last end."""
        query = (
            select(runs.c.notebook, func.max(runs.c.running_at), func.max(runs.c.ended_at))
            .where(runs.c.notebook.in_(list(notebooks)))
            .group_by(runs.c.notebook)
        )
        return {row[0]: (row[1], row[2]) for row in await self._connection.execute(query)}

    async def _list(self, condition: Any) -> list[RunRecord]:
        rows = await self._connection.execute(select(runs).where(condition).order_by(runs.c.created_at))
        return [self._record(row) for row in rows]

    def _record(self, row: Row[Any]) -> RunRecord:
        return RunRecord(
            id=row.id,
            notebook=row.notebook,
            project=row.project,
            hub=row.hub,
            owner=row.owner,
            notebook_name=row.notebook_name,
            flavor=row.flavor,
            # ``row.count`` is the tuple's own method.
            count=row._mapping["count"],  # noqa: SLF001
            cpus=row.cpus,
            gpus=row.gpus,
            revision=row.revision,
            gateway_token=self._vault.open(row.gateway_token),
            created_at=row.created_at,
            last_alive_at=row.last_alive_at,
            attempt=row.attempt,
            launched=row.launched,
            state=RunState(row.state),
            code=row.code,
            message=row.message,
            running_at=row.running_at,
            stopped_at=row.stopped_at,
            ended_at=row.ended_at,
            push=PushState(row.push),
            push_message=row.push_message,
            unsaved=tuple(UUID(text) for text in row.unsaved),
        )


def _changing(record: RunRecord) -> dict[str, Any]:
    return {
        "attempt": record.attempt,
        "launched": record.launched,
        "state": record.state.value,
        "code": record.code,
        "message": record.message,
        "running_at": record.running_at,
        "stopped_at": record.stopped_at,
        "ended_at": record.ended_at,
        "push": record.push.value,
        "push_message": record.push_message,
        "unsaved": [str(volume) for volume in record.unsaved],
    }
