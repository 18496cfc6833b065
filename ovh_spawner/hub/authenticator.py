"""Who may sign in, and our pages.

The first form knows one password for everybody and one for administrators: enough for a machine whose users
trust each other. Other ways of signing in are authenticators of JupyterHub mixed with :class:`PagesMixin`,
which puts the notebook pages in the place of JupyterHub's own ones.
"""

from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
from traitlets import default

from ovh_spawner.hub.home_page import HomePageHandler, SaveHandler
from ovh_spawner.hub.server_api import ServerAPIHandler
from ovh_spawner.hub.spawn_page import SpawnPageHandler


class PagesMixin(Authenticator):  # type: ignore[misc]
    """Serves our pages and our door of servers: JupyterHub asks the authenticator's handlers before its own."""

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


class OVHAuthenticator(PagesMixin, SharedPasswordAuthenticator):  # type: ignore[misc]
    """One password for everybody, one for administrators, and our pages."""

    @default("username_pattern")
    def _default_username_pattern(self) -> str:
        # Safe in a path, as a folder and as an account of the machine.
        return r"^[a-z0-9][a-z0-9._-]{0,62}$"

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        # JupyterHub compares in constant time, which Python refuses for text beyond ASCII.
        if not data["password"].isascii():
            return None
        found: dict[str, Any] | None = await super().authenticate(handler, data)
        return found
