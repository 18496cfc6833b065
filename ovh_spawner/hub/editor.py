"""From a catalog editor to the process that the gateway starts behind itself. Pure: values in, values out."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ovh_spawner.contract.local import RUN_VARIABLE, EditorProcess
from ovh_spawner.contract.ssh import beside_editor
from ovh_spawner.domain.capabilities import Editor

EDITOR_CONFIG = str(files("ovh_spawner.catalog") / "editor_config")
"""Configuration files that we give to editors."""

_PATH_FALLBACK = "/usr/local/bin:/usr/bin:/bin"

SSH_LISTENER = str(files("ovh_spawner") / "ssh" / "inside_listener.py")
"""A program that notebooks run; nothing of it is imported here."""

SSH_SOCKET_NAME = "ssh.sock"

SOCKET_NAME = "editor.sock"
"""Short, because the whole path of a unix socket has to stay below about 100 bytes."""


@dataclass(frozen=True, slots=True)
class EditorPlace:
    """Where one run's editor lives."""

    run: str
    prefix: str
    workspace: Path
    socket_folder: Path
    framework_folder: Path
    """Environment of the framework: bin/python and share/jupyter."""
    program: Path
    """What starts an editor that is no Python package."""
    user: str
    shell: str
    has_ssh: bool = False
    """True: an SSH server stays behind beside the editor."""


def build_editor(
    editor: Editor, place: EditorPlace, variables: Mapping[str, str], *, hub_environment: Mapping[str, str]
) -> EditorProcess:
    """Return how the gateway starts ``editor``."""
    socket = str(place.socket_folder / SOCKET_NAME)
    words = {
        "{python}": sys.executable,
        "{socket}": socket,
        "{prefix}": place.prefix,
        "{workspace}": str(place.workspace),
        "{editor}": str(place.program),
        "{config}": EDITOR_CONFIG,
    }
    command, settings = editor.filled(words)
    ssh_socket = str(place.socket_folder / SSH_SOCKET_NAME) if place.has_ssh else ""
    if ssh_socket:
        command = beside_editor(command, python=sys.executable, listener=SSH_LISTENER, socket=ssh_socket)
    return EditorProcess(
        command=command,
        folder=str(place.workspace),
        environment={
            **variables,
            **settings,
            **_platform(place, hub_environment),
        },
        socket=socket,
        ssh_socket=ssh_socket,
        strip_prefix=editor.strip_prefix,
        probe_path=editor.probe_path,
        name=editor.name,
    )


def _platform(place: EditorPlace, hub_environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are ours; nothing that a person set comes after them."""
    framework = place.framework_folder
    runtime = place.socket_folder
    path = os.pathsep.join(
        [
            str(framework / "bin"),
            str(place.workspace / ".local" / "bin"),
            # The supervisor's path leads to the real node before the wrapper beside Python.
            hub_environment.get("PATH") or _PATH_FALLBACK,
            str(Path(sys.executable).parent),
        ]
    )
    return {
        "HOME": str(place.workspace),
        "USER": place.user,
        "LOGNAME": place.user,
        "SHELL": place.shell,
        "PATH": path,
        "LANG": hub_environment.get("LANG") or "C.UTF-8",
        # The framework's kernels come before those of JupyterLab's own environment.
        "JUPYTER_PATH": str(framework / "share" / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(runtime / "jupyter"),
        "XDG_RUNTIME_DIR": str(runtime),
        # `pip install` lands in HOME/.local and so survives a stop.
        "PIP_USER": "1",
        # A home inside a checkout is no part of its repository.
        "GIT_CEILING_DIRECTORIES": str(place.workspace.parent),
        RUN_VARIABLE: place.run,
    }
