import subprocess
from pathlib import Path

from ovh_spawner.hub.editor import EditorPlace, build_editor
from tests.support.fake_hub import fake_editor


def test_a_home_inside_a_checkout_is_no_part_of_its_repository(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    workspace = tmp_path / "notebooks" / "workspace"
    (workspace / "code").mkdir(parents=True)
    place = EditorPlace(
        run="run",
        prefix="/user/ada/nb/",
        workspace=workspace,
        socket_folder=tmp_path,
        framework_folder=Path("/nowhere"),
        program=Path("/nowhere/code"),
        user="ada",
        shell="/bin/sh",
    )

    editor = build_editor(fake_editor(), place, {}, hub_environment={})

    for folder in (workspace, workspace / "code"):
        environment = editor.environment | {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        found = subprocess.run(
            ["git", "rev-parse"], cwd=folder, env=environment, capture_output=True, check=False
        )
        assert found.returncode != 0
