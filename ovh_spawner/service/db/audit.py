"""The audit log in the ledger: rows are added and read, nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.service.db.records import AuditRecord
from ovh_spawner.service.db.tables import audit


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are wanted; None: all."""

    projects: Sequence[str] | None = None
    actor: str | None = None
    action: str | None = None
    target: str | None = None
    after: datetime | None = None
    before: datetime | None = None


class AuditRepository:
    """SQL about the audit log."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, record: AuditRecord) -> None:
        values = {
            "at": record.at,
            "actor": record.actor,
            "credential": record.credential,
            "address": record.address,
            "request": record.request,
            "action": record.action,
            "project": record.project,
            "target": record.target,
            "name": record.name,
            "details": dict(record.details),
        }
        await self._connection.execute(insert(audit).values(**values))

    async def count(self, wanted: AuditFilter) -> int:
        query = select(func.count()).select_from(audit).where(*_conditions(wanted))
        return int((await self._connection.execute(query)).scalar_one())

    async def list_page(self, wanted: AuditFilter, *, skip: int, limit: int) -> Sequence[AuditRecord]:
        """Return entries that the filter finds, newest first."""
        query = (
            select(audit).where(*_conditions(wanted)).order_by(audit.c.id.desc()).offset(skip).limit(limit)
        )
        return [AuditRecord(**row._asdict()) for row in await self._connection.execute(query)]


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    exact: dict[str, Any] = {"actor": wanted.actor, "action": wanted.action, "target": wanted.target}
    conditions += [audit.c[name] == value for name, value in exact.items() if value is not None]
    if wanted.projects is not None:
        conditions.append(audit.c.project.in_(list(wanted.projects)))
    if wanted.after is not None:
        conditions.append(audit.c.at >= wanted.after)
    if wanted.before is not None:
        conditions.append(audit.c.at < wanted.before)
    return conditions
