"""Hostile and odd names: nothing leaves the volume, nothing is left out in silence."""

import os
import stat
from pathlib import Path

import pytest

from ovh_spawner.contract.sync import EmptySource, SyncDirection, SyncState
from ovh_spawner.datasync.names import file_problem, object_problem, show, spell, unspell
from ovh_spawner.domain.volumes import Permission
from tests.support.ordinary_rights import need_ordinary_rights

RO, RW, RWD = Permission.RO, Permission.RW, Permission.RWD

HOSTILE = [
    "../x",
    "../../up",
    "/absolute",
    "a//b",
    "dir/",
    "dirs/./y",
    "d/../z",
    ".",
    "..",
    "‛quoted",
    "nu\0l",
]
HARMLESS = [
    "ok",
    " lead",
    "sp ace ",
    "per%41cent",
    "plus+x",
    "back\\slash",
    "tab\tx",
    "line\nfeed",
    "cr\r",
    "-dash",
]
HARMLESS += ["#hash", ";semi", "'quote\"", "ünï", "u\u0308", "*star?[x]", "{a,b}", "~", "ctl\x01x", "…"]


def files_below(folder):
    return {
        str((Path(above) / name).relative_to(folder)) for above, _, names in os.walk(folder) for name in names
    }


def test_hostile_objects_stay_out_and_are_named(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {name: name.encode() for name in [*HOSTILE, "ok"]}
    pulled = notebook.pull(notebook.volume(odd_bucket(), RW)).done()
    assert files_below(notebook.home) == {"data/ok"}
    assert not (notebook.root / "x").exists()
    assert len(pulled.skipped_files) == len(HOSTILE)
    assert "../x: its name has an empty, '.' or '..' part, which no file can have" in pulled.skipped_files
    assert (pulled.total, pulled.skipped, pulled.completed) == (len(HOSTILE) + 1, len(HOSTILE), 1)


def test_odd_but_possible_names_go_both_ways(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {name: name.encode() for name in HARMLESS}
    volume = notebook.volume(odd_bucket(), RWD)
    pulled = notebook.pull(volume).done()
    assert pulled.skipped_files == []
    assert {name: (notebook.home / "data" / name).read_bytes() for name in HARMLESS} == {
        name: name.encode() for name in HARMLESS
    }
    for name in HARMLESS[::2]:
        (notebook.home / "data" / name).write_bytes(f"changed {name}".encode())
    for name in HARMLESS[1::2]:
        (notebook.home / "data" / name).unlink()
    pushed = notebook.push(volume).done()
    assert pushed.skipped_files == []
    assert odd_s3.objects["bucket"] == {name: f"changed {name}".encode() for name in HARMLESS[::2]}


def test_an_object_that_is_also_a_folder_is_named(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {"a": b"file", "a/b": b"below"}
    pulled = notebook.pull(notebook.volume(odd_bucket(), RW)).done()
    assert pulled.skipped_files == ["a: a folder has the same name"]
    assert (notebook.home / "data/a/b").read_text() == "below"


@pytest.mark.parametrize("permission", [RO, RW, RWD])
def test_a_pull_never_writes_through_a_link(notebook, s3, bucket, permission):
    outside = notebook.root / "outside"
    outside.mkdir()
    (outside / "target").write_text("untouched")
    data = notebook.home / "data"
    data.mkdir()
    (data / "folder").symlink_to(outside)
    (data / "file").symlink_to(outside / "target")
    for name in ("folder/x", "file", "ok"):
        s3.put("bucket", name, "from the store")
    pulled = notebook.pull(notebook.volume(bucket(), permission)).done()
    assert files_below(outside) == {"target"}
    assert (outside / "target").read_text() == "untouched"
    assert pulled.skipped_files == [
        "file: a symbolic link is in its place",
        "folder/x: a symbolic link is in the place of its folder",
    ]


def test_a_volume_that_became_a_link_is_refused(notebook, s3, bucket):
    outside = notebook.root / "outside"
    outside.mkdir()
    s3.put("bucket", "x", "x")
    for at, link in (("data", "data"), ("deep/data", "deep")):
        (notebook.home / link).symlink_to(outside)
        for sync in (notebook.pull, notebook.push):
            result = sync(notebook.volume(bucket(), RW, at=at))
            assert result.volume.state is SyncState.FAILED
            assert f"{link} is a symbolic link" in result.volume.message
    assert files_below(outside) == set()


def test_what_is_no_file_is_named_and_not_pushed(notebook, s3, bucket):
    data = notebook.home / "data"
    (data / "folder").mkdir(parents=True)
    (data / "file").write_text("file")
    (data / "inside").symlink_to("file")
    (data / "outside").symlink_to("/etc/hostname")
    (data / "dangling").symlink_to("nowhere")
    (data / "linked").symlink_to(data / "folder")
    os.mkfifo(data / "pipe")
    os.mknod(data / "socket", stat.S_IFSOCK | 0o600)
    pushed = notebook.push(notebook.volume(bucket(), RW)).done()
    assert pushed.skipped_files == [
        "dangling: a symbolic link",
        "folder/: an empty folder; only files are uploaded",
        "inside: a symbolic link",
        "linked: a symbolic link",
        "outside: a symbolic link",
        "pipe: a named pipe",
        "socket: a socket",
    ]
    assert s3.list("bucket") == ["file"]


def test_a_folder_that_became_a_link_deletes_nothing(notebook, s3, bucket):
    s3.put("bucket", "d/a", "a")
    s3.put("bucket", "f", "f")
    volume = notebook.volume(bucket(), RWD)
    notebook.pull(volume).done()
    data = notebook.home / "data"
    (data / "d").rename(notebook.root / "elsewhere")
    (data / "d").symlink_to(notebook.root / "elsewhere")
    (data / "f").unlink()
    (data / "f").symlink_to("d")
    assert notebook.push(volume).done().deleted == 0
    assert s3.list("bucket") == ["d/a", "f"]


def test_names_that_no_object_can_have_are_named(notebook, s3, bucket):
    data = notebook.home / "data"
    data.mkdir()
    (data / "fine").write_text("x")
    (data / os.fsdecode(b"not-\xff-utf8")).write_text("x")
    (data / "‛odd").write_text("x")
    pushed = notebook.push(notebook.volume(bucket(), RW)).done()
    assert pushed.skipped_files == [
        "not-\\udcff-utf8: its name is not valid UTF-8",
        "‛odd: its name holds characters that cannot be carried",
    ]
    assert s3.list("bucket") == ["fine"]


def test_an_unreadable_file_fails_the_push_and_deletes_nothing(notebook, s3, bucket):
    need_ordinary_rights()
    for name in ("gone", "secret/inside"):
        s3.put("bucket", name, "x")
    volume = notebook.volume(bucket(), RWD)
    notebook.pull(volume).done()
    data = notebook.home / "data"
    (data / "gone").unlink()
    (data / "b").touch(mode=0)
    (data / "new").write_text("new")
    (data / "secret").chmod(0)
    job = notebook.job(SyncDirection.PUSH, volume)
    result = notebook.finish(notebook.start(job), job)
    (data / "secret").chmod(0o700)
    assert result.volume.state is SyncState.FAILED
    assert "2 of its files or folders cannot be read, first 'b' (permission denied)" in result.volume.message
    assert s3.list("bucket") == ["gone", "new", "secret/inside"]


def test_more_than_a_hundred_names_end_in_a_count(notebook, s3, bucket):
    data = notebook.home / "data"
    data.mkdir()
    for number in range(130):
        (data / f"link{number:03}").symlink_to("nowhere")
    pushed = notebook.push(notebook.volume(bucket(), RW)).done()
    assert len(pushed.skipped_files) == 101
    assert pushed.skipped_files[-1] == "and 30 more"
    assert pushed.skipped == 130


def test_a_volume_in_a_volume_is_its_own(notebook, s3, bucket):
    s3.put("bucket", "a", "a")
    s3.put("bucket", "inner/b", "b")
    outer = notebook.volume(bucket(), RWD)
    inner = notebook.volume(EmptySource(), RW, at="data/inner")
    pulled = notebook.pull(outer, inner)
    assert pulled.report.volumes[0].skipped_files == ["inner/b: another volume is in its place"]
    (notebook.home / "data/inner/mine").write_text("mine")
    assert notebook.push(outer, inner).code == 0
    assert s3.list("bucket") == ["a", "inner/b"]


def test_unfinished_downloads_are_removed_by_a_pull_and_not_pushed(notebook, s3, bucket):
    data = notebook.home / "data"
    data.mkdir()
    (data / "big.0123abcd.ovh-part").write_text("half")
    volume = notebook.volume(bucket(), RW)
    assert notebook.push(volume).done().skipped_files == ["big.0123abcd.ovh-part: an unfinished download"]
    notebook.pull(volume).done()
    assert list(data.iterdir()) == []


@pytest.mark.parametrize("name", HARMLESS)
def test_a_name_survives_rclones_spelling(name):
    assert unspell(spell(name)) == name
    assert file_problem(name) == ""
    assert object_problem(spell(name)) == ""


def test_names_are_shown_without_control_characters():
    assert show("a\nb\x1b[31m") == "a\\nb\\x1b[31m"


def test_parts_and_paths_have_a_longest_name():
    assert "longer" in object_problem("x" * 256)
    assert "longer" in file_problem("/".join(["x" * 200] * 6))
