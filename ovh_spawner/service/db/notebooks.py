"""Notebooks in the ledger."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, case, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.domain.states import ENDS, NotebookState, PushState
from ovh_spawner.service.db.records import Deletion, NotebookRecord
from ovh_spawner.service.db.sealed_spec import join_spec, split_spec
from ovh_spawner.service.db.tables import notebooks, runs
from ovh_spawner.service.secrets import Vault


@dataclass(frozen=True, slots=True)
class NotebookFilter:
    """Which notebooks a listing is about."""

    owner: str | None = None
    states: frozenset[NotebookState] = frozenset()
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    sort: str = "created_at"
    descending: bool = True


_SAVING = (PushState.PENDING.value, PushState.RUNNING.value)
_ENDED = tuple(state.value for state in ENDS)
# The same rule as domain.states.notebook_state, for the database to filter and sort by; a test compares both.
_STATE: ColumnElement[str] = case(
    (notebooks.c.deletion != Deletion.NO.value, NotebookState.DELETING.value),
    (runs.c.id.is_(None), NotebookState.STOPPED.value),
    (and_(runs.c.state.in_(_ENDED), runs.c.push.in_(_SAVING)), NotebookState.STOPPING.value),
    (
        and_(runs.c.state.in_(_ENDED), runs.c.push == PushState.FAILED.value),
        NotebookState.SYNC_FAILED.value,
    ),
    else_=runs.c.state,
)
_SORT: Mapping[str, ColumnElement[Any]] = {
    "created_at": notebooks.c.created_at,
    "updated_at": notebooks.c.updated_at,
    "name": notebooks.c.name,
    "owner": notebooks.c.owner,
    "state": _STATE,
    "id": notebooks.c.id,
}


class NotebookRepository:
    """SQL about notebooks. What is deleted is not found."""

    def __init__(self, connection: AsyncConnection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    async def add(self, record: NotebookRecord) -> None:
        values = {
            "id": record.id,
            "project": record.project,
            "hub": record.hub,
            "owner": record.owner,
            "server_name": record.server_name,
            "revision": record.revision,
            "cookie_key": self._vault.seal(record.cookie_key),
            "created_at": record.created_at,
            "updated_at": record.updated_at,
            "deletion": record.deletion.value,
            **self._spec_values(record),
        }
        await self._connection.execute(insert(notebooks).values(**values))

    async def save(self, record: NotebookRecord) -> None:
        """Store everything of the record that can change."""
        values = {
            "revision": record.revision,
            "updated_at": record.updated_at,
            "deletion": record.deletion.value,
            "deleted_at": record.deleted_at,
            "last_run": record.last_run,
            **self._spec_values(record),
        }
        await self._connection.execute(update(notebooks).where(notebooks.c.id == record.id).values(**values))

    async def touch(self, notebook: UUID, now: datetime) -> None:
        await self._connection.execute(
            update(notebooks).where(notebooks.c.id == notebook).values(updated_at=now)
        )

    async def find(self, notebook: UUID) -> NotebookRecord | None:
        return await self._one(notebooks.c.id == notebook)

    async def find_by_server(self, *, hub: str, owner: str, server_name: str) -> NotebookRecord | None:
        return await self._one(
            and_(
                notebooks.c.hub == hub,
                notebooks.c.owner == owner,
                notebooks.c.server_name == server_name,
            )
        )

    async def list_ids(
        self, project: str, wanted: NotebookFilter
    ) -> Sequence[tuple[UUID, Mapping[str, str]]]:
        """Return id and labels of every notebook that the filter finds, in order."""
        column = _SORT[wanted.sort]
        query = (
            select(notebooks.c.id, notebooks.c.spec["labels"])
            .select_from(notebooks.outerjoin(runs, runs.c.id == notebooks.c.last_run))
            .where(notebooks.c.project == project, notebooks.c.deleted_at.is_(None), *_conditions(wanted))
            .order_by(column.desc() if wanted.descending else column.asc(), notebooks.c.id)
        )
        return [(row[0], row[1] or {}) for row in await self._connection.execute(query)]

    async def get_many(self, ids: Iterable[UUID]) -> Mapping[UUID, NotebookRecord]:
        query = select(notebooks).where(notebooks.c.id.in_(list(ids)))
        return {row.id: self._record(row) for row in await self._connection.execute(query)}

    async def list_deleting(self) -> Sequence[NotebookRecord]:
        query = select(notebooks).where(
            notebooks.c.deleted_at.is_(None), notebooks.c.deletion != Deletion.NO.value
        )
        return [self._record(row) for row in await self._connection.execute(query)]

    async def _one(self, condition: ColumnElement[bool]) -> NotebookRecord | None:
        query = select(notebooks).where(condition, notebooks.c.deleted_at.is_(None))
        row = (await self._connection.execute(query)).one_or_none()
        return self._record(row) if row is not None else None

    def _spec_values(self, record: NotebookRecord) -> dict[str, Any]:
        public, sealed = split_spec(record.spec, self._vault)
        return {"name": record.spec.name, "spec": public, "secrets": sealed}

    def _record(self, row: Row[Any]) -> NotebookRecord:
        return NotebookRecord(
            id=row.id,
            project=row.project,
            hub=row.hub,
            owner=row.owner,
            server_name=row.server_name,
            spec=join_spec(row.spec, row.secrets, self._vault),
            revision=row.revision,
            cookie_key=self._vault.open(row.cookie_key),
            created_at=row.created_at,
            updated_at=row.updated_at,
            deletion=Deletion(row.deletion),
            deleted_at=row.deleted_at,
            last_run=row.last_run,
        )


def _conditions(wanted: NotebookFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.owner is not None:
        conditions.append(notebooks.c.owner == wanted.owner)
    if wanted.states:
        conditions.append(_STATE.in_([state.value for state in wanted.states]))
    if wanted.updated_after is not None:
        conditions.append(notebooks.c.updated_at > wanted.updated_after)
    if wanted.updated_before is not None:
        conditions.append(notebooks.c.updated_at < wanted.updated_before)
    return conditions
