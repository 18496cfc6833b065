"""Projects: so far a name, and the lock of what a quota decides."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.service.db import tables
from ovh_spawner.service.db.dialect import insert_if_absent


class ProjectRepository:
    """SQL about projects."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, name: str, now: datetime) -> None:
        """Let nobody else decide about this project until the transaction ends; a new project is created."""
        await insert_if_absent(self._connection, tables.projects, {"name": name, "created_at": now})
        query = select(tables.projects.c.name).where(tables.projects.c.name == name).with_for_update()
        await self._connection.execute(query)
