"""From a catalog editor to the command and the variables of its container."""

from uuid import UUID

from ovh_spawner.contract.local import RUN_VARIABLE
from ovh_spawner.contract.ssh import beside_editor
from ovh_spawner.domain.capabilities import Editor
from ovh_spawner.domain.flavors import Flavor, FlavorType
from ovh_spawner.pod import images, paths

_PATH = (
    f"{images.FRAMEWORK_FOLDER}/bin",
    f"{paths.WORKSPACE}/.local/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
)


def editor_command(editor: Editor, prefix: str, *, has_ssh: bool) -> list[str]:
    """Return the command that starts the editor in its container; ``has_ssh``: with an SSH server beside it."""
    command = editor.filled(_words(prefix))[0]
    if has_ssh:
        command = beside_editor(
            command, python=images.SSH_PYTHON, listener=images.SSH_LISTENER, socket=paths.SSH_SOCKET
        )
    return [*images.INIT, *command]


def editor_environment(editor: Editor, flavor: Flavor, *, run: UUID, prefix: str) -> dict[str, str]:
    """Return the variables that are ours; a person's own are in a Secret."""
    found = {
        **editor.filled(_words(prefix))[1],
        "HOME": paths.WORKSPACE,
        "USER": images.USER_NAME,
        "LOGNAME": images.USER_NAME,
        "SHELL": images.SHELL,
        "PATH": ":".join(_PATH),
        "LANG": "C.UTF-8",
        # The framework's kernels come before those of JupyterLab's own environment.
        "JUPYTER_PATH": f"{images.FRAMEWORK_FOLDER}/share/jupyter",
        "JUPYTER_RUNTIME_DIR": f"{paths.EDITOR_RUN}/jupyter",
        "XDG_RUNTIME_DIR": paths.EDITOR_RUN,
        # `pip install` lands in the home, which is kept.
        "PIP_USER": "1",
        RUN_VARIABLE: str(run),
    }
    if flavor.type is FlavorType.CPU:
        # CUDA images ask for every card, and a node whose runtime listens to this variable would give them.
        found["NVIDIA_VISIBLE_DEVICES"] = "void"
    return found


def _words(prefix: str) -> dict[str, str]:
    return {
        "{python}": images.EDITOR_PYTHON,
        "{socket}": paths.EDITOR_SOCKET,
        "{prefix}": prefix,
        "{workspace}": paths.WORKSPACE,
        "{editor}": images.EDITOR_PROGRAM,
        "{config}": images.EDITOR_CONFIG,
    }
