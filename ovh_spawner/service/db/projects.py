"""Projects: what the API made of them, who is a member, and the lock of what a quota decides."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.domain.access import Role, Sharing
from ovh_spawner.domain.projects import MemberKind, Membership, Origin, Project
from ovh_spawner.service.db.dialect import insert_if_absent
from ovh_spawner.service.db.tables import data_stores, notebooks, project_members, projects, runs

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
_IS_MADE = and_(projects.c.gpu_quota.is_not(None), projects.c.closed_at.is_(None))
_LAST_USED = (
    select(notebooks.c.project)
    .where(notebooks.c.owner == bindparam("owner"))
    .order_by(notebooks.c.created_at.desc())
    .limit(1)
)


class ProjectRepository:
    """SQL about projects."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self, name: str, now: datetime) -> None:
        """Let nobody else decide about this project until the transaction ends; a new row is made for it."""
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

    async def find(self, name: str) -> Project | None:
        """Return a project that the API made and that is not closed."""
        query = select(projects).where(projects.c.name == name, _IS_MADE)
        row = (await self._connection.execute(query)).one_or_none()
        return _project(row) if row is not None else None

    async def list_made(self) -> Sequence[Project]:
        """Return the projects that the API made and that are not closed."""
        query = select(projects).where(_IS_MADE).order_by(projects.c.name)
        return [_project(row) for row in await self._connection.execute(query)]

    async def price_lists(self) -> dict[str, str]:
        """Return the price list of every project that the API made, closed ones too: their runs keep their price."""
        query = select(projects.c.name, projects.c.price_list).where(projects.c.price_list.is_not(None))
        return {row.name: row.price_list for row in await self._connection.execute(query)}

    async def list_names(self) -> Sequence[str]:
        """Return the names of all projects that have ever had anything and are not closed."""
        query = select(projects.c.name).where(projects.c.closed_at.is_(None)).order_by(projects.c.name)
        return list(await self._connection.scalars(query))

    async def add(self, project: Project, now: datetime) -> bool:
        """Store a new project; False: there is, or was, one of this name."""
        values = {"name": project.name, "created_at": now, **_changing(project)}
        return await insert_if_absent(self._connection, projects, values)

    async def save(self, project: Project) -> None:
        """Store everything of the project that can change."""
        query = update(projects).where(projects.c.name == project.name)
        await self._connection.execute(query.values(**_changing(project)))

    async def is_closed(self, name: str) -> bool:
        query = select(projects.c.name).where(projects.c.name == name, projects.c.closed_at.is_not(None))
        return (await self._connection.execute(query)).first() is not None

    async def count_notebooks(self, name: str) -> int:
        """Return how many notebooks it has that are not deleted."""
        query = select(func.count()).where(notebooks.c.project == name, notebooks.c.deleted_at.is_(None))
        return int((await self._connection.execute(query)).scalar_one())

    async def close(self, name: str, now: datetime) -> None:
        """Forget members and data stores; the row stays for the statements of its runs."""
        await self._connection.execute(delete(project_members).where(project_members.c.project == name))
        await self._connection.execute(delete(data_stores).where(data_stores.c.project == name))
        await self._connection.execute(update(projects).where(projects.c.name == name).values(closed_at=now))

    async def last_used_by(self, owner: str) -> str | None:
        """Return the project of the newest notebook that this person made."""
        found: str | None = (await self._connection.execute(_LAST_USED, {"owner": owner})).scalar()
        return found

    async def list_members(self, project: str) -> Sequence[Membership]:
        query = select(project_members).where(project_members.c.project == project)
        query = query.order_by(project_members.c.kind.desc(), project_members.c.name)
        return [_membership(row) for row in await self._connection.execute(query)]

    async def list_memberships(self) -> Sequence[Membership]:
        """Return every membership that the API made."""
        return [_membership(row) for row in await self._connection.execute(select(project_members))]

    async def set_member(self, membership: Membership, now: datetime) -> None:
        """Give a role, in the place of the one before."""
        values = {
            "project": membership.project,
            "kind": membership.kind.value,
            "name": membership.name,
            "role": membership.role.value,
            "created_at": now,
        }
        if not await insert_if_absent(self._connection, project_members, values):
            query = update(project_members).where(_is(membership)).values(role=membership.role.value)
            await self._connection.execute(query)

    async def remove_member(self, membership: Membership) -> bool:
        query = delete(project_members).where(_is(membership))
        return (await self._connection.execute(query)).rowcount > 0

    async def _lock(self, query: Select[tuple[str]], values: dict[str, UUID]) -> None:
        # On SQLite a writing unit of work begins with the lock of the whole file: nothing is left to lock.
        if self._connection.dialect.name != "sqlite":
            await self._connection.execute(query, values)


def _changing(project: Project) -> dict[str, Any]:
    return {
        "title": project.title,
        "gpu_quota": project.gpu_quota,
        "sharing": project.sharing.value,
        "price_list": project.price_list,
        "labels": dict(project.labels),
    }


def _is(membership: Membership) -> Any:
    return and_(
        project_members.c.project == membership.project,
        project_members.c.kind == membership.kind.value,
        project_members.c.name == membership.name,
    )


def _project(row: Row[Any]) -> Project:
    return Project(
        name=row.name,
        title=row.title or row.name,
        gpu_quota=row.gpu_quota,
        sharing=Sharing(row.sharing),
        origin=Origin.API,
        price_list=row.price_list or "",
        labels=row.labels or {},
    )


def _membership(row: Row[Any]) -> Membership:
    return Membership(row.project, MemberKind(row.kind), row.name, Role(row.role))
