"""The conda stage, with a small channel in a folder: the same Dockerfile and installer that a real channel meets."""

import subprocess

import pytest

from images.buildah import CA_BUNDLE
from images.plan import FOLDER
from ovh_spawner.pod import images
from tests.support.built_images import Container, configuration, stored
from tests.support.conda_channel import write_channel

pytestmark = [pytest.mark.images, pytest.mark.timeout(900)]

NAME = "localhost/ovh-spawner-test/conda-stage:test"


@pytest.fixture(scope="module")
def conda_stage(tmp_path_factory):
    channel = tmp_path_factory.mktemp("channel")
    write_channel(channel, {"python": "3.11", "conda": "25.1", "pip": "25.0", "cuda-toolkit": "11.8.0"})
    arguments = {
        "ROOT": stored("root"),
        "INSTALLER": "conda",
        "PYTHON": "3.11",
        "FOLDER": images.FRAMEWORK_FOLDER,
        "CONDA_CHANNELS": "file:///channel",
        "CONDA_PACKAGES": "cuda-toolkit=11.8.0",
        "USER_ID": str(images.USER_ID),
    }
    words = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
    if CA_BUNDLE.exists():
        words += ["--volume", f"{CA_BUNDLE}:{CA_BUNDLE}:ro"]
    command = ["buildah", "bud", "--isolation", "chroot", "--format", "docker", "--pull-never", *words]
    command += ["--volume", f"{channel}:/channel:ro", "--tag", NAME, str(FOLDER / "environment")]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    made = subprocess.run(
        ["buildah", "from", "--pull-never", NAME], capture_output=True, text=True, check=True
    )
    try:
        yield Container(made.stdout.strip())
    finally:
        subprocess.run(["buildah", "rm", made.stdout.strip()], capture_output=True, check=False)
        subprocess.run(["buildah", "rmi", NAME], capture_output=True, check=False)


def test_the_packages_of_the_channel_are_in_the_frameworks_folder(conda_stage):
    assert conda_stage.says("cat", f"{images.FRAMEWORK_FOLDER}/share/cuda-toolkit") == "cuda-toolkit 11.8.0"
    assert "conda-25.1" in conda_stage.says("ls", f"{images.FRAMEWORK_FOLDER}/conda-meta")


def test_the_image_says_that_conda_made_it(conda_stage):
    assert configuration(NAME)["Labels"]["ovh-spawner.installer"] == "conda"


def test_the_installer_is_gone(conda_stage):
    assert conda_stage.run("ls", "/tmp/installer").returncode != 0
