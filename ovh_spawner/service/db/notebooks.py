"""Notebooks in the ledger."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, case, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.domain.projects import Sight
from ovh_spawner.domain.states import ENDS, NotebookState, PushState
from ovh_spawner.service.db.records import Deletion, NotebookRecord, RunRecord
from ovh_spawner.service.db.runs import run_record
from ovh_spawner.service.db.sealed_spec import join_spec, split_spec
from ovh_spawner.service.db.sights import seen_in
from ovh_spawner.service.db.tables import notebooks, runs
from ovh_spawner.service.secrets import SealedText, Vault


@dataclass(frozen=True, slots=True)
class NotebookFilter:
    """Which notebooks a listing is about."""

    sight: Sight | None = None
    """Only what somebody sees; None: everything."""
    project: str | None = None
    owner: str | None = None
    hub: str | None = None
    notebook: UUID | None = None
    labels: tuple[tuple[str, str], ...] = ()
    states: frozenset[NotebookState] = frozenset()
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    sort: str = "created_at"
    descending: bool = True


_COLUMNS = tuple(notebooks.columns.keys())
_NOTEBOOKS_AND_RUNS = notebooks.outerjoin(runs, runs.c.id == notebooks.c.last_run)
# Asked for at the beginning of nearly every use case, so it is one question, made once.
_WITH_RUN = (
    select(notebooks, runs)
    .select_from(_NOTEBOOKS_AND_RUNS)
    .where(notebooks.c.id == bindparam("notebook"), notebooks.c.deleted_at.is_(None))
)
_tried = runs.alias()
_WITH_ATTEMPT = _WITH_RUN.add_columns(
    select(_tried.c.id).where(_tried.c.attempt == bindparam("attempt")).scalar_subquery()
)
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
            "cookie_key": self._vault.seal(record.cookie_key.get_secret_value()),
            "created_at": record.created_at,
            "updated_at": record.updated_at,
            "deletion": record.deletion.value,
            **self._spec_values(record),
        }
        await self._connection.execute(insert(notebooks), values)

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

    async def find_with_run(self, notebook: UUID) -> tuple[NotebookRecord, RunRecord | None] | None:
        """Return the notebook and its newest run."""
        row = (await self._connection.execute(_WITH_RUN, {"notebook": notebook})).one_or_none()
        return self._with_run(row) if row is not None else None

    async def find_for_attempt(
        self, notebook: UUID, attempt: UUID
    ) -> tuple[NotebookRecord, RunRecord | None, UUID | None] | None:
        """Return the notebook, its newest run, and the run of this attempt, which may be another notebook's."""
        values = {"notebook": notebook, "attempt": attempt}
        row = (await self._connection.execute(_WITH_ATTEMPT, values)).one_or_none()
        return (*self._with_run(row[:-1]), row[-1]) if row is not None else None

    async def find_by_server(self, *, hub: str, owner: str, server_name: str) -> NotebookRecord | None:
        return await self._one(
            and_(
                notebooks.c.hub == hub,
                notebooks.c.owner == owner,
                notebooks.c.server_name == server_name,
            )
        )

    async def count(self, wanted: NotebookFilter) -> int:
        # The run matters to the state only, and looking for ten thousand of them takes its time.
        where = _NOTEBOOKS_AND_RUNS if wanted.states else notebooks
        query = select(func.count()).select_from(where).where(*_conditions(wanted))
        return int((await self._connection.execute(query)).scalar_one())

    async def list_page(
        self, wanted: NotebookFilter, *, skip: int = 0, limit: int | None = None
    ) -> Sequence[tuple[NotebookRecord, RunRecord | None]]:
        """Return notebooks that the filter finds, each with its newest run, in order."""
        column = _SORT[wanted.sort]
        query = (
            select(notebooks, runs)
            .select_from(_NOTEBOOKS_AND_RUNS)
            .where(*_conditions(wanted))
            .order_by(column.desc() if wanted.descending else column.asc(), notebooks.c.id)
            .offset(skip)
            .limit(limit)
        )
        return [self._with_run(row) for row in await self._connection.execute(query)]

    async def list_deleted(self, ids: Iterable[UUID]) -> Sequence[UUID]:
        """Return those of the notebooks that are deleted for good."""
        query = select(notebooks.c.id).where(
            notebooks.c.id.in_(list(ids)), notebooks.c.deleted_at.is_not(None)
        )
        return list(await self._connection.scalars(query))

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

    def _with_run(self, row: Sequence[Any]) -> tuple[NotebookRecord, RunRecord | None]:
        own, run = row[: len(_COLUMNS)], row[len(_COLUMNS) :]
        # The first column is the run's id; without a run all of them are empty.
        return self._record(own), run_record(run, self._vault) if run[0] else None

    def _record(self, row: Sequence[Any]) -> NotebookRecord:
        columns = dict(zip(_COLUMNS, row, strict=True))
        # ``name`` stands in the spec as well; its column is for sorting.
        del columns["name"]
        public, sealed = columns.pop("spec"), columns.pop("secrets")
        return NotebookRecord(
            **{
                **columns,
                "spec": join_spec(public, sealed, self._vault),
                "cookie_key": SealedText(columns["cookie_key"], self._vault),
                "deletion": Deletion(columns["deletion"]),
            }
        )


def _conditions(wanted: NotebookFilter) -> list[ColumnElement[bool]]:
    columns = notebooks.c
    chosen: list[tuple[bool, Callable[[], ColumnElement[bool]]]] = [
        (wanted.sight is not None, lambda: seen_in(notebooks, wanted.sight or Sight())),
        (wanted.project is not None, lambda: columns.project == wanted.project),
        (wanted.hub is not None, lambda: columns.hub == wanted.hub),
        (wanted.notebook is not None, lambda: columns.id == wanted.notebook),
        (wanted.owner is not None, lambda: columns.owner == wanted.owner),
        (bool(wanted.states), lambda: _STATE.in_([state.value for state in wanted.states])),
        (wanted.updated_after is not None, lambda: columns.updated_at > wanted.updated_after),
        (wanted.updated_before is not None, lambda: columns.updated_at < wanted.updated_before),
    ]
    labels = [columns.spec["labels"][name].as_string() == value for name, value in wanted.labels]
    return [columns.deleted_at.is_(None), *labels, *(make() for is_asked, make in chosen if is_asked)]
