"""Files and folders whose modes keep the sync out. It has the rights of an ordinary account here, also in CI."""

import pytest

from ovh_spawner.contract.sync import SyncState
from ovh_spawner.domain.volumes import Permission
from tests.support.ordinary_rights import may_read, need_ordinary_rights

RW, RWD = Permission.RW, Permission.RWD


@pytest.fixture(autouse=True)
def _modes_count():
    need_ordinary_rights()


def test_a_program_with_ordinary_rights_reads_no_file_that_its_mode_closes(tmp_path):
    closed, open_file = tmp_path / "closed", tmp_path / "open"
    closed.touch(mode=0)
    open_file.touch(mode=0o600)

    assert [may_read(closed), may_read(open_file)] == [False, True]


@pytest.mark.parametrize("at", ["data", "data/sub"])
def test_a_folder_that_may_not_be_written_fails_the_pull_and_is_named(notebook, s3, bucket, at):
    s3.put("bucket", "a", "a")
    s3.put("bucket", "sub/b", "b")
    folder = notebook.home / at
    folder.mkdir(parents=True)
    folder.chmod(0o500)

    result = notebook.pull(notebook.volume(bucket(), RW), options=("--tries", "1"))
    folder.chmod(0o700)

    assert result.code == 1
    assert result.volume.state is not SyncState.DONE
    assert "permission denied" in result.volume.message.lower()
    notebook.pull(notebook.volume(bucket(), RW)).done()


def test_a_home_that_may_not_be_written_is_said(notebook, s3, bucket):
    notebook.home.chmod(0o500)
    result = notebook.pull(notebook.volume(bucket(), RW))
    notebook.home.chmod(0o700)

    assert (result.code, result.volume.state) == (1, SyncState.ERROR)
    assert "/workspace/data: its folder cannot be used (Permission denied)" in result.volume.message


def test_a_folder_that_may_not_be_looked_into_hides_no_deletion(notebook, s3, bucket):
    for name in ("keep/a", "b"):
        s3.put("bucket", name, name)
    volume = notebook.volume(bucket(), RWD)
    notebook.pull(volume).done()
    (notebook.home / "data/b").unlink()
    (notebook.home / "data/keep").chmod(0o600)  # its names can be read, and nothing of them

    result = notebook.push(volume)
    (notebook.home / "data/keep").chmod(0o700)

    assert (result.code, result.volume.state) == (1, SyncState.FAILED), result.volume
    assert "cannot be read" in result.volume.message
    assert s3.list("bucket") == ["b", "keep/a"], "nothing was deleted"
    assert notebook.push(volume).done().deleted == 1
