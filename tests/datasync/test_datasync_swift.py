"""The same rules on a real Swift. Skipped where Debian's Swift packages are not installed."""

import pytest

from ovh_spawner.contract.sync import SwiftSource, SyncState
from ovh_spawner.domain.volumes import Permission
from tests.support.requirements import need
from tests.support.swift_server import swift_is_installed, swift_server


@pytest.fixture(scope="module")
def swift(tmp_path_factory):
    need("swift", swift_is_installed(), "Debian's swift packages and memcached")
    with swift_server(tmp_path_factory.mktemp("swift")) as server:
        yield server


@pytest.fixture
def container(swift):
    def make(name: str, **changes: str) -> SwiftSource:
        values = {"alias": "GRA", "auth_url": swift.auth_url, "user": swift.user, "key": swift.key}
        return SwiftSource(container=name, auth_version=1, **(values | changes))

    return make


def test_a_swift_container_is_created_filled_changed_and_emptied(notebook, container):
    volume = notebook.volume(container("box"), Permission.RWD)
    notebook.pull(volume).done()
    data = notebook.home / "data"
    (data / "d").mkdir()
    for name in ("a", "b", "d/ü c"):
        (data / name).write_text(name)
    assert notebook.push(volume).done().completed == 3
    assert notebook.push(volume).done().completed == 0
    reader = notebook.volume(container("box"), Permission.RO, at="reader")
    assert notebook.pull(reader).done().completed == 3
    assert (notebook.home / "reader/d/ü c").read_text() == "d/ü c"
    assert notebook.pull(reader).done().completed == 0
    (data / "a").unlink()
    (data / "b").write_text("changed")
    pushed = notebook.push(volume).done()
    assert (pushed.completed, pushed.deleted) == (1, 1)
    again = notebook.volume(container("box"), Permission.RO, at="again")
    notebook.pull(again).done()
    assert sorted(path.name for path in (notebook.home / "again").rglob("*")) == ["b", "d", "ü c"]
    assert (notebook.home / "again/b").read_text() == "changed"


def test_a_missing_swift_container_is_not_found(notebook, container):
    result = notebook.pull(notebook.volume(container("nowhere"), Permission.RO))
    assert result.volume.state is SyncState.NOT_FOUND


def test_a_wrong_swift_key_is_said_to_be_wrong(notebook, container):
    result = notebook.pull(notebook.volume(container("box", key="wrong-key"), Permission.RO))
    assert result.volume.state is SyncState.INVALID_CREDENTIALS
    assert "wrong-key" not in result.stdout
