"""The same rules on a real Ceph Object Gateway, by S3 and by Swift. Skipped where Debian's packages are missing."""

import pytest

from ovh_spawner.contract.sync import S3Source, SwiftSource, SyncState
from ovh_spawner.domain.volumes import Permission
from tests.datasync.container_life import check_the_life_of_a_container
from tests.support.radosgw import radosgw, radosgw_is_installed
from tests.support.requirements import need

RO, RWD = Permission.RO, Permission.RWD
IN_PARTS = 210 * 1024**2


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    need("radosgw", radosgw_is_installed(), "Debian's packages ceph-mon, ceph-osd, radosgw and ceph-common")
    with radosgw(tmp_path_factory.mktemp("radosgw")) as server:
        yield server


def by_s3(gateway, container: str, **changes: str) -> S3Source:
    values = {
        "alias": "RGW",
        "endpoint": gateway.endpoint,
        "region": "default",
        "access_key": gateway.access_key,
        "secret_key": gateway.secret_key,
    }
    return S3Source(container=container, **(values | changes))


def by_swift(gateway, container: str, **changes: str) -> SwiftSource:
    values = {
        "alias": "RGW",
        "auth_url": gateway.auth_url,
        "user": gateway.swift_user,
        "key": gateway.swift_key,
    }
    return SwiftSource(container=container, auth_version=1, **(values | changes))


@pytest.mark.parametrize("source", [by_s3, by_swift])
def test_a_container_is_created_filled_changed_and_emptied(notebook, gateway, source):
    check_the_life_of_a_container(notebook, source(gateway, f"box-{source.__name__.replace('_', '-')}"))


def test_what_swift_wrote_s3_reads(notebook, gateway):
    writer = notebook.volume(by_swift(gateway, "shared"), RWD)
    notebook.pull(writer).done()
    (notebook.home / "data/a").write_text("by swift")
    notebook.push(writer).done()
    notebook.pull(notebook.volume(by_s3(gateway, "shared"), RO, at="reader")).done()

    assert (notebook.home / "reader/a").read_text() == "by swift"


def test_a_file_that_goes_in_parts_comes_back_and_is_deleted(notebook, gateway):
    volume = notebook.volume(by_s3(gateway, "parts"), RWD)
    notebook.pull(volume).done()
    large = notebook.home / "data/large"
    with large.open("wb") as file:
        file.write(b"begin")
        file.truncate(IN_PARTS)
    notebook.push(volume).done()
    assert notebook.push(volume).done().completed == 0
    large.rename(notebook.home / "was")
    notebook.pull(volume).done()
    assert large.stat().st_size == IN_PARTS
    with large.open("rb") as file:
        assert file.read(6) == b"begin\0"
    large.unlink()
    assert notebook.push(volume).done().deleted == 1


@pytest.mark.parametrize(
    ("source", "wrong"),
    [(by_s3, {"secret_key": "wrong-secret-key"}), (by_swift, {"key": "wrong-secret-key"})],
)
def test_wrong_keys_are_said_to_be_wrong(notebook, gateway, source, wrong):
    result = notebook.pull(notebook.volume(source(gateway, "box", **wrong), RO))

    assert result.volume.state in {SyncState.INVALID_CREDENTIALS, SyncState.FORBIDDEN}
    assert "wrong-secret-key" not in result.stdout


@pytest.mark.parametrize("source", [by_s3, by_swift])
def test_a_missing_container_is_not_found(notebook, gateway, source):
    result = notebook.pull(notebook.volume(source(gateway, "nowhere"), RO))

    assert result.volume.state is SyncState.NOT_FOUND
