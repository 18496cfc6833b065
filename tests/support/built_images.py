"""Built container images, run as their own unprivileged user in a throw-away container, without a cluster."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from images.buildah import stored_name
from images.content import default_cache, find_contexts, keys_of
from images.plan import PLAIN, plan
from ovh_spawner.catalog.loader import load_catalog
from ovh_spawner.settings_kubernetes import ImageSettings
from tests.support.requirements import need


def stored(name: str) -> str:
    """Return the name in buildah's store of the image of a recipe; skip the test where it was not built."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    need("images", is_root and shutil.which("buildah"), "buildah, and root")
    recipes = plan(load_catalog({}, region="GRA"), ImageSettings(), installer=PLAIN)
    (recipe,) = [each for each in recipes if each.name == name]
    found = stored_name(recipe, keys_of(recipes, find_contexts(default_cache()))[name])
    there = subprocess.run(["buildah", "inspect", "--type", "image", found], capture_output=True, check=False)
    need("images", there.returncode == 0, f"make test-images builds {name} first")
    return found


def configuration(image: str) -> dict:
    """Return what the image says of itself: user, environment, labels."""
    answer = subprocess.run(
        ["buildah", "inspect", "--type", "image", image], capture_output=True, text=True, check=True
    )
    return json.loads(answer.stdout)["Docker"]["config"]


@dataclass(frozen=True)
class Container:
    """A container of an image; what it writes goes with it."""

    name: str

    def run(self, *words: str, mounts: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
        """Run a program as the image's own user."""
        options = [option for mount in mounts for option in ("--volume", mount)]
        command = ["buildah", "run", "--isolation", "chroot", *options, self.name, "--", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)

    def says(self, *words: str, mounts: tuple[str, ...] = ()) -> str:
        """Run a program that has to succeed; return what it said."""
        answer = self.run(*words, mounts=mounts)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout.strip()


@contextmanager
def container_of(name: str) -> Iterator[Container]:
    """Make a container of a recipe's image, and remove it."""
    image = stored(name)
    made = subprocess.run(
        ["buildah", "from", "--pull-never", image], capture_output=True, text=True, check=True
    ).stdout.strip()
    try:
        yield Container(made)
    finally:
        subprocess.run(["buildah", "rm", made], capture_output=True, check=False)
