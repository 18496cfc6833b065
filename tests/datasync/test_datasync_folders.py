"""Empty folders, and names at the limits: they go both ways or are named."""

import os
import shutil

import pytest

from ovh_spawner.contract.sync import FolderSource
from ovh_spawner.domain.volumes import Permission
from tests.support.pushed_files import write

RW, RWD = Permission.RW, Permission.RWD


def test_empty_folders_come_and_what_cannot_go_is_named(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {
        "p/": b"",
        "p/dir/": b"",
        "p/a/b/": b"",
        "p/f/": b"",
        "p/f/g": b"x",
        "p/n\nl/": b"",
    }
    volume = notebook.volume(odd_bucket().model_copy(update={"prefix": "p"}), RW)
    pulled = notebook.pull(volume).done()
    data = notebook.home / "data"

    assert pulled.skipped_files == []
    assert {str(p.relative_to(data)) for p in data.rglob("*") if p.is_dir()} == {
        "dir",
        "a",
        "a/b",
        "f",
        "n\nl",
    }
    (data / "mine/inner").mkdir(parents=True)
    pushed = notebook.push(volume).done()
    assert pushed.skipped_files == ["mine/inner/: an empty folder; only files are uploaded"]
    assert notebook.pull(volume).done().completed == 0


def test_an_object_goes_before_an_empty_folder_of_its_name(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {"a": b"file", "a/": b"", "b": b"file", "b/c/": b""}
    pulled = notebook.pull(notebook.volume(odd_bucket(), RW)).done()

    assert pulled.skipped_files == ["a/: 'a' is a file", "b/c/: 'b' is a file"]
    assert (notebook.home / "data/a").read_bytes() == (notebook.home / "data/b").read_bytes() == b"file"


STAYS = "no such folder here; the data store keeps it on its own, and only files are deleted there"


def test_a_folder_that_is_an_object_stays_when_it_is_deleted_here_and_is_named(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {
        "d/": b"",
        "d/x": b"x",
        "e/": b"",
        "plain/y": b"y",
        "kept/": b"",
        "k/": b"content",
    }
    volume = notebook.volume(odd_bucket(), RWD)
    named = "k/: its name has an empty, '.' or '..' part, which no file can have"
    assert notebook.pull(volume).done().skipped_files == [named]
    for name in ("d", "e", "plain"):
        shutil.rmtree(notebook.home / "data" / name)

    pushed = notebook.push(volume).done()

    assert pushed.deleted == 2
    assert pushed.skipped_files == [f"d/: {STAYS}", f"e/: {STAYS}"]
    assert sorted(odd_s3.objects["bucket"]) == ["d/", "e/", "k/", "kept/"]


@pytest.mark.parametrize("permission", [RW, RWD])
def test_folders_of_a_folder_store_that_stay_or_do_not_go_are_named(notebook, tmp_path, permission):
    store = tmp_path / "store/set"
    (store / "d").mkdir(parents=True)
    (store / "d/x").write_text("x")
    (store / "empty").mkdir()
    source = FolderSource(alias="LOCAL", root=str(tmp_path / "store"), container="set")
    volume = notebook.volume(source, permission)
    notebook.pull(volume).done()
    shutil.rmtree(notebook.home / "data/d")
    (notebook.home / "data/mine").mkdir()

    pushed = notebook.push(volume).done()

    mine = "mine/: an empty folder; only files are uploaded"
    assert pushed.skipped_files == ([f"d/: {STAYS}", mine] if permission is RWD else [mine])
    assert sorted(path.name for path in store.iterdir()) == ["d", "empty"]


def test_hostile_empty_folders_are_named_and_not_made(notebook, odd_s3, odd_bucket):
    hostile = ["../up/", "../", "./", "/", "c//", "d/../", "link/x/", "file/", "file/y/"]
    outside = notebook.root / "outside"
    outside.mkdir()
    data = notebook.home / "data"
    data.mkdir()
    (data / "link").symlink_to(outside)
    odd_s3.objects["bucket"] = {**dict.fromkeys(hostile, b""), "file": b"text"}
    (data / "file").write_text("old")
    pulled = notebook.pull(notebook.volume(odd_bucket(), RW)).done()

    # Two of them are only the beginning of another one.
    assert len(pulled.skipped_files) == len(hostile) - 2, pulled.skipped_files
    assert sorted(path.name for path in data.iterdir()) == ["file", "link"]
    assert list(outside.iterdir()) == []
    assert sorted(path.name for path in notebook.root.iterdir() if path.is_dir()) == [
        "outside",
        "sync",
        "workspace",
    ]


def test_names_at_the_limits_go_both_ways(notebook, odd_s3, odd_bucket):
    names = ["x" * 255, "ü" * 127, "line\nfeed", "Case", "case", "CASE/a", "d" * 255 + "/" + "e" * 255]
    write(notebook, {name: name.encode() for name in names})
    (notebook.home / "data" / os.fsdecode(b"\xff\xfe")).write_text("x")
    volume = notebook.volume(odd_bucket(), RWD)
    pushed = notebook.push(volume).done()

    assert odd_s3.objects["bucket"] == {name: name.encode() for name in names}
    assert pushed.skipped_files == ["\\udcff\\udcfe: its name is not valid UTF-8"]
    for name in names:
        odd_s3.objects["bucket"][name] = f"newer {name}".encode()
    notebook.pull(volume).done()
    assert {(notebook.home / "data" / name).read_text() for name in names} == {
        f"newer {name}" for name in names
    }
