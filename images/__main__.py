"""Build the images: ``python -m images [NAME …]``; ``--list`` says what there is, as JSON."""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from images import buildah
from images.archives import Archives
from images.content import build_wheel, default_cache, find_contexts, keys_of
from images.plan import CONDA, PLAIN, Recipe, plan, with_parents
from ovh_spawner.catalog.settings_file import load_installation
from ovh_spawner.errors import ConfigError, OVHSpawnerError


@dataclass(frozen=True, slots=True)
class Build:
    """What a call of this program is about."""

    recipes: tuple[Recipe, ...]
    keys: Mapping[str, str]
    archives: Archives
    contexts: Mapping[str, Path]


def main() -> None:
    """Read the command line, build or list."""
    words = _parse()
    try:
        build = _prepare(words)
        if words.list:
            print(json.dumps([_facts(recipe, build) for recipe in build.recipes if recipe.image], indent=1))
            return
        _build_all(build, words.names)
    except (OVHSpawnerError, LookupError) as error:
        sys.exit(f"Error: {error}")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m images", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="build these, e.g. gateway jupyterlab-conda")
    parser.add_argument("--list", action="store_true", help="list the images as JSON and build nothing")
    parser.add_argument("--settings", type=Path, help="settings file with the catalog, repository and tag")
    parser.add_argument("--repository", help="instead of the settings' kubernetes.images.repository")
    parser.add_argument("--tag", help="instead of the settings' kubernetes.images.tag")
    parser.add_argument(
        "--installer", choices=[CONDA, PLAIN], default=CONDA, help="plain: a venv where conda would be"
    )
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), help="where archives and code-server are kept"
    )
    return parser.parse_args()


def _prepare(words: argparse.Namespace) -> Build:
    settings, catalog = load_installation(words.settings)
    changes = {"repository": words.repository, "tag": words.tag}
    images = settings.kubernetes.images.model_copy(update={k: v for k, v in changes.items() if v})
    recipes = plan(catalog, images, installer=words.installer)
    if words.names:
        recipes = with_parents(recipes, words.names)
    contexts = find_contexts(words.cache)
    return Build(recipes, keys_of(recipes, contexts), Archives(words.cache / "images"), contexts)


def _facts(recipe: Recipe, build: Build) -> dict[str, object]:
    key = build.keys[recipe.name]
    return {
        "name": recipe.name,
        "image": recipe.image,
        "key": key,
        "archive": str(build.archives.path(key)),
        "built": build.archives.has(key),
        "buildable": not recipe.obstacle,
        "obstacle": recipe.obstacle,
    }


def _build_all(build: Build, wanted: list[str]) -> None:
    missing = [
        recipe
        for recipe in build.recipes
        if recipe.image and not recipe.obstacle and not build.archives.has(build.keys[recipe.name])
    ]
    for recipe in build.recipes:
        if recipe.obstacle and recipe.image:
            if recipe.name in wanted:
                raise ConfigError(f"{recipe.name} {recipe.obstacle}.")
            print(f"    {recipe.name}: not here, {recipe.obstacle}")
    if missing:
        buildah.check_tools()
        with build.archives.locked(), tempfile.TemporaryDirectory() as folder:
            wheel = build_wheel(Path(folder))
            for recipe in with_parents(build.recipes, [recipe.name for recipe in missing]):
                _build_one(recipe, build, wheel)
    print(f"The images' archives are in {build.archives.folder}.")


def _build_one(recipe: Recipe, build: Build, wheel: Path) -> None:
    key = build.keys[recipe.name]
    if not buildah.is_stored(recipe, key):
        if unknown := [name for name in recipe.contexts if not build.contexts[name].is_dir()]:
            raise ConfigError(f"{recipe.name} needs {', '.join(unknown)}: run `make vscode` first.")
        print(f"==> Building {recipe.name}", flush=True)
        by_name = {other.name: other for other in build.recipes}
        parents = {
            argument: buildah.stored_name(by_name[name], build.keys[name])
            for argument, name in recipe.parents.items()
        }
        buildah.build(recipe, key, parents=parents, contexts=build.contexts, wheel=wheel)
    if recipe.image and not build.archives.has(key):
        with build.archives.adding(key, recipe.image) as archive:
            buildah.export(recipe, key, archive)
        buildah.forget_older(recipe, key)


if __name__ == "__main__":
    main()
