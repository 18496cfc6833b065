"""The plan of the images follows the catalog, and says what a machine without conda cannot build."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from images.content import key_of, requirements, write_context
from images.plan import CONDA, FOLDER, PLAIN, plan, with_parents
from images.versions import read_versions
from ovh_spawner.catalog.loader import load_catalog
from ovh_spawner.pod.images import notebook_image
from ovh_spawner.settings_kubernetes import ImageSettings

CHECKOUT = Path(__file__).parents[2]
IMAGES = ImageSettings(repository="registry.example.org/notebooks", tag="test")


@pytest.fixture(scope="module")
def catalog():
    return load_catalog({}, region="GRA")


@pytest.fixture(scope="module")
def recipes(catalog):
    return plan(catalog, IMAGES, installer=CONDA)


def test_every_notebook_that_can_be_asked_for_has_an_image(catalog, recipes):
    wanted = {
        notebook_image(IMAGES, editor=editor.id, framework=framework.id, version=version)
        for framework in catalog.frameworks
        for version in framework.versions
        for editor in catalog.editors
        if editor.id not in framework.incompatible_editors
    }

    assert wanted <= {recipe.image for recipe in recipes}


def test_every_version_of_the_catalog_pins_what_it_promises(catalog):
    for framework in catalog.frameworks:
        versions = read_versions(FOLDER / "frameworks" / framework.id)
        assert set(versions) == set(framework.versions)
        for name, pins in versions.items():
            assert f"py{pins.python.replace('.', '')}" in name
            assert any(pin.startswith("ipykernel==") for pin in pins.pip)


def test_every_parent_comes_before_what_is_built_on_it(recipes):
    seen = set()
    for recipe in recipes:
        assert set(recipe.parents.values()) <= seen
        seen.add(recipe.name)


def test_every_folder_has_its_dockerfile(recipes):
    for recipe in recipes:
        assert (recipe.folder / "Dockerfile").exists() or recipe.name == "root"


def test_every_argument_of_a_dockerfile_is_given(recipes):
    for recipe in recipes:
        if recipe.name == "root":
            continue
        text = (recipe.folder / "Dockerfile").read_text()
        asked = {line.split()[1] for line in text.splitlines() if line.startswith("ARG ")}
        assert asked - {*recipe.arguments, *recipe.parents, "USER_ID"} == set(), recipe.name
        assert {*recipe.arguments, *recipe.parents} - asked == set(), recipe.name


def test_every_file_that_a_dockerfile_copies_is_there(recipes, tmp_path):
    wheel = tmp_path / "ovh_spawner-0-py3-none-any.whl"
    wheel.touch()
    for number, recipe in enumerate(recipes):
        if recipe.name == "root":
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        write_context(recipe, folder, wheel=wheel)
        for line in (recipe.folder / "Dockerfile").read_text().splitlines():
            if line.startswith("COPY ") and "--from" not in line:
                missing = [name for name in line.split()[1:-1] if not (folder / name).exists()]
                assert missing == [], f"{recipe.name}: {line}"


def test_without_conda_only_plain_python_is_built_and_the_rest_says_why(catalog):
    recipes = {recipe.name: recipe for recipe in plan(catalog, IMAGES, installer=PLAIN)}

    assert recipes["jupyterlab-conda:conda-py311-cpu"].obstacle == ""
    assert "3.10" in recipes["conda:conda-py310-cpu"].obstacle
    assert "cuda-toolkit" in recipes["vscode-conda:conda-py311-cudaDevel11.8"].obstacle


def test_an_operators_framework_without_a_folder_is_named(catalog):
    overrides = {"frameworks": {"ours": {"name": "Ours", "versions": ["ours1"]}}}
    changed = load_catalog(overrides, region="GRA")

    with pytest.raises(LookupError, match="images/frameworks/ours"):
        plan(changed, IMAGES, installer=CONDA)


def test_a_wanted_image_brings_what_it_stands_on(recipes):
    names = [recipe.name for recipe in with_parents(recipes, ["gateway"])]

    assert names == ["root", "gateway"]
    with pytest.raises(LookupError, match="No image is called"):
        with_parents(recipes, ["nothing"])


def test_a_key_follows_the_content(recipes, tmp_path):
    (gateway,) = [recipe for recipe in recipes if recipe.name == "gateway"]
    before = key_of(gateway, {"BASE": "one"}, {})

    assert key_of(gateway, {"BASE": "one"}, {}) == before
    assert key_of(gateway, {"BASE": "two"}, {}) != before


def test_the_needs_of_a_program_are_those_that_the_project_declares():
    assert "aiohttp>=3.12" in requirements("ovh-spawner[gateway]\npycurl==1\n").splitlines()
    assert "pycurl==1" in requirements("ovh-spawner[gateway]\npycurl==1\n").splitlines()


def test_the_list_is_json_with_a_place_for_each_archive(tmp_path):
    answer = subprocess.run(
        [sys.executable, "-m", "images", "--list", "--installer", "plain", "--cache", str(tmp_path)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    listed = json.loads(answer.stdout)

    assert {entry["name"] for entry in listed} >= {"datasync", "gateway", "hub", "service"}
    assert all(entry["archive"].startswith(str(tmp_path)) and not entry["built"] for entry in listed)
