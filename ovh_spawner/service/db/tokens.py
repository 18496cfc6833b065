"""Application tokens in the ledger: their hashes, never their values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, false, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.domain.access import Role
from ovh_spawner.domain.labels import LabelSelector
from ovh_spawner.domain.tokens import selector_text
from ovh_spawner.service.db.records import TokenRecord
from ovh_spawner.service.db.tables import tokens


@dataclass(frozen=True, slots=True)
class TokenFilter:
    """Which tokens a listing is about: those of an owner, and all of some projects."""

    owner: str
    projects: Sequence[str] = ()
    everything: bool = False
    project: str | None = None
    """Only of this project."""


class TokenRepository:
    """SQL about tokens."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, record: TokenRecord) -> None:
        values = {
            "id": record.id,
            "project": record.project,
            "owner": record.owner,
            "region": record.region,
            "name": record.name,
            "role": record.role.value,
            "selector": selector_text(record.selector.pairs),
            "version": record.version,
            "hash": record.hash,
            "created_at": record.created_at,
            "issued_at": record.issued_at,
            "expires_at": record.expires_at,
        }
        await self._connection.execute(insert(tokens).values(**values))

    async def find(self, token: UUID) -> TokenRecord | None:
        row = (await self._connection.execute(select(tokens).where(tokens.c.id == token))).one_or_none()
        return _record(row) if row is not None else None

    async def renew(self, record: TokenRecord) -> bool:
        """Store the next version; False: somebody else was first, or the token is gone."""
        statement = (
            update(tokens)
            .where(tokens.c.id == record.id, tokens.c.version == record.version - 1)
            .values(
                version=record.version,
                hash=record.hash,
                issued_at=record.issued_at,
                expires_at=record.expires_at,
            )
        )
        return (await self._connection.execute(statement)).rowcount > 0

    async def remove(self, token: UUID) -> bool:
        return (await self._connection.execute(delete(tokens).where(tokens.c.id == token))).rowcount > 0

    async def touch(self, token: UUID, at: datetime) -> None:
        """Remember a use, unless a later one is known."""
        statement = (
            update(tokens)
            .where(tokens.c.id == token, or_(tokens.c.last_used_at.is_(None), tokens.c.last_used_at < at))
            .values(last_used_at=at)
        )
        await self._connection.execute(statement)

    async def count_of(self, owner: str) -> int:
        query = select(func.count()).select_from(tokens).where(tokens.c.owner == owner)
        return int((await self._connection.execute(query)).scalar_one())

    async def count(self, wanted: TokenFilter) -> int:
        query = select(func.count()).select_from(tokens).where(*_conditions(wanted))
        return int((await self._connection.execute(query)).scalar_one())

    async def list_page(self, wanted: TokenFilter, *, skip: int, limit: int) -> Sequence[TokenRecord]:
        """Return tokens that the filter finds, newest first."""
        query = (
            select(tokens)
            .where(*_conditions(wanted))
            .order_by(tokens.c.created_at.desc(), tokens.c.id)
            .offset(skip)
            .limit(limit)
        )
        return [_record(row) for row in await self._connection.execute(query)]


def _conditions(wanted: TokenFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if not wanted.everything:
        administered = tokens.c.project.in_(list(wanted.projects)) if wanted.projects else false()
        conditions.append(or_(tokens.c.owner == wanted.owner, administered))
    if wanted.project is not None:
        conditions.append(tokens.c.project == wanted.project)
    return conditions


def _record(row: Row[Any]) -> TokenRecord:
    columns = row._asdict()
    return TokenRecord(
        **{**columns, "role": Role(columns["role"]), "selector": LabelSelector.parse(columns["selector"])}
    )
