"""What a Dockerfile finds beside itself, and the key of an image: a hash of all that its content depends on."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from images.plan import Recipe

CHECKOUT = Path(__file__).parents[1]
PACKAGE = CHECKOUT / "ovh_spawner"
SSH_SERVER = tuple(PACKAGE / "ssh" / name for name in ("inside_listener.py", "inside_session.py"))
"""All that a notebook's image has of our package."""
CONSTRAINTS = CHECKOUT / "constraints" / "run.txt"
KEY_LENGTH = 16
_SELF = re.compile(r"ovh-spawner\[([a-z,]+)\]")


def default_cache() -> Path:
    """Return where archives and code-server are kept."""
    return Path(os.environ.get("OVH_SPAWNER_CACHE") or Path.home() / ".cache" / "ovh-spawner")


def find_contexts(cache: Path) -> dict[str, Path]:
    """Return the folders outside of the checkout: the newest code-server that scripts/install-vscode.sh has kept."""
    found = [path for path in cache.glob("code-server-*") if list(path.glob(".ready-*"))]
    newest = max(found, key=lambda path: path.stat().st_mtime, default=cache / "code-server")
    return {"code-server": newest}


def keys_of(recipes: Sequence[Recipe], contexts: Mapping[str, Path]) -> dict[str, str]:
    """Return the key of each image; parents come before what is built from them."""
    keys: dict[str, str] = {}
    for recipe in recipes:
        parents = {name: keys[parent] for name, parent in recipe.parents.items()}
        keys[recipe.name] = key_of(recipe, parents, contexts)
    return keys


def key_of(recipe: Recipe, parents: Mapping[str, str], contexts: Mapping[str, Path]) -> str:
    """Return the key of an image; ``parents`` are the keys of what it is built from."""
    digest = hashlib.sha256(json.dumps([recipe.name, recipe.image, dict(recipe.arguments)]).encode())
    for name, key in sorted(parents.items()):
        digest.update(f"\0parent {name} {key}".encode())
    for name, text in sorted(_files(recipe).items()):
        digest.update(f"\0file {name}\0{text}".encode())
    for path in _own_files(recipe):
        digest.update(f"\0file {path.relative_to(recipe.folder)}\0".encode() + path.read_bytes())
    if "wheel" in recipe.inputs:
        digest.update(_package_digest())
    if "ssh_server" in recipe.inputs:
        for path in SSH_SERVER:
            digest.update(f"\0file {path.name}\0".encode() + path.read_bytes())
    for name in recipe.contexts:
        # A folder of its own, named for its version; it never changes.
        digest.update(f"\0context {name} {contexts[name].name}".encode())
    return digest.hexdigest()[:KEY_LENGTH]


def write_context(recipe: Recipe, folder: Path, *, wheel: Path | None) -> None:
    """Put everything that the recipe's Dockerfile copies into ``folder``."""
    for path in _own_files(recipe):
        target = folder / path.relative_to(recipe.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    for name, text in _files(recipe).items():
        (folder / name).write_text(text, encoding="utf-8")
    if "editor_config" in recipe.inputs:
        shutil.copytree(PACKAGE / "catalog" / "editor_config", folder / "editor_config")
    if "ssh_server" in recipe.inputs:
        for path in SSH_SERVER:
            shutil.copy2(path, folder)
    if "wheel" in recipe.inputs and wheel is not None:
        (folder / "wheel").mkdir()
        shutil.copy2(wheel, folder / "wheel")


def build_wheel(folder: Path) -> Path:
    """Build the project's wheel into ``folder``."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def requirements(text: str) -> str:
    """Replace ``ovh-spawner[hub,…]`` by what the project declares for these extras."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines: list[str] = []
    for line in text.splitlines():
        if found := _SELF.fullmatch(line.strip()):
            lines += project["dependencies"]
            for extra in found[1].split(","):
                lines += project["optional-dependencies"][extra]
        else:
            lines.append(line)
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def _files(recipe: Recipe) -> dict[str, str]:
    """Files that are written for a build."""
    files = dict(recipe.files)
    if "requirements" in recipe.inputs:
        files["requirements.txt"] = requirements(
            (recipe.folder / "requirements.txt").read_text(encoding="utf-8")
        )
    if "constraints" in recipe.inputs:
        files["constraints.txt"] = _without_extras(CONSTRAINTS.read_text(encoding="utf-8"))
    return files


def _without_extras(constraints: str) -> str:
    return re.sub(r"\[[^]]*\]", "", constraints)


def _own_files(recipe: Recipe) -> list[Path]:
    """Return the files of the recipe's folder; ``editors/`` holds folders of other recipes, which are not its own."""
    top = sorted(path for path in recipe.folder.iterdir() if path.is_file())
    written = set(_files(recipe))
    return [path for path in top if path.name not in written and path.name != "versions.yaml"]


def _package_digest() -> bytes:
    digest = hashlib.sha256((CHECKOUT / "pyproject.toml").read_bytes())
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(PACKAGE)).encode() + b"\0" + path.read_bytes())
    return digest.digest()
