"""Stores that fail in the middle or lie, and syncs that are killed: nothing is lost, nothing is silent."""

import random
import threading

import pytest

from ovh_spawner.contract.sync import SyncDirection, SyncState
from ovh_spawner.domain.volumes import Permission
from tests.support.pushed_files import FILES, KIBIBYTE, assert_finished, assert_nothing_lost, local
from tests.support.requirements import LONG

RW = Permission.RW
ONCE = ("--tries", "1")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(60 if LONG else 4))
def test_a_push_that_is_killed_at_any_byte_goes_on_later(notebook, odd_s3, started, seed):
    at = random.Random(seed).randrange(1, sum(map(len, FILES.values())))
    killed = threading.Event()

    def kill(received: int) -> None:
        if received >= at and not killed.is_set():
            killed.set()
            process.kill()

    odd_s3.on_bytes = kill
    job = notebook.job(SyncDirection.PUSH, started)
    process = notebook.start(job)
    process.communicate(timeout=60)

    assert killed.is_set()
    assert_nothing_lost(notebook, odd_s3)
    assert_finished(notebook, odd_s3, started)


@pytest.mark.parametrize("refusal", [(503, "SlowDown"), (429, "TooManyRequests"), (500, "InternalError")])
def test_a_store_that_is_too_busy_in_the_middle_is_a_passing_failure(notebook, odd_s3, started, refusal):
    refuse_after(odd_s3, 11, refusal)  # each refused file costs seconds of patience

    result = notebook.push(started, options=ONCE)

    assert (result.code, result.volume.state) == (1, SyncState.TRANSIENT_ERROR)
    assert "did not answer, also when tried again" in result.volume.message
    assert_nothing_lost(notebook, odd_s3)
    odd_s3.refuse, odd_s3.on_request = None, lambda *_: None
    assert_finished(notebook, odd_s3, started)


def refuse_after(odd_s3, uploads: int, refusal: tuple[int, str]) -> None:
    """Let the store refuse everything from an upload on."""
    seen: list[str] = []

    def look(method: str, bucket: str, key: str) -> None:
        if method == "PUT":
            seen.append(key)
            if len(seen) > uploads:
                odd_s3.refuse = refusal

    odd_s3.on_request = look


@pytest.mark.parametrize(
    "refusal", [(400, "ExpiredToken"), (403, "InvalidAccessKeyId"), (401, "Unauthorized")]
)
def test_credentials_that_expire_in_the_middle_are_told(notebook, odd_s3, started, refusal):
    refuse_after(odd_s3, 3, refusal)

    result = notebook.push(started)

    assert (result.code, result.volume.state) == (1, SyncState.INVALID_CREDENTIALS), result.volume.message
    assert "the credentials of data store 'ODD' are not accepted" in result.volume.message
    assert_nothing_lost(notebook, odd_s3)
    odd_s3.refuse, odd_s3.on_request = None, lambda *_: None
    assert_finished(notebook, odd_s3, started)


def test_credentials_that_expire_during_a_pull_are_told(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = dict(FILES)
    seen: list[str] = []

    def look(method: str, bucket: str, key: str) -> None:
        if key:
            seen.append(key)
            if len(seen) > 3:
                odd_s3.refuse = (403, "ExpiredToken")

    odd_s3.on_request = look
    volume = notebook.volume(odd_bucket(), RW)
    result = notebook.pull(volume)

    assert result.volume.state is SyncState.INVALID_CREDENTIALS, result.volume.message
    assert all(content == FILES[name] for name, content in local(notebook).items())
    odd_s3.refuse, odd_s3.on_request = None, lambda *_: None
    notebook.pull(volume).done()
    assert local(notebook) == FILES


def test_a_bucket_that_is_deleted_during_a_push_is_made_and_filled_again(notebook, odd_s3, started):
    deleted = threading.Event()
    odd_s3.buckets_are_made = True

    def delete(method: str, bucket: str, key: str) -> None:
        if method == "PUT" and key and not deleted.is_set():
            deleted.set()
            odd_s3.objects.pop("bucket", None)

    odd_s3.on_request = delete
    first = notebook.push(started)
    assert (first.code, first.volume.state) == (1, SyncState.NOT_FOUND), first.volume.message
    assert local(notebook) == FILES
    notebook.push(started).done()
    assert odd_s3.objects["bucket"] == FILES


@pytest.mark.parametrize("spoil", [lambda body: body[: len(body) // 2], lambda body: body[:-1] + b"?"])
def test_an_object_that_comes_short_or_spoilt_is_no_file(notebook, odd_s3, odd_bucket, spoil):
    odd_s3.objects["bucket"] = {"a": b"a" * 50 * KIBIBYTE}
    odd_s3.send = spoil
    volume = notebook.volume(odd_bucket(), RW)

    result = notebook.pull(volume, options=ONCE)

    assert (result.code, result.volume.state) == (1, SyncState.TRANSIENT_ERROR), result.volume.message
    assert "'a'" in result.volume.message
    assert local(notebook) == {}
    odd_s3.send = lambda body: body
    notebook.pull(volume).done()
    assert local(notebook) == odd_s3.objects["bucket"]


def test_a_spoilt_object_does_not_replace_a_good_file(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {"a": b"good"}
    volume = notebook.volume(odd_bucket(), RW)
    notebook.pull(volume).done()
    odd_s3.objects["bucket"]["a"] = b"a newer one"
    odd_s3.send = lambda body: body[:-1] + b"?"

    assert notebook.pull(volume, options=ONCE).code == 1
    assert local(notebook) == {"a": b"good"}


@pytest.mark.parametrize("permission", [Permission.RO, RW])
def test_a_store_that_sends_other_times_than_it_lists_is_pulled(notebook, odd_s3, odd_bucket, permission):
    odd_s3.objects["bucket"] = {"a": b"first", "b": b"kept"}
    odd_s3.sent_time = "Fri, 02 Jan 2026 05:00:00 GMT"
    volume = notebook.volume(odd_bucket(), permission)
    notebook.pull(volume).done()
    odd_s3.objects["bucket"]["a"] = b"secnd"
    (notebook.home / "data/a").unlink()

    notebook.pull(volume).done()
    notebook.pull(volume, options=ONCE).done()

    assert local(notebook) == odd_s3.objects["bucket"]
    if permission is RW:
        assert notebook.push(volume).done().completed == 0


def test_an_object_that_vanishes_before_it_comes_leaves_the_old_file_and_is_told(
    notebook, odd_s3, odd_bucket
):
    odd_s3.objects["bucket"] = {"a": b"first"}
    volume = notebook.volume(odd_bucket(), RW)
    notebook.pull(volume).done()
    (notebook.home / "data/a").write_bytes(b"mine!")
    odd_s3.refuse_keys["a"] = (404, "NoSuchKey")

    result = notebook.pull(volume, options=ONCE)

    assert (result.code, result.volume.state) != (0, SyncState.DONE)
    assert local(notebook) == {"a": b"mine!"}


@pytest.mark.parametrize("spoil", [lambda body: body[: len(body) // 2], lambda body: body[:-1] + b"?"])
def test_an_upload_that_the_store_spoils_is_noticed(notebook, odd_s3, started, spoil):
    odd_s3.keep = spoil

    result = notebook.push(started, options=ONCE)

    assert (result.code, result.volume.state) == (1, SyncState.TRANSIENT_ERROR), result.volume.message
    assert local(notebook) == FILES
    assert "gone" in odd_s3.objects["bucket"]
    odd_s3.keep = lambda body: body
    assert_finished(notebook, odd_s3, started)


def test_a_store_that_falls_silent_in_an_upload_is_a_passing_failure(notebook, odd_s3, started):
    awake = threading.Event()
    odd_s3.on_request = lambda method, bucket, key: awake.wait(60) if key == "0/file 0" else None

    result = notebook.push(started, options=(*ONCE, "--stall", "1"))
    awake.set()

    assert result.volume.state is SyncState.TRANSIENT_ERROR
    odd_s3.on_request = lambda *_: None
    assert_finished(notebook, odd_s3, started)
