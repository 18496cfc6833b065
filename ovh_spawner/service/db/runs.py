"""Runs in the ledger."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, case, func, literal, or_, select, text, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.domain.states import ENDS, HOLDING, PushState, RunState, Source
from ovh_spawner.service.db.dialect import SecondsBetween
from ovh_spawner.service.db.records import RunRecord
from ovh_spawner.service.db.run_opening import write_opening
from ovh_spawner.service.db.tables import OPEN_RUN, runs
from ovh_spawner.service.db.types import UtcDateTime
from ovh_spawner.service.secrets import SealedText, Vault

_COLUMNS = tuple(runs.columns.keys())
_ENDED = [state.value for state in ENDS]
_HOLDING = [state.value for state in HOLDING]
_GPUS_HELD = select(func.coalesce(func.sum(runs.c.gpus), 0)).where(
    runs.c.project == bindparam("project"), runs.c.state.in_(_HOLDING)
)


@dataclass(frozen=True, slots=True)
class Hold:
    """What one run holds of its project."""

    owner: str
    notebook_name: str
    gpus: int
    cpus: int


@dataclass(frozen=True, slots=True)
class PastRuns:
    """All runs of a notebook together."""

    seconds: int = 0
    """RUNNING in all."""
    last_running_at: datetime | None = None
    last_ended_at: datetime | None = None


class RunRepository:
    """SQL about runs."""

    def __init__(self, connection: AsyncConnection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    async def open(self, record: RunRecord, source: Source) -> None:
        """Store a new run with its first transition, STARTING, and make it its notebook's newest."""
        columns = {
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
            "gateway_token": self._vault.seal(record.gateway_token.get_secret_value()),
            "created_at": record.created_at,
            "last_alive_at": record.last_alive_at,
            "last_active_at": record.last_active_at,
            **_changing(record),
        }
        await write_opening(self._connection, record, columns=columns, source=source)

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

    async def note_activity(self, run: UUID, at: datetime) -> None:
        """Move the time of the last use forward, never back."""
        is_later = or_(runs.c.last_active_at.is_(None), runs.c.last_active_at < at)
        await self._connection.execute(
            update(runs).where(runs.c.id == run, is_later).values(last_active_at=at)
        )

    async def find(self, run: UUID) -> RunRecord | None:
        return next(iter(await self._list(runs.c.id == run)), None)

    async def get_many(self, ids: Iterable[UUID]) -> Mapping[UUID, RunRecord]:
        return {run.id: run for run in await self._list(runs.c.id.in_(list(ids)))}

    async def gpus_held(self, project: str) -> int:
        """Return how many GPUs STARTING and RUNNING runs hold."""
        return int((await self._connection.execute(_GPUS_HELD, {"project": project})).scalar_one())

    async def list_holds(self, project: str) -> Sequence[Hold]:
        """Return what STARTING and RUNNING runs hold."""
        query = select(runs.c.owner, runs.c.notebook_name, runs.c.gpus, runs.c.cpus).where(
            runs.c.project == project, runs.c.state.in_(_HOLDING)
        )
        return [Hold(*row) for row in await self._connection.execute(query)]

    async def has_launched(self, notebook: UUID) -> bool:
        """Tell whether something of its user has ever run in the notebook: then there are files of theirs."""
        query = select(literal(1)).where(runs.c.notebook == notebook, runs.c.launched).limit(1)
        return (await self._connection.execute(query)).first() is not None

    async def list_unfinished(self) -> Sequence[UUID]:
        """Return the runs that have not ended, and those whose push after the end is still owed.

        Only their ids: whoever goes through all of them reads the runs themselves a few at a time.
        """
        # Two questions with an index for each; together in one they would read every run there ever was.
        is_open = select(runs.c.id).where(text(OPEN_RUN))
        is_owed = select(runs.c.id).where(runs.c.push.in_([PushState.PENDING.value, PushState.RUNNING.value]))
        return list((await self._connection.execute(union(is_open, is_owed))).scalars())

    async def list_ended_since(self, instant: datetime) -> Sequence[UUID]:
        query = select(runs.c.id).where(runs.c.state.in_(_ENDED), runs.c.ended_at >= instant)
        return list((await self._connection.execute(query)).scalars())

    async def sum_up(self, notebooks: Iterable[UUID], now: datetime) -> Mapping[UUID, PastRuns]:
        """Return for each notebook what its runs come to; the database adds up, however many they are."""
        seconds = SecondsBetween(
            runs.c.running_at, func.coalesce(runs.c.stopped_at, literal(now, UtcDateTime))
        )
        query = (
            select(
                runs.c.notebook,
                func.sum(case((seconds > 0, seconds), else_=0.0)),
                func.max(runs.c.running_at),
                func.max(runs.c.ended_at),
            )
            .where(runs.c.notebook.in_(list(notebooks)))
            .group_by(runs.c.notebook)
        )
        return {
            notebook: PastRuns(int(round(total, 3)), started, ended)
            for notebook, total, started, ended in await self._connection.execute(query)
        }

    async def _list(self, condition: Any) -> list[RunRecord]:
        rows = await self._connection.execute(select(runs).where(condition).order_by(runs.c.created_at))
        return [run_record(row, self._vault) for row in rows]


def run_record(row: Sequence[Any], vault: Vault) -> RunRecord:
    """Return the run whose columns these are, in the table's order."""
    columns = dict(zip(_COLUMNS, row, strict=True))
    return RunRecord(
        **{
            **columns,
            "gateway_token": SealedText(columns["gateway_token"], vault),
            "state": RunState(columns["state"]),
            "push": PushState(columns["push"]),
            "unsaved": tuple(UUID(text) for text in columns["unsaved"]),
        }
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
