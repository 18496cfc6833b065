"""A full disk: at a pull, at a push, and where the sync keeps its own files."""

import os
import subprocess

import pytest

from ovh_spawner.contract.sync import SyncState
from ovh_spawner.domain.volumes import Permission
from tests.support.pushed_files import KIBIBYTE, assert_finished, assert_nothing_lost, local, write

RW, RWD = Permission.RW, Permission.RWD
MEBIBYTE = KIBIBYTE**2


@pytest.fixture
def small_disk(notebook):
    """Mount 4 MiB over a folder."""
    mounted = []

    def mount(folder) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0755", "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("only root may mount a small disk")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_during_a_pull_is_told_and_keeps_what_there_was(
    notebook, odd_s3, odd_bucket, small_disk
):
    small_disk(notebook.home / "data")
    write(notebook, {"mine": b"mine", "big": b"old"})
    odd_s3.objects["bucket"] = {"big": b"x" * 3 * MEBIBYTE, "bigger": b"y" * 3 * MEBIBYTE}
    volume = notebook.volume(odd_bucket(), RWD)

    result = notebook.pull(volume)

    assert (result.code, result.volume.state) == (1, SyncState.FAILED), result.volume.message
    assert "the disk is full" in result.volume.message
    found = local(notebook)
    assert found.pop("mine") == b"mine"
    assert found.get("big") in {b"old", odd_s3.objects["bucket"]["big"]}
    assert not notebook.manifest(volume).exists()
    del odd_s3.objects["bucket"]["bigger"]
    (notebook.home / "data/bigger").unlink(missing_ok=True)
    notebook.pull(volume).done()
    assert local(notebook) == {"mine": b"mine", **odd_s3.objects["bucket"]}


def test_a_push_works_from_a_full_disk(notebook, odd_s3, odd_bucket, small_disk):
    small_disk(notebook.home / "data")
    fill(notebook.home / "data/all")
    volume = notebook.volume(odd_bucket(), RW)

    notebook.push(volume).done()

    assert len(odd_s3.objects["bucket"]["all"]) > 3 * MEBIBYTE


def fill(path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 65_536)
        except OSError:
            return


def test_no_room_for_the_manifest_fails_the_push_and_deletes_nothing_later(
    notebook, odd_s3, started, small_disk
):
    old = notebook.manifest(started).read_bytes()
    small_disk(notebook.state)
    (notebook.state / "manifests").mkdir()
    notebook.manifest(started).write_bytes(old)
    fill(notebook.state / "filler")

    result = notebook.push(started)

    assert result.code == 1
    assert "No space left on device" in (result.volume.message if result.report else result.stderr)
    assert "Traceback" not in result.stderr
    (notebook.state / "filler").unlink()
    assert notebook.manifest(started).read_bytes() == old
    assert_nothing_lost(notebook, odd_s3)
    assert_finished(notebook, odd_s3, started)
