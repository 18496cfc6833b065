"""The pages of projects: which ones somebody works in, and what is in one. Changes go through the API."""

from ovh_spawner.domain.access import Role
from ovh_spawner.service.operations.views import ListQuery
from ovh_spawner.service.pages.handlers import PageHandler

_SHOWN = 500
"""Notebooks on the page; the API has the others."""


class ProjectsPage(PageHandler):
    """``/services/ai/projects``."""

    async def get(self) -> None:
        self.page("projects.html", projects=await self.service.operations.projects.list(self.actor))


class ProjectPage(PageHandler):
    """``/services/ai/projects/<name>``."""

    async def get(self, name: str) -> None:
        operations = self.service.operations
        view = await operations.projects.get(self.actor, name)
        found = await operations.notebooks.list(self.actor, ListQuery(project=name, size=_SHOWN))
        may_manage = self.actor.is_platform_admin or self.actor.has_role(name, Role.ADMINISTRATOR)
        self.page(
            "project.html",
            view=view,
            notebooks=found.items,
            total=found.total,
            members=await operations.projects.members(self.actor, name) if may_manage else None,
        )
