"""What differs between JupyterHub 5 and 6, in one place."""

from typing import Any

from tornado import web

from ovh_spawner.domain.names import is_server_name

try:
    from jupyterhub.spawner import SpawnException
except ImportError:  # JupyterHub 5
    SpawnException = None


def spawn_error(message: str, *, code: str, status: int) -> web.HTTPError:
    """Return the exception that JupyterHub shows with ``message``, whatever its version.

    JupyterHub 6.1 ignores ``SpawnException.message`` on its pages and shows ``str(error)``, so the attribute
    that it does read is set too. A fault of ours is no SpawnException: the hub counts those as policy.
    """
    if SpawnException is not None and status < 500:  # noqa: PLR2004 - HTTP's border between them and us
        error: web.HTTPError = SpawnException(message, reason=code, status_code=status)
    else:
        error = web.HTTPError(status, message)
    # Not a keyword: JupyterHub looks for the attribute.
    error.jupyterhub_message = message  # type: ignore[attr-defined]
    return error


def obtain_spawner(user: Any, server_name: str, display_name: str) -> Any:
    """Return the user's spawner of that name, made new when it is absent or when its last start failed."""
    if hasattr(user, "get_or_create_spawner"):
        return user.get_or_create_spawner(server_name, display_name, replace_failed=True)
    return user.get_spawner(server_name, replace_failed=True)


async def check_server_name(handler: Any, user: Any, server_name: str) -> None:
    """Raise web.HTTPError when the hub's rules forbid a server of that name."""
    if hasattr(handler, "_check_named_server_request"):
        await handler._check_named_server_request(user, server_name, server_name)  # noqa: SLF001
    elif server_name not in user.orm_spawners and not is_server_name(server_name):
        raise web.HTTPError(
            400, "This is no valid server name: lower-case letters, digits and single hyphens, at most 30."
        )


async def spawn_and_redirect(
    handler: Any, *, spawner: Any, options: dict[str, Any], pending_url: str
) -> None:
    """Start the server as JupyterHub's own spawn page does, and send the browser to the progress page."""
    user, name = spawner.user, spawner.name
    if hasattr(user, "get_or_create_spawner"):
        await handler._wrap_spawn_single_user(user, name, name, spawner, pending_url, options)  # noqa: SLF001
    else:
        await handler._wrap_spawn_single_user(user, name, spawner, pending_url, options)  # noqa: SLF001


def set_display_name(orm_spawner: Any, name: str) -> None:
    """Show the notebook's name on JupyterHub's pages; JupyterHub 5 knows the server's name only."""
    if hasattr(type(orm_spawner), "display_name"):
        orm_spawner.display_name = name


def display_name(orm_spawner: Any) -> str:
    """Return what JupyterHub's pages call the server."""
    return str(getattr(orm_spawner, "display_name", "") or orm_spawner.name)
