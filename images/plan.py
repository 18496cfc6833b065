"""Which images there are, from what each is built, and which a machine can build: values in, values out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from images.versions import FrameworkVersion, read_versions
from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.pod import images as names
from ovh_spawner.settings_kubernetes import ImageSettings

FOLDER = Path(__file__).parent
ROOT, BASE, NOTEBOOK_SSH = "root", "base", "notebook-ssh"
PROGRAMS = (names.DATASYNC, names.GATEWAY, names.HUB, names.SERVICE, names.SSH)
CONDA, PLAIN = "conda", "plain"
PLAIN_PYTHON = "3.11"
"""The Python of the root file system's Debian: the only one that there is without conda."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one image is built."""

    name: str
    folder: Path
    image: str = ""
    """Full name and tag of an image that pods run; steps in between have none."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    """Build argument → name of the recipe whose image it gets."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Files that the Dockerfile finds beside itself, written for this build."""
    inputs: tuple[str, ...] = ()
    """What else it finds there, made from the checkout: see ``content``."""
    contexts: tuple[str, ...] = ()
    """Folders outside of the checkout, for COPY --from."""
    obstacle: str = ""
    """Why it cannot be built here; empty when it can."""


def plan(catalog: Capabilities, images: ImageSettings, *, installer: str) -> tuple[Recipe, ...]:
    """Return every image in an order in which they can be built."""
    recipes = [
        Recipe(
            name=ROOT, folder=FOLDER / ROOT, arguments={"USER_NAME": names.USER_NAME, "SHELL": names.SHELL}
        ),
        Recipe(name=BASE, folder=FOLDER / BASE, parents={"ROOT": ROOT}),
    ]
    recipes += [_program(name, images) for name in PROGRAMS]
    recipes.append(_notebook_ssh())
    recipes += [_editor(editor.id) for editor in catalog.editors]
    for framework in catalog.frameworks:
        for version, pins in read_versions(FOLDER / "frameworks" / framework.id).items():
            if version not in framework.versions:
                continue
            below = _framework(framework.id, version, pins, images=images, installer=installer)
            recipes += below
            recipes += [
                _notebook(editor.id, framework.id, below[-1], version=version, images=images)
                for editor in catalog.editors
                if editor.id not in framework.incompatible_editors
            ]
    return _each_once(recipes)


def with_parents(recipes: Sequence[Recipe], wanted: Sequence[str]) -> tuple[Recipe, ...]:
    """Return the recipes of the wanted names with all that they are built from, in order.

    A name is a recipe's, a full image name, or the start of either up to a colon: ``jupyterlab-conda``.

    Raises:
        LookupError: Nothing is called so.
    """
    by_name = {recipe.name: recipe for recipe in recipes}
    kept: set[str] = set()
    for word in wanted:
        found = [r.name for r in recipes if word in (r.name, r.image) or r.name.split(":")[0] == word]
        if not found:
            raise LookupError(f"No image is called {word!r}. Known are {', '.join(sorted(by_name))}.")
        kept |= {name for start in found for name in _ancestry(by_name, start)}
    return tuple(recipe for recipe in recipes if recipe.name in kept)


def _ancestry(by_name: Mapping[str, Recipe], name: str) -> set[str]:
    return {name}.union(*(_ancestry(by_name, parent) for parent in by_name[name].parents.values()))


def _program(name: str, images: ImageSettings) -> Recipe:
    """One of our own programs: its needs by the project's extras, then the wheel itself."""
    return Recipe(
        name=name,
        folder=FOLDER / name,
        image=names.program_image(images, name),
        parents={"BASE": BASE if name == names.DATASYNC else ROOT},
        arguments={"PREFIX": str(Path(names.PYTHON).parents[1])},
        inputs=("requirements", "constraints", "wheel"),
    )


def _editor(editor: str) -> Recipe:
    # Its one package needs no other, so that a change of our pins does not build it anew.
    is_vscode = editor == "vscode"
    return Recipe(
        name=f"editor-{editor}",
        folder=FOLDER / "editors" / editor,
        parents={"ROOT": ROOT},
        arguments={"FOLDER": f"{names.EDITORS_FOLDER}/{editor}"},
        inputs=("editor_config", "requirements", *(() if is_vscode else ("constraints",))),
        contexts=("code-server",) if is_vscode else (),
    )


def _notebook_ssh() -> Recipe:
    return Recipe(
        name=NOTEBOOK_SSH,
        folder=FOLDER / NOTEBOOK_SSH,
        parents={"ROOT": ROOT},
        arguments={"FOLDER": names.SSH_FOLDER},
        inputs=("requirements", "constraints", "ssh_server"),
    )


def _framework(
    framework: str, version: str, pins: FrameworkVersion, *, images: ImageSettings, installer: str
) -> list[Recipe]:
    conda = " ".join(pins.conda) if installer == CONDA else ""
    obstacle = "" if installer == CONDA else _plain_obstacle(pins)
    mark = f"+{version}" if conda else ""
    environment = Recipe(
        name=f"environment-{installer}-python{pins.python}{mark}",
        folder=FOLDER / "environment",
        parents={"ROOT": ROOT},
        arguments={
            "INSTALLER": installer,
            "PYTHON": pins.python,
            "FOLDER": names.FRAMEWORK_FOLDER,
            "CONDA_CHANNELS": " ".join(pins.channels),
            "CONDA_PACKAGES": conda,
        },
        obstacle=obstacle,
    )
    above = Recipe(
        name=f"{framework}:{version}",
        folder=FOLDER / "frameworks" / framework,
        image=names.framework_image(images, framework, version),
        parents={"BASE": BASE, "ENVIRONMENT": environment.name},
        arguments={"FOLDER": names.FRAMEWORK_FOLDER},
        files={"requirements.txt": "".join(f"{pin}\n" for pin in pins.pip)},
        obstacle=obstacle,
    )
    return [environment, above]


def _plain_obstacle(pins: FrameworkVersion) -> str:
    if pins.python != PLAIN_PYTHON:
        return f"needs conda: without it there is Python {PLAIN_PYTHON} only, and this has {pins.python}"
    return "needs conda for " + ", ".join(pins.conda) if pins.conda else ""


def _notebook(editor: str, framework: str, below: Recipe, *, version: str, images: ImageSettings) -> Recipe:
    return Recipe(
        name=f"{editor}-{framework}:{version}",
        folder=FOLDER / "editors",
        image=names.notebook_image(images, editor=editor, framework=framework, version=version),
        parents={"FRAMEWORK": below.name, "EDITOR": f"editor-{editor}", "SSH": NOTEBOOK_SSH},
        arguments={
            "EDITORS": names.EDITORS_FOLDER,
            "FOLDER": names.FRAMEWORK_FOLDER,
            "REMOTE": names.SSH_FOLDER,
        },
        obstacle=below.obstacle,
    )


def _each_once(recipes: Sequence[Recipe]) -> tuple[Recipe, ...]:
    return tuple({recipe.name: recipe for recipe in recipes}.values())
