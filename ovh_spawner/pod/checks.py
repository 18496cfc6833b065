"""What a spec may say and a pod cannot do: found before anything is made, and named by field.

The other limits of a cluster (63 characters of a label, 1 MiB of a Secret, names of variables, a number of volumes)
are narrower in the rules for every spec, see ``domain``.
"""

from collections.abc import Iterator

from ovh_spawner.domain.problems import show
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.errors import Problem
from ovh_spawner.pod.images import EDITORS_FOLDER, FRAMEWORK_FOLDER, SSH_FOLDER

_IMAGE_FOLDERS = (FRAMEWORK_FOLDER, EDITORS_FOLDER, SSH_FOLDER)
_NEEDED_FOLDERS = ("/tmp", "/var", *_IMAGE_FOLDERS)  # noqa: S108 - names of places, no file is made
_CARD_PREFIX = "NVIDIA_"
_CARD_VARIABLES = frozenset({"AMD_VISIBLE_DEVICES", "HABANA_VISIBLE_DEVICES"})


def check_spec(spec: NotebookSpec) -> list[Problem]:
    """Return what a pod of this spec could not do."""
    return [*_mount_paths(spec), *_variables(spec)]


def _mount_paths(spec: NotebookSpec) -> Iterator[Problem]:
    for index, volume in enumerate(spec.volumes):
        path = volume.mount_path
        hidden = any(_holds(path, folder) for folder in _NEEDED_FOLDERS)
        if hidden or any(_holds(folder, path) for folder in _IMAGE_FOLDERS):
            yield Problem(
                f"volumes[{index}].mountPath",
                f"{show(path)} is not allowed: it would hide a part of the notebook's image. Choose a folder in "
                "/workspace, for example /workspace/data.",
            )


def _holds(outer: str, inner: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}/")


def _variables(spec: NotebookSpec) -> Iterator[Problem]:
    """Refuse what container runtimes take for an order to hand out cards that nobody reserved."""
    for index, name in enumerate(spec.environment):
        if name.startswith(_CARD_PREFIX) or name in _CARD_VARIABLES:
            yield Problem(
                f"envVars[{index}].name",
                f"{show(name)} is not allowed: it says which cards of a node a notebook gets. Leave it out; the "
                "number of GPUs does that.",
            )
