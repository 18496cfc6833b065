"""Puts our pages, and our door of servers, in the place of JupyterHub's own ones."""

from typing import Any

from jupyterhub.auth import Authenticator

from ovh_spawner.hub.home_page import HomePageHandler, SaveHandler
from ovh_spawner.hub.server_api import ServerAPIHandler
from ovh_spawner.hub.spawn_page import SpawnPageHandler


class PagesMixin(Authenticator):  # type: ignore[misc]
    """For an authenticator: JupyterHub asks its handlers before its own."""

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        return [
            *super().get_handlers(app),
            (r"/home", HomePageHandler),
            (r"/save/([^/]+)/([^/]+)", SaveHandler),
            (r"/spawn", SpawnPageHandler),
            (r"/spawn/([^/]+)", SpawnPageHandler),
            (r"/spawn/([^/]+)/([^/]+)", SpawnPageHandler),
            (r"/api/users/([^/]+)/server", ServerAPIHandler),
            (r"/api/users/([^/]+)/servers/([^/]*)", ServerAPIHandler),
        ]
