"""Projects: so far a name, and the lock of what a quota decides."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.service.db.dialect import insert_if_absent
from ovh_spawner.service.db.tables import notebooks, projects, runs

# A notebook never changes its project, so that its name may come from before the lock.
_OF_NOTEBOOK = (
    select(projects.c.name)
    .where(
        projects.c.name
        == select(notebooks.c.project).where(notebooks.c.id == bindparam("id")).scalar_subquery()
    )
    .with_for_update()
)
_OF_RUN = (
    select(projects.c.name)
    .where(projects.c.name == select(runs.c.project).where(runs.c.id == bindparam("id")).scalar_subquery())
    .with_for_update()
)


class ProjectRepository:
    """SQL about projects."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, name: str, now: datetime) -> None:
        """Let nobody else decide about this project until the transaction ends; a new project is created."""
        query = select(projects.c.name).where(projects.c.name == name).with_for_update()
        if (await self._connection.execute(query)).first() is None:
            await insert_if_absent(self._connection, projects, {"name": name, "created_at": now})
            await self._connection.execute(query)

    async def lock_of_notebook(self, notebook: UUID) -> None:
        """Lock the project of a notebook, so that what is read next stays true until the transaction ends."""
        await self._lock(_OF_NOTEBOOK, {"id": notebook})

    async def lock_of_run(self, run: UUID) -> None:
        """Lock the project of a run, so that what is read next stays true until the transaction ends."""
        await self._lock(_OF_RUN, {"id": run})

    async def _lock(self, query: Select[tuple[str]], values: dict[str, UUID]) -> None:
        # On SQLite a writing unit of work begins with the lock of the whole file: nothing is left to lock.
        if self._connection.dialect.name != "sqlite":
            await self._connection.execute(query, values)
