"""RO, RW and RWD exactly: what comes in, what goes out, what is deleted."""

import os
import time

import pytest

from ovh_spawner.contract.sync import EmptySource, FolderSource, SyncState
from ovh_spawner.domain.volumes import Permission

RO, RW, RWD = Permission.RO, Permission.RW, Permission.RWD


@pytest.fixture(params=[RO, RW, RWD])
def permission(request):
    return request.param


def test_a_pull_brings_every_object_with_its_folders(notebook, s3, bucket, permission):
    s3.put("bucket", "a.txt", "one")
    s3.put("bucket", "deep/er/ü b.txt", "two")
    s3.put("bucket", "empty", "")
    volume = notebook.pull(notebook.volume(bucket(), permission)).done()
    assert (notebook.home / "data/a.txt").read_text() == "one"
    assert (notebook.home / "data/deep/er/ü b.txt").read_text() == "two"
    assert (notebook.home / "data/empty").read_bytes() == b""
    assert (volume.completed, volume.total, volume.total_bytes, volume.transferred_bytes) == (3, 3, 6, 6)
    assert volume.info == "bucket@S3GRA"


def test_a_pull_overwrites_what_differs_and_deletes_nothing(notebook, s3, bucket, permission):
    s3.put("bucket", "a.txt", "from the store")
    volume = notebook.volume(bucket(), permission)
    notebook.pull(volume).done()
    local = notebook.home / "data/a.txt"
    local.unlink()
    local.write_text("edited locally")
    (notebook.home / "data/mine.txt").write_text("extra")
    notebook.pull(volume).done()
    assert local.read_text() == "from the store"
    assert (notebook.home / "data/mine.txt").read_text() == "extra"


def test_a_second_pull_moves_nothing(notebook, s3, bucket, permission):
    s3.put("bucket", "a.txt", "same")
    volume = notebook.volume(bucket(), permission)
    notebook.pull(volume).done()
    again = notebook.pull(volume).done()
    assert (again.completed, again.skipped, again.total_bytes) == (0, 1, 0)


def test_only_the_prefix_comes_and_goes_without_its_name(notebook, s3, bucket):
    s3.put("bucket", "in/side/a.txt", "a")
    s3.put("bucket", "out.txt", "b")
    volume = notebook.volume(bucket(prefix="in/side"), RWD)
    notebook.pull(volume).done()
    assert [p.name for p in (notebook.home / "data").iterdir()] == ["a.txt"]
    (notebook.home / "data/a.txt").rename(notebook.home / "data/b.txt")
    notebook.push(volume).done()
    assert s3.contents("bucket") == {"in/side/b.txt": b"a", "out.txt": b"b"}


def test_ro_files_cannot_be_written_and_are_never_pushed(notebook, s3, bucket):
    s3.put("bucket", "a.txt", "original")
    volume = notebook.volume(bucket(), RO)
    notebook.pull(volume).done()
    local = notebook.home / "data/a.txt"
    assert local.stat().st_mode & 0o222 == 0
    local.unlink()
    (notebook.home / "data/new.txt").write_text("new")
    notebook.push(volume).done()
    assert s3.contents("bucket") == {"a.txt": b"original"}


def test_a_pull_replaces_read_only_files(notebook, s3, bucket):
    s3.put("bucket", "a.txt", "old")
    volume = notebook.volume(bucket(), RO)
    notebook.pull(volume).done()
    s3.put("bucket", "a.txt", "newer")
    notebook.pull(volume).done()
    assert (notebook.home / "data/a.txt").read_text() == "newer"


def test_rw_pushes_changes_and_deletes_no_object(notebook, s3, bucket):
    for name in ("keep.txt", "edit.txt", "gone.txt"):
        s3.put("bucket", name, name)
    volume = notebook.volume(bucket(), RW)
    notebook.pull(volume).done()
    data = notebook.home / "data"
    (data / "edit.txt").write_text("edited")
    (data / "sub").mkdir()
    (data / "sub/new.txt").write_text("new")
    (data / "gone.txt").unlink()
    pushed = notebook.push(volume).done()
    assert (pushed.completed, pushed.skipped, pushed.deleted) == (2, 1, 0)
    assert s3.contents("bucket") == {
        "keep.txt": b"keep.txt",
        "edit.txt": b"edited",
        "gone.txt": b"gone.txt",
        "sub/new.txt": b"new",
    }
    notebook.pull(volume).done()
    assert (data / "gone.txt").read_text() == "gone.txt"
    assert (data / "edit.txt").read_text() == "edited"


def test_rwd_deletes_what_was_deleted_here(notebook, s3, bucket):
    for name in ("keep.txt", "d/gone.txt", "gone.txt"):
        s3.put("bucket", name, name)
    volume = notebook.volume(bucket(), RWD)
    notebook.pull(volume).done()
    (notebook.home / "data/gone.txt").unlink()
    (notebook.home / "data/d/gone.txt").unlink()
    pushed = notebook.push(volume).done()
    assert pushed.deleted == 2
    assert s3.list("bucket") == ["keep.txt"]


def test_rwd_deletes_more_objects_than_are_asked_for_one_by_one(notebook, s3, bucket):
    data = notebook.home / "data"
    data.mkdir()
    for number in range(100):
        (data / f"file {number}").write_text(str(number))
    volume = notebook.volume(bucket(), RWD)
    notebook.push(volume).done()
    s3.put("bucket", "foreign", "x")
    for number in range(90):
        (data / f"file {number}").unlink()
    assert notebook.push(volume).done().deleted == 90
    assert s3.list("bucket") == sorted(["foreign", *(f"file {n}" for n in range(90, 100))])


def test_rwd_keeps_objects_that_others_added_or_changed(notebook, s3, bucket):
    for name in ("theirs.txt", "gone.txt"):
        s3.put("bucket", name, "v1")
    volume = notebook.volume(bucket(), RWD)
    notebook.pull(volume).done()
    s3.put("bucket", "added.txt", "by another")
    s3.put("bucket", "theirs.txt", "v2")
    for name in ("theirs.txt", "gone.txt"):
        (notebook.home / "data" / name).unlink()
    pushed = notebook.push(volume).done()
    assert pushed.deleted == 1
    assert s3.contents("bucket") == {"added.txt": b"by another", "theirs.txt": b"v2"}
    assert pushed.skipped_files == [
        "theirs.txt: deleted here and changed in the data store since, where it stays"
    ]
    notebook.push(volume).done()
    assert s3.list("bucket") == ["added.txt", "theirs.txt"]


def test_rwd_without_a_manifest_deletes_nothing(notebook, s3, bucket):
    s3.put("bucket", "a.txt", "a")
    volume = notebook.volume(bucket(), RWD)
    notebook.pull(volume).done()
    notebook.manifest(volume).unlink()
    (notebook.home / "data/a.txt").unlink()
    assert notebook.push(volume).done().deleted == 0
    assert s3.list("bucket") == ["a.txt"]


@pytest.mark.parametrize("content", ["", "{}", '{"source": "elsewhere", "files": {}}'])
def test_rwd_with_a_damaged_or_foreign_manifest_deletes_nothing(notebook, s3, bucket, content):
    s3.put("bucket", "a.txt", "a")
    volume = notebook.volume(bucket(), RWD)
    notebook.pull(volume).done()
    notebook.manifest(volume).write_text(content)
    (notebook.home / "data/a.txt").unlink()
    assert notebook.push(volume).done().deleted == 0
    assert s3.list("bucket") == ["a.txt"]


def test_a_manifest_of_another_bucket_deletes_nothing(notebook, s3, bucket):
    s3.create_bucket("second")
    for name in ("bucket", "second"):
        s3.put(name, "a.txt", "a")
    volume = notebook.volume(bucket(), RWD)
    notebook.pull(volume).done()
    (notebook.home / "data/a.txt").unlink()
    moved = notebook.volume(bucket("second"), RWD, volume_id=volume.id)
    assert notebook.push(moved).done().deleted == 0
    assert s3.list("second") == ["a.txt"]


@pytest.mark.parametrize("permission", [RW, RWD])
def test_a_push_without_the_folder_is_an_error_and_deletes_nothing(notebook, s3, bucket, permission):
    s3.put("bucket", "a.txt", "a")
    volume = notebook.volume(bucket(), permission)
    notebook.pull(volume).done()
    (notebook.home / "data/a.txt").unlink()
    (notebook.home / "data").rmdir()
    result = notebook.push(volume)
    assert (result.code, result.volume.state, result.report.state) == (1, SyncState.ERROR, SyncState.ERROR)
    assert "/workspace/data is missing" in result.volume.message
    assert s3.list("bucket") == ["a.txt"]


@pytest.mark.parametrize("failures", [0, 6])
def test_a_folder_that_goes_while_its_push_is_under_way_deletes_nothing(
    notebook, odd_s3, odd_bucket, failures
):
    """A store that does not answer at first is tried again, with a new look at the folder."""
    odd_s3.objects["bucket"] = {"a": b"a", "b/c": b"c"}
    volume = notebook.volume(odd_bucket(), RWD)
    notebook.pull(volume).done()
    folder = notebook.home / "data"
    (folder / "a").unlink()
    odd_s3.failures_left = failures
    odd_s3.on_request = lambda *_: folder.exists() and folder.rename(notebook.home / "moved away")
    result = notebook.push(volume)

    assert (result.code, result.volume.state) == (1, SyncState.ERROR)
    assert "/workspace/data is missing" in result.volume.message
    assert set(odd_s3.objects["bucket"]) == {"a", "b/c"}


def test_a_failed_upload_deletes_nothing_and_keeps_the_manifest(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {"a": b"a"}
    volume = notebook.volume(odd_bucket(), RWD)
    notebook.pull(volume).done()
    before = notebook.manifest(volume).read_text()
    (notebook.home / "data/a").unlink()
    (notebook.home / "data/b").write_text("b")
    odd_s3.refuse_methods["PUT"] = (403, "AccessDenied")
    result = notebook.push(volume)
    assert (result.code, result.volume.state) == (1, SyncState.FORBIDDEN)
    assert "bucket@ODD" in result.volume.message
    assert "'b'" in result.volume.message
    assert list(odd_s3.objects["bucket"]) == ["a"]
    assert notebook.manifest(volume).read_text() == before
    odd_s3.refuse_methods.clear()
    assert notebook.push(volume).done().deleted == 1
    assert list(odd_s3.objects["bucket"]) == ["b"]


def test_a_file_unchanged_here_does_not_overwrite_a_newer_object(notebook, s3, bucket):
    s3.put("bucket", "a.txt", "v1")
    volume = notebook.volume(bucket(), RW)
    notebook.pull(volume).done()
    s3.put("bucket", "a.txt", "version 2")
    for _ in range(2):
        pushed = notebook.push(volume).done()
        assert "changed in the data store" in pushed.skipped_files[0]
        assert s3.get("bucket", "a.txt") == b"version 2"
    notebook.pull(volume).done()
    assert (notebook.home / "data/a.txt").read_text() == "version 2"


def test_an_object_that_others_deleted_is_uploaded_again(notebook, s3, bucket):
    s3.put("bucket", "a.txt", "a")
    volume = notebook.volume(bucket(), RW)
    notebook.pull(volume).done()
    s3.delete("bucket", "a.txt")
    notebook.push(volume).done()
    assert s3.contents("bucket") == {"a.txt": b"a"}


def test_a_change_of_equal_size_is_pushed(notebook, s3, bucket):
    s3.put("bucket", "a.txt", "1111")
    volume = notebook.volume(bucket(), RW)
    notebook.pull(volume).done()
    local = notebook.home / "data/a.txt"
    local.write_text("2222")
    notebook.push(volume).done()
    assert s3.get("bucket", "a.txt") == b"2222"


def test_a_push_without_changes_lists_once_and_uploads_nothing(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {f"f{number}": b"x" for number in range(50)}
    volume = notebook.volume(odd_bucket(), RWD)
    notebook.pull(volume).done()
    odd_s3.requests.clear()
    pushed = notebook.push(volume).done()
    assert (pushed.completed, pushed.skipped) == (0, 50)
    assert len(odd_s3.requests) == 1


def test_a_push_after_a_push_uploads_only_what_changed_since(notebook, s3, bucket):
    data = notebook.home / "data"
    data.mkdir()
    for name in ("a", "b"):
        (data / name).write_text(name)
    volume = notebook.volume(bucket(), RW)
    assert notebook.push(volume).done().completed == 2
    (data / "b").write_text("changed")
    pushed = notebook.push(volume).done()
    assert (pushed.completed, pushed.skipped) == (1, 1)
    pulled = notebook.pull(volume).done()
    assert pulled.completed == 0


@pytest.mark.parametrize("permission", [RW, RWD])
def test_a_missing_bucket_is_created_for_volumes_that_write(notebook, s3, bucket, permission):
    name = f"new-{permission.value.lower()}-{os.getpid()}-{time.monotonic_ns()}"
    volume = notebook.volume(bucket(name), permission)
    notebook.pull(volume).done()
    assert s3.list(name) == []
    (notebook.home / "data/a").write_text("a")
    notebook.push(volume).done()
    assert s3.contents(name) == {"a": b"a"}


def test_a_missing_bucket_is_created_by_the_push_alone(notebook, s3, bucket):
    name = f"pushed-{time.monotonic_ns()}"
    (notebook.home / "data").mkdir()
    (notebook.home / "data/a").write_text("a")
    notebook.push(notebook.volume(bucket(name, region="somewhere"), RW)).done()
    assert s3.contents(name) == {"a": b"a"}


def test_a_missing_bucket_of_a_read_only_volume_is_not_found(notebook, s3, bucket):
    result = notebook.pull(notebook.volume(bucket("nowhere"), RO))
    assert (result.code, result.volume.state) == (1, SyncState.NOT_FOUND)
    assert result.volume.message == (
        "nowhere@S3GRA: it does not exist in data store 'S3GRA'. "
        "Create it, or correct its name in the volume."
    )


def test_an_empty_volume_is_a_folder(notebook):
    volume = notebook.volume(EmptySource(), RW, at="some/scratch")
    notebook.pull(volume).done()
    assert (notebook.home / "some/scratch").is_dir()
    notebook.push(volume).done()


def test_a_folder_store_syncs_like_a_bucket(notebook, tmp_path):
    store = tmp_path / "store" / "set"
    store.mkdir(parents=True)
    (store / "a.txt").write_text("a")
    (store / "b.txt").write_text("b")
    (store / "link").symlink_to("a.txt")
    source = FolderSource(alias="LOCAL", root=str(tmp_path / "store"), container="set")
    volume = notebook.volume(source, RWD)
    pulled = notebook.pull(volume).done()
    assert pulled.skipped_files == ["link: it is no regular file in the data store"]
    (notebook.home / "data/a.txt").unlink()
    (notebook.home / "data/b.txt").write_text("changed")
    assert notebook.push(volume).done().deleted == 1
    assert sorted(p.name for p in store.iterdir()) == ["b.txt", "link"]
    assert (store / "b.txt").read_text() == "changed"


def test_a_folder_store_does_not_lead_out_of_its_folder(notebook, tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store/out").symlink_to("/etc")
    for container, state in (("..", SyncState.FAILED), ("out", SyncState.FORBIDDEN)):
        source = FolderSource(alias="LOCAL", root=str(tmp_path / "store"), container=container)
        assert notebook.pull(notebook.volume(source, RO)).volume.state is state
