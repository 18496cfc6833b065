"""JupyterHub's home page as a list of notebooks, and the order to save one whose changes are not saved."""

from collections.abc import Mapping
from typing import Any

import structlog
from jupyterhub.handlers import BaseHandler
from jupyterhub.handlers.pages import HomeHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_path_join
from tornado import web

from ovh_spawner.contract.notebooks import HomePage, NotebookBrief
from ovh_spawner.domain.token_users import is_token_user
from ovh_spawner.errors import OVHSpawnerError
from ovh_spawner.hub import refusals
from ovh_spawner.hub.compat import display_name
from ovh_spawner.hub.home_view import Hosted, view_line

log = structlog.get_logger()


class HomePageHandler(HomeHandler):  # type: ignore[misc]
    """Lists a person's notebooks; a notebook is a named server."""

    @web.authenticated
    async def get(self) -> None:
        user = self.current_user
        if is_token_user(user.name):
            self.finish(await self._page_of_token(user))
            return
        spawners = list(user.all_spawners(include_default=False))
        briefs = await self._find_all(user)
        html = await self.render_template(
            "home.html",
            auth_state=await user.get_auth_state(),
            user=user,
            notebooks=[view_line(_hosted(user, s), briefs.get(s.name)) for s in spawners],
            # JupyterHub's own script for the page asks for these.
            allow_named_servers=self.allow_named_servers,
            default_server=user.spawner,
        )
        self.finish(html)

    async def _page_of_token(self, user: Any) -> str:
        found = await self._ask(user)
        page: str = await self.render_template(
            "token_home.html", user=user, found=found, no_spawner_check=True
        )
        return page

    async def _find_all(self, user: Any) -> Mapping[str, NotebookBrief]:
        found = await self._ask(user)
        return found.notebooks if found else {}

    async def _ask(self, user: Any) -> HomePage | None:
        try:
            page: HomePage = await user.spawner.service.get_home_page(user.name)
        except OVHSpawnerError as error:
            # The page is for finding the way; without the service it shows what the hub knows.
            log.info("home_page_without_service", user=user.name, code=error.code)
            return None
        return page


def _hosted(user: Any, spawner: Any) -> Hosted:
    # `all_spawners` gives the hub's rows for servers that do not run, and its live objects for those that do.
    orm_spawner = getattr(spawner, "orm_spawner", spawner)
    return Hosted(
        server_name=orm_spawner.name,
        name=display_name(orm_spawner),
        url=user.server_url(orm_spawner.name),
        active=bool(getattr(spawner, "active", False)),
        ready=bool(getattr(spawner, "ready", False)),
        pending=getattr(spawner, "pending", None) or "",
        last_activity=orm_spawner.last_activity,
    )


class SaveHandler(BaseHandler):  # type: ignore[misc]
    """``POST /hub/save/<user>/<server>``: the button beside a notebook whose changes are not saved."""

    @web.authenticated
    @needs_scope("servers")  # type: ignore[untyped-decorator]
    async def post(self, user_name: str, server_name: str) -> None:
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404, f"There is no user {user_name!r}.")
        try:
            await user.spawner.service.save_notebook(user.name, server_name)
        except OVHSpawnerError as error:
            raise refusals.refusal(error) from error
        self.redirect(url_path_join(self.hub.base_url, "home"))
