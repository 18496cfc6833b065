"""What a user installs: the wheel has its data, and the names that JupyterHub looks up are there."""

import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
    )
    with zipfile.ZipFile(next(target.glob("*.whl"))) as archive:
        yield archive


def test_the_wheel_has_every_file_of_the_package(wheel):
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "ovh_spawner"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    missing = set(tracked) - set(wheel.namelist())

    assert missing == set()


@pytest.mark.parametrize(
    ("group", "name"), [("jupyterhub.spawners", "ovh-local"), ("jupyterhub.authenticators", "ovh")]
)
def test_jupyterhub_finds_our_classes_by_name(group, name):
    (found,) = entry_points(group=group, name=name)

    assert found.load().__module__.startswith("ovh_spawner.hub.")
