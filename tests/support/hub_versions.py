"""Where the two JupyterHub versions want different requests."""

from typing import Any

from jupyterhub import version_info


def hub_body(options: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a server's start: JupyterHub 5 takes the options as the whole body."""
    return {"user_options": options} if version_info[0] >= 6 else options
