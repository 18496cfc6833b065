"""Builds with buildah, and the root file system with mmdebstrap: Debian's own tools, no daemon, no registry."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from images.content import write_context
from images.plan import ROOT, Recipe
from ovh_spawner.errors import ConfigError
from ovh_spawner.pod import images as names

STORE = "localhost/ovh-spawner-build"
"""Name of our images in buildah's own store; the key is the tag."""
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
"""While it builds, an image trusts what this machine trusts; nothing of it stays in the image."""
LICENSE_FOLDERS = "/usr/share/doc/*/copyright"


def stored_name(recipe: Recipe, key: str) -> str:
    """Return the name of a built image in buildah's store."""
    return f"{STORE}/{re.sub(r'[^a-z0-9._-]', '-', recipe.name.lower())}:{key}"


def is_stored(recipe: Recipe, key: str) -> bool:
    """Say whether buildah's store has the image."""
    answer = subprocess.run(
        ["buildah", "inspect", "--type", "image", stored_name(recipe, key)], capture_output=True, check=False
    )
    return answer.returncode == 0


def forget_older(recipe: Recipe, key: str) -> None:
    """Remove the images that this recipe made before; layers that the new one shares stay."""
    name = stored_name(recipe, key)
    listed = _run(["buildah", "images", "--format", "{{.Name}}:{{.Tag}}"]).splitlines()
    older = [other for other in listed if other.startswith(f"{name.rpartition(':')[0]}:") and other != name]
    for other in older:
        # One that another build stands on stays too.
        subprocess.run(["buildah", "rmi", other], capture_output=True, check=False)


def check_tools() -> None:
    """Refuse early, in words.

    Raises:
        ConfigError: A tool is missing.
    """
    if missing := [tool for tool in ("buildah", "mmdebstrap") if shutil.which(tool) is None]:
        raise ConfigError(f"{' and '.join(missing)} are missing (Debian: apt install buildah mmdebstrap).")


def build(
    recipe: Recipe, key: str, *, parents: Mapping[str, str], contexts: Mapping[str, Path], wheel: Path | None
) -> None:
    """Build one image from its parents, which are given as build argument → name in the store."""
    if recipe.name == ROOT:
        _build_root(recipe, stored_name(recipe, key))
        return
    with tempfile.TemporaryDirectory(prefix="ovh-spawner-image-") as name:
        write_context(recipe, Path(name), wheel=wheel)
        _run(_command(recipe, key, parents=parents, contexts=contexts, folder=name))


def export(recipe: Recipe, key: str, archive: Path) -> None:
    """Write a docker archive that a container runtime can import."""
    _run(["buildah", "push", "--quiet", stored_name(recipe, key), f"docker-archive:{archive}:{recipe.image}"])


def _command(
    recipe: Recipe, key: str, *, parents: Mapping[str, str], contexts: Mapping[str, Path], folder: str
) -> list[str]:
    arguments = {**recipe.arguments, **parents, "USER_ID": str(names.USER_ID)}
    words = ["buildah", "bud", "--isolation", "chroot", "--format", "docker", "--pull-never", "--layers"]
    for name, value in arguments.items():
        words += ["--build-arg", f"{name}={value}"]
    for name in recipe.contexts:
        words += ["--build-context", f"{name}={contexts[name]}"]
    if CA_BUNDLE.exists():
        words += ["--volume", f"{CA_BUNDLE}:{CA_BUNDLE}:ro"]
    return [*words, "--tag", stored_name(recipe, key), folder]


def _build_root(recipe: Recipe, name: str) -> None:
    """Make Debian's root file system from the machine's own package sources."""
    lines = (recipe.folder / "packages.txt").read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    with tempfile.TemporaryDirectory(prefix="ovh-spawner-root-") as folder:
        tar = Path(folder) / "root.tar"
        sources = Path(folder) / "sources.list"
        suite = _write_sources(sources)
        _run([
            "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}",
            "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
            "--dpkgopt=path-exclude=/usr/share/doc/*", f"--dpkgopt=path-include={LICENSE_FOLDERS}",
            f"--customize-hook={_user_hook(recipe.arguments)}", suite, str(tar), str(sources),
        ])  # fmt: skip
        container = _run(["buildah", "from", "scratch"]).strip()
        try:
            _run(["buildah", "add", "--quiet", container, str(tar), "/"])
            _run(["buildah", "config", "--user", f"{names.USER_ID}:{names.USER_ID}", container])
            _run(["buildah", "commit", "--quiet", "--format", "docker", container, name])
        finally:
            _run(["buildah", "rm", container])


def _user_hook(arguments: Mapping[str, str]) -> str:
    user, shell, number = arguments["USER_NAME"], arguments["SHELL"], names.USER_ID
    return (
        f'chroot "$1" groupadd --gid {number} {user} && '
        f'chroot "$1" useradd --uid {number} --gid {number} --home-dir /workspace --no-create-home '
        f'--shell {shell} {user} && chroot "$1" install -d -o {number} -g {number} /workspace /data'
    )


def _write_sources(file: Path) -> str:
    """Write this machine's sources of Debian packages, without other vendors'; return the suite."""
    columns = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
    listed = _run(
        ["apt-get", "indextargets", "--format", columns, "Created-By: Packages", "Origin: Debian"]
    ).splitlines()
    sources = sorted({line for line in listed if line.count(" ") == 2})  # noqa: PLR2004 - three columns
    if not sources:
        raise ConfigError(
            "This machine knows no Debian package source. Run `apt-get update` on a Debian system."
        )
    file.write_text("".join(f"deb {line}\n" for line in sources), encoding="utf-8")
    return min((line.split()[1] for line in sources), key=len)


def _run(words: Sequence[str]) -> str:
    """Run a tool; what it said is shown only when it failed."""
    answer = subprocess.run(words, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        said = "\n".join((answer.stdout + answer.stderr).splitlines()[-40:])
        raise ConfigError(f"`{' '.join(words[:2])}` failed with exit code {answer.returncode}:\n{said}")
    return answer.stdout
