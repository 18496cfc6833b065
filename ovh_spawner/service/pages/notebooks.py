"""The way to the notebooks, and the sign-in step of a notebook's gateway."""

import re
from typing import Any
from urllib.parse import urlencode, urlsplit

from ovh_spawner.errors import InvalidSpecError
from ovh_spawner.service.api.handlers import BaseHandler, path_id
from ovh_spawner.service.pages.handlers import PageHandler
from ovh_spawner.settings import Settings

_STATE = re.compile(r"[A-Za-z0-9_=.~-]{1,512}")
"""What a gateway's state may look like; it goes back to the gateway unread."""


class FrontPage(BaseHandler):
    """``/services/ai/``: the list of notebooks is the hub's home page."""

    def initialize(self, **given: Any) -> None:
        super().initialize()
        self._settings: Settings = given["service"].settings

    def get(self) -> None:
        self.redirect(f"{self._settings.deployment.base_path.rstrip('/')}/hub/home")


class OpenPage(PageHandler):
    """``/services/ai/open/<notebook>``: who comes here from a gateway goes back with a single-use code."""

    async def get(self, notebook: str) -> None:
        found = path_id(notebook, "notebook")
        run = path_id(self.get_query_argument("run", ""), "run")
        state = self.get_query_argument("state", "")
        if not _STATE.fullmatch(state):
            raise InvalidSpecError.one(
                "state", "This address is not complete; open the notebook's own address."
            )
        view = await self.service.operations.notebooks.get_for_open(self.actor, found)
        code = await self.service.operations.access.issue_code(self.actor, found, run)
        has_own_host = self.service.settings.deployment.subdomains
        # On one host by path alone: people may have come by another of its names.
        address = view.url if has_own_host else urlsplit(view.url).path
        self.redirect(f"{address}_ovh/callback?{urlencode({'code': code, 'state': state})}")
