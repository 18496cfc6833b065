"""Names, paths and images: short enough, the same for everyone who asks."""

import re
from uuid import UUID

import pytest

from ovh_spawner.pod import images, names, paths
from ovh_spawner.settings_kubernetes import ImageSettings
from tests.pod.building import CATALOG, NOTEBOOK, RUN, SYNC

NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
REPOSITORY = re.compile(r"[a-z0-9]+([._-]+[a-z0-9]+)*")


def test_every_name_is_one_that_every_kind_of_object_may_have():
    found = [
        names.pod_name(NOTEBOOK),
        names.claim_name(NOTEBOOK),
        names.run_secret_name(RUN),
        names.environment_secret_name(RUN),
        names.run_policy_name(RUN),
        names.sync_name(SYNC),
    ]

    assert all(len(name) <= 63 and NAME.fullmatch(name) for name in found)


def test_a_notebook_has_one_pod_name_and_runs_have_secrets_of_their_own():
    assert names.pod_name(NOTEBOOK) == f"nb-{NOTEBOOK}"
    assert names.run_secret_name(UUID(int=1)) != names.run_secret_name(UUID(int=2))


@pytest.mark.parametrize(
    ("mount_path", "folder"),
    [
        ("/workspace/data", "home/data"),
        ("/workspace/a/b", "home/a/b"),
        ("/workspaces", "volumes/a3dc488b8b45f907"),
        ("/data", "volumes/bd47413b5c03dfc6"),
    ],
)
def test_a_volume_has_a_folder_in_the_claim(mount_path, folder):
    assert paths.claim_folder(mount_path) == folder
    assert paths.claim_path(mount_path) == f"/claim/{folder}"


def test_every_image_of_the_catalog_has_a_name_that_registries_take():
    settings = ImageSettings(repository="images.test/ai", tag="x" * 40)
    for editor in CATALOG.editors:
        for framework in CATALOG.frameworks:
            for version in framework.versions:
                image = images.notebook_image(
                    settings, editor=editor.id, framework=framework.id, version=version
                )
                name, tag = image.removeprefix("images.test/ai/").split(":")
                assert REPOSITORY.fullmatch(name)
                assert TAG.fullmatch(tag)


def test_images_without_a_tag_of_their_own_have_the_programs_version():
    assert images.program_image(ImageSettings(), images.GATEWAY) == "localhost/ovh-spawner/gateway:0.1.0"
