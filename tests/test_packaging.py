"""What a user installs: the wheel has its data, and the names that JupyterHub looks up are there."""

import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distributions, entry_points
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

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


def test_every_pinned_version_runs_on_the_oldest_python_that_we_promise():
    pins = dict(
        line.split("==")
        for line in (CHECKOUT / "constraints" / "run.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    oldest = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["requires-python"]
    oldest = f"{oldest.removeprefix('>=')}.0"
    too_new = [
        f"{each.name} {each.version}: Python {each.metadata['Requires-Python']}"
        for each in distributions()
        if pins.get(each.name) == each.version
        and not SpecifierSet(each.metadata["Requires-Python"] or "").contains(oldest)
    ]

    assert too_new == []
