"""What people are told when a sync fails, and what a failure leaves."""

import socket
import time

import pytest

from ovh_spawner.contract.sync import EmptySource, FolderSource, SwiftSource, SyncState
from ovh_spawner.datasync.failures import Words
from ovh_spawner.datasync.remotes import remote_of
from ovh_spawner.domain.volumes import Permission

RO, RW, RWD = Permission.RO, Permission.RW, Permission.RWD


@pytest.mark.parametrize("changes", [{"access_key": "wrong-key"}, {"secret_key": "wrong-secret"}])
def test_wrong_keys_are_said_to_be_wrong(notebook, s3, bucket, changes):
    result = notebook.pull(notebook.volume(bucket(**changes), RO))
    assert (result.code, result.volume.state) == (1, SyncState.INVALID_CREDENTIALS)
    assert result.volume.message == (
        "bucket@S3GRA: the credentials of data store 'S3GRA' are not accepted. Correct them, then sync again."
    )
    assert result.report.state is SyncState.FAILED


def test_a_refused_bucket_is_forbidden(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {}
    odd_s3.refuse = (403, "AccessDenied")
    result = notebook.pull(notebook.volume(odd_bucket(), RW))
    assert result.volume.state is SyncState.FORBIDDEN
    assert "access is denied" in result.volume.message


def test_a_store_that_is_away_is_a_passing_failure(notebook, bucket):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        result = notebook.pull(notebook.volume(bucket(endpoint=endpoint), RO), options=("--tries", "1"))
    assert result.volume.state is SyncState.TRANSIENT_ERROR
    assert "did not answer" in result.volume.message


def test_a_store_that_never_answers_is_a_passing_failure(notebook, bucket):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        volume = notebook.volume(bucket(endpoint=endpoint), RO)
        result = notebook.pull(volume, options=("--stall", "0.3", "--tries", "1"))
    assert result.volume.state is SyncState.TRANSIENT_ERROR


def test_a_store_that_recovers_is_tried_again(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {"a": b"a"}
    odd_s3.failures_left = 6
    notebook.pull(notebook.volume(odd_bucket(), RW)).done()
    assert (notebook.home / "data/a").read_text() == "a"


def test_an_object_that_cannot_be_read_fails_alone(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {"a": b"a", "locked": b"x"}
    odd_s3.refuse_keys = {"locked": (403, "AccessDenied")}
    result = notebook.pull(notebook.volume(odd_bucket(), RW))
    assert result.volume.state is SyncState.FORBIDDEN
    assert result.volume.message.endswith("It concerns 'locked'.")
    assert (notebook.home / "data/a").read_text() == "a"


def test_one_failing_volume_does_not_stop_the_others(notebook, s3, bucket):
    s3.put("bucket", "a", "a")
    good = notebook.volume(bucket(), RW, at="good")
    bad = notebook.volume(bucket("nowhere"), RO, at="bad")
    empty = notebook.volume(EmptySource(), RW, at="empty")
    result = notebook.pull(bad, good, empty)
    assert result.code == 1
    assert [volume.state for volume in result.report.volumes] == [
        SyncState.NOT_FOUND,
        SyncState.DONE,
        SyncState.DONE,
    ]
    assert result.report.message == result.report.volumes[0].message
    assert (notebook.home / "good/a").read_text() == "a"


def test_ten_volumes_come_together(notebook, s3, bucket):
    volumes = []
    for number in range(10):
        s3.put("bucket", f"part{number}/a", str(number))
        volumes.append(notebook.volume(bucket(prefix=f"part{number}"), RW, at=f"v{number}"))
    assert notebook.pull(*volumes).code == 0
    assert [(notebook.home / f"v{n}/a").read_text() for n in range(10)] == [str(n) for n in range(10)]


def test_a_file_in_the_place_of_the_folder_is_an_error(notebook, s3, bucket):
    (notebook.home / "data").write_text("a file")
    result = notebook.pull(notebook.volume(bucket(), RO))
    assert (result.code, result.volume.state) == (1, SyncState.ERROR)
    assert result.volume.message.startswith("/workspace/data: its folder cannot be used")


def test_a_prefix_with_dots_is_refused(notebook, s3, bucket):
    result = notebook.pull(notebook.volume(bucket(prefix="a/../b"), RO))
    assert result.volume.state is SyncState.FAILED


@pytest.mark.parametrize("secret", ["new\nline", "%(type)s"])
def test_a_secret_that_could_become_an_option_is_refused(notebook, s3, bucket, secret):
    result = notebook.pull(notebook.volume(bucket(secret_key=secret), RO))
    assert result.volume.state is SyncState.INVALID_CREDENTIALS
    assert secret not in result.stdout


@pytest.mark.parametrize("secret", ['"quoted"', "`tick", "'single'", "a#b;c=d $HOME \\ [x] ’", " space "])
def test_a_secret_reaches_rclone_as_it_is(tmp_path, secret):
    from ovh_spawner.datasync.remotes import write_config
    from tests.support.s3_server import rclone_binary

    source = SwiftSource(alias="SW", auth_url="http://127.0.0.1:1/", user="u", key=secret, container="c")
    if "`" in secret:
        from ovh_spawner.datasync.failures import VolumeFailedError

        with pytest.raises(VolumeFailedError):
            write_config(remote_of(source), tmp_path / "rclone.conf")
        return
    write_config(remote_of(source), tmp_path / "rclone.conf")
    assert (tmp_path / "rclone.conf").stat().st_mode & 0o777 == 0o600
    import json
    import subprocess

    command = [rclone_binary(), "config", "dump", "--config", str(tmp_path / "rclone.conf")]
    dump = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert json.loads(dump)["store"]["key"] == secret


def test_a_swift_store_that_is_away_is_a_passing_failure(notebook):
    source = SwiftSource(
        alias="SW", auth_url="http://127.0.0.1:1/v3", user="u", key="secret-key", container="c"
    )
    result = notebook.pull(notebook.volume(source, RO))
    assert result.volume.state is SyncState.TRANSIENT_ERROR


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("Response didn't have storage url and auth token", SyncState.INVALID_CREDENTIALS),
        ("HTTP Error: 404: 404 NOT FOUND", SyncState.INVALID_CREDENTIALS),
        ("HTTP Error: 405: 405 METHOD NOT ALLOWED", SyncState.INVALID_CREDENTIALS),
        ("Bad Request", SyncState.INVALID_CREDENTIALS),
        ("Authorization Failed", SyncState.INVALID_CREDENTIALS),
        ("HTTP Error: 500: 500 Internal Error", SyncState.TRANSIENT_ERROR),
        ("HTTP Error: 503: 503 Service Unavailable", SyncState.TRANSIENT_ERROR),
        ('Put "/bucket/138": unsupported protocol scheme ""', SyncState.TRANSIENT_ERROR),
        (
            'PUT /box/b: net/http: HTTP/1.x transport connection broken: malformed HTTP response "0"',
            SyncState.TRANSIENT_ERROR,
        ),
        ("https response error StatusCode: 400, api error BadRequest: Bad Request", SyncState.UNKNOWN_ERROR),
    ],
)
def test_what_a_swift_sign_in_was_answered_with_tells_a_wrong_one_from_a_passing_failure(said, state):
    words = Words(place="box@SW", owner="data store 'SW'")

    assert words.failure(f'Failed to create file system for "store:box": {said}').state is state


@pytest.mark.parametrize(
    ("sign_in", "domain", "tenant_domain"),
    [
        ({}, "Default", ""),
        ({"tenant": "t"}, "Default", "Default"),
        ({"tenant": "t", "domain": "Mine"}, "Mine", "Mine"),
        ({"tenant": "t", "domain": "Mine", "tenant_domain": "Theirs"}, "Mine", "Theirs"),
        ({"auth_version": 1}, "", ""),
        ({"tenant": "t", "auth_version": 2}, "", ""),
    ],
)
def test_keystone_3_is_asked_with_domains(sign_in, domain, tenant_domain):
    source = SwiftSource(alias="SW", auth_url="http://a/", user="u", key="key", container="c", **sign_in)

    options = remote_of(source).options

    assert (options["domain"], options["tenant_domain"]) == (domain, tenant_domain)


def test_an_object_that_vanishes_is_told_after_it_was_looked_for_again(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {"a": b"a", "ghost": b"x"}
    odd_s3.refuse_keys = {"ghost": (404, "NoSuchKey")}
    result = notebook.pull(notebook.volume(odd_bucket(), RW))
    assert result.code == 1
    assert "'ghost'" in result.volume.message
    assert result.volume.failed == 1


def test_a_pull_that_fails_writes_no_manifest(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {"a": b"a", "locked": b"x"}
    odd_s3.refuse_keys = {"locked": (403, "AccessDenied")}
    volume = notebook.volume(odd_bucket(), RWD)
    notebook.pull(volume)
    assert not notebook.manifest(volume).exists()


def test_times_of_the_report_enclose_the_sync(notebook, tmp_path):
    before = time.time()
    (tmp_path / "store/box").mkdir(parents=True)
    source = FolderSource(alias="LOCAL", root=str(tmp_path / "store"), container="box")
    report = notebook.pull(notebook.volume(source, RO)).report
    assert before <= report.started_at.timestamp() <= report.ended_at.timestamp() <= time.time()
