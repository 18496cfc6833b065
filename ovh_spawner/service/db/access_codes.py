"""Single-use codes that let a browser into a notebook; only their hashes are kept."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.service.db.records import AccessCodeRecord
from ovh_spawner.service.db.tables import access_codes


class AccessCodeRepository:
    """SQL about access codes."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, record: AccessCodeRecord) -> None:
        await self._connection.execute(
            insert(access_codes).values(
                hash=record.hash,
                notebook=record.notebook,
                run=record.run,
                user=record.user,
                expires_at=record.expires_at,
            )
        )

    async def redeem(self, *, run: UUID, code_hash: str, now: datetime) -> str | None:
        """Use up the code and return its user, in one statement so that it works once.

        None: it is unknown, used, expired, or another run's.
        """
        statement = (
            update(access_codes)
            .where(
                access_codes.c.hash == code_hash,
                access_codes.c.run == run,
                access_codes.c.used_at.is_(None),
                access_codes.c.expires_at > now,
            )
            .values(used_at=now)
            .returning(access_codes.c.user)
        )
        user: str | None = (await self._connection.execute(statement)).scalar_one_or_none()
        return user

    async def forget_expired(self, before: datetime) -> None:
        await self._connection.execute(delete(access_codes).where(access_codes.c.expires_at < before))
