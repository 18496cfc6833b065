"""Names of the images, and what an image promises: the same facts for the pod and for the image build.

A notebook's image is a framework's image with an editor on top. Both parts are read-only for the notebook's user.
"""

import ovh_spawner
from ovh_spawner.settings_kubernetes import ImageSettings

USER_ID = 42420
"""User and group of everything in a notebook's pod, as the vendor has it."""
USER_NAME = "ovh"
SHELL = "/bin/bash"

FRAMEWORK_FOLDER = "/opt/framework"
"""The framework's environment (a conda prefix or a venv): bin/python and share/jupyter."""
EDITORS_FOLDER = "/opt/editors"
"""Each editor has a folder of its id; the framework's packages are not in it."""
EDITOR_CONFIG = f"{EDITORS_FOLDER}/config"
"""{config} of the catalog's commands: the files of catalog/editor_config."""
EDITOR_PYTHON = f"{EDITORS_FOLDER}/jupyterlab/bin/python"
"""{python}: the Python that has JupyterLab."""
EDITOR_PROGRAM = f"{EDITORS_FOLDER}/vscode/bin/code-server"
"""{editor}: what starts an editor that is no Python package."""
SSH_FOLDER = "/opt/ssh"
"""What the SSH server inside a notebook needs: a Python of its own and two files."""
SSH_PYTHON = f"{SSH_FOLDER}/bin/python"
SSH_LISTENER = f"{SSH_FOLDER}/inside_listener.py"
INIT = ("/usr/bin/tini", "--")
"""First process of the editor's container: it hands signals on and buries what editors leave behind."""
PYTHON = "/opt/ovh/bin/python"
"""Python of our own images (gateway, data sync, hub, service)."""

GATEWAY = "gateway"
DATASYNC = "datasync"
HUB = "hub"
SERVICE = "service"
SSH = "ssh"


def program_image(images: ImageSettings, program: str) -> str:
    """Return the image of one of our own programs."""
    return f"{images.repository}/{program}:{_tag(images)}"


def framework_image(images: ImageSettings, framework: str, version: str) -> str:
    """Return the image of a framework without an editor: the one that the editors are put on."""
    return f"{images.repository}/{framework}:{version}-{_tag(images)}"


def notebook_image(images: ImageSettings, *, editor: str, framework: str, version: str) -> str:
    """Return the image of a notebook."""
    return f"{images.repository}/{editor}-{framework}:{version}-{_tag(images)}"


def _tag(images: ImageSettings) -> str:
    return images.tag or ovh_spawner.__version__
