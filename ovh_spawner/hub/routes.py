"""The proxy's route to a notebook: there before anybody is told that the notebook runs.

JupyterHub makes the route some moments after a spawner's start has returned. It then finds this one, which is the same.
"""

from typing import Any
from urllib.parse import urlsplit

import structlog

from ovh_spawner.errors import LaunchError

log = structlog.get_logger()


async def add_route(spawner: Any, url: str) -> None:
    """Have the proxy lead to a notebook that answers at ``url``.

    Raises:
        LaunchError: The proxy does not take it.
    """
    place = urlsplit(url)
    # Not through spawner.server: JupyterHub has no address there yet, and rolls back what is changed between requests.
    data = {"user": spawner.user.name, "server_name": spawner.name}
    try:
        proxy = spawner.user.settings["proxy"]
        await proxy.add_route(spawner.proxy_spec, f"{place.scheme}://{place.netloc}", data)
    except Exception as exc:  # each kind of proxy has errors of its own
        log.exception("route_not_made", run=str(spawner.run))
        raise LaunchError(
            "The notebook ran, but JupyterHub's proxy does not lead to it. Start it again; if it happens again, tell "
            "the operator."
        ) from exc


async def remove_route(spawner: Any) -> None:
    """Take the route of a start that failed after all; JupyterHub removes what stays in a few minutes."""
    try:
        await spawner.user.settings["proxy"].delete_route(spawner.proxy_spec)
    except Exception:  # as above; the start has failed already, and says why
        log.exception("route_not_removed", run=str(spawner.run))
