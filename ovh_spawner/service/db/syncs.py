"""Data syncs in the ledger."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Row, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.contract.sync import SyncDirection, SyncState, VolumeProgress
from ovh_spawner.service.db.records import SyncRecord
from ovh_spawner.service.db.tables import data_syncs

_PROGRESS: TypeAdapter[tuple[VolumeProgress, ...]] = TypeAdapter(tuple[VolumeProgress, ...])
_OPEN = [SyncState.QUEUED.value, SyncState.RUNNING.value]


class SyncRepository:
    """SQL about data syncs."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, record: SyncRecord) -> None:
        values = {
            "id": record.id,
            "notebook": record.notebook,
            "run": record.run,
            "direction": record.direction.value,
            "manual": record.manual,
            "volume": record.volume,
            "created_at": record.created_at,
            **_changing(record),
        }
        await self._connection.execute(insert(data_syncs).values(**values))

    async def save(self, record: SyncRecord) -> None:
        """Store everything of the record that can change."""
        await self._connection.execute(
            update(data_syncs).where(data_syncs.c.id == record.id).values(**_changing(record))
        )

    async def note_progress(self, sync: UUID, volumes: Sequence[VolumeProgress], now: datetime) -> None:
        """Store how far a sync has come. One statement, and nothing for one that is over: no lock is needed."""
        await self._change_open(sync, volumes=_shown(volumes), updated_at=now)

    async def interrupt(self, sync: UUID, now: datetime) -> None:
        """End a sync that is open before it is done."""
        state = SyncState.INTERRUPTED.value
        await self._change_open(sync, state=state, ended_at=now, updated_at=now)

    async def take_back(self, tried: SyncRecord, *, attempts: int, now: datetime) -> None:
        """Set the number of tries back, unless somebody else has tried again meanwhile or come to the end."""
        is_same = data_syncs.c.attempts == tried.attempts
        await self._change_open(tried.id, is_same, attempts=attempts, updated_at=now)

    async def find(self, sync: UUID) -> SyncRecord | None:
        return next(iter(await self._list(data_syncs.c.id == sync)), None)

    async def find_start_pull(self, run: UUID) -> SyncRecord | None:
        """Return the pull before this run's start."""
        found = await self._list(
            and_(
                data_syncs.c.run == run,
                data_syncs.c.direction == SyncDirection.PULL.value,
                data_syncs.c.manual.is_(False),
            )
        )
        return next(iter(found), None)

    async def list_open(self, notebook: UUID | None = None) -> Sequence[SyncRecord]:
        """Return what is queued or running, of one notebook or of all."""
        condition = data_syncs.c.state.in_(_OPEN)
        return await self._list(
            condition if notebook is None else and_(condition, data_syncs.c.notebook == notebook)
        )

    async def list_newest(
        self, notebooks: Iterable[UUID], limit: int
    ) -> Mapping[UUID, tuple[SyncRecord, ...]]:
        """Return for each notebook its newest syncs, newest first."""
        rank = (
            func.row_number()
            .over(
                partition_by=data_syncs.c.notebook,
                order_by=(data_syncs.c.created_at.desc(), data_syncs.c.id),
            )
            .label("rank")
        )
        ranked = select(data_syncs, rank).where(data_syncs.c.notebook.in_(list(notebooks))).subquery()
        query = select(ranked).where(ranked.c.rank <= limit).order_by(ranked.c.rank)
        found: dict[UUID, list[SyncRecord]] = defaultdict(list)
        for row in await self._connection.execute(query):
            found[row.notebook].append(_record(row))
        return {notebook: tuple(syncs) for notebook, syncs in found.items()}

    async def _change_open(self, sync: UUID, *conditions: ColumnElement[bool], **values: Any) -> None:
        is_open = and_(data_syncs.c.id == sync, data_syncs.c.state.in_(_OPEN), *conditions)
        await self._connection.execute(update(data_syncs).where(is_open).values(**values))

    async def _list(self, condition: Any) -> list[SyncRecord]:
        query = select(data_syncs).where(condition).order_by(data_syncs.c.created_at)
        return [_record(row) for row in await self._connection.execute(query)]


def _record(row: Row[Any]) -> SyncRecord:
    return SyncRecord(
        id=row.id,
        notebook=row.notebook,
        run=row.run,
        direction=SyncDirection(row.direction),
        manual=row.manual,
        volume=row.volume,
        created_at=row.created_at,
        updated_at=row.updated_at,
        state=SyncState(row.state),
        message=row.message,
        volumes=_PROGRESS.validate_python(row.volumes),
        attempts=row.attempts,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def _changing(record: SyncRecord) -> dict[str, Any]:
    return {
        "state": record.state.value,
        "message": record.message,
        "volumes": _shown(record.volumes),
        "attempts": record.attempts,
        "updated_at": record.updated_at,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
    }


def _shown(volumes: Iterable[VolumeProgress]) -> list[dict[str, Any]]:
    return [volume.model_dump(mode="json") for volume in volumes]
