"""The program itself: job file, lines, report, lock, signals, secrets."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ovh_spawner.contract.base import dump_private
from ovh_spawner.contract.sync import GitSource, SyncDirection, SyncState
from ovh_spawner.domain.volumes import Permission
from tests.datasync.conftest import wait_until
from tests.support.git_server import git_server

RO, RW, RWD = Permission.RO, Permission.RW, Permission.RWD
MEBIBYTE = 1024 * 1024


@pytest.fixture
def held(notebook, odd_s3, odd_bucket):
    """A pull that hangs in the middle: 'a' has come, 'big' waits. The process and its volume."""
    odd_s3.objects["bucket"] = {"a": b"a"}
    volume = notebook.volume(odd_bucket(), RW)
    notebook.pull(volume).done()
    odd_s3.objects["bucket"]["big"] = b"x" * MEBIBYTE
    odd_s3.hold.clear()
    odd_s3.requests.clear()
    job = notebook.job(SyncDirection.PULL, volume)
    process = notebook.start(job)
    wait_until(lambda: any("GET /bucket/big" in request for request in odd_s3.requests))
    yield process, volume, job
    process.kill()
    process.communicate()


def child_of(process):
    wait_until(lambda: psutil.Process(process.pid).children())
    return psutil.Process(process.pid).children()[0]


def test_lines_and_report_tell_the_story(notebook, s3, bucket):
    s3.put("bucket", "a", "hello")
    volume = notebook.volume(bucket(), RW)
    progress = notebook.root / "progress.jsonl"
    result = notebook.pull(volume, options=("--progress", str(progress)))
    states = [line.volumes[0].state for line in result.lines]
    assert states[0] is SyncState.RUNNING
    assert states[-1] is SyncState.DONE
    assert progress.read_text() == result.stdout
    assert result.report.state is SyncState.DONE
    assert result.report.volumes == result.lines[-1].volumes
    assert json.loads(result.stdout.splitlines()[-1])["volumes"][0]["mountPath"] == "/workspace/data"


def test_files_and_bytes_are_told_while_it_runs(notebook, held, odd_s3):
    process, _, job = held
    started, known = (json.loads(process.stdout.readline())["volumes"][0] for _ in range(2))
    assert (started["state"], started["total"]) == ("RUNNING", 0)
    assert (known["totalBytes"], known["transferredBytes"], known["total"]) == (MEBIBYTE, 0, 2)
    odd_s3.hold.set()
    result = notebook.finish(process, job)
    assert result.code == 0
    assert result.volume.transferred_bytes == MEBIBYTE


def test_the_job_file_is_gone_while_the_sync_runs(held):
    _, _, job = held
    assert not job.exists()


def test_a_sync_that_runs_locks_others_out(notebook, held, odd_s3):
    process, volume, job = held
    second = notebook.push(volume)
    assert (second.code, second.report, second.stdout) == (75, None, "")
    assert second.stderr == "Another sync of this notebook is running. Try again when it has ended.\n"
    odd_s3.hold.set()
    assert notebook.finish(process, job).code == 0
    assert notebook.push(volume).code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_interrupts_and_a_later_sync_goes_on(notebook, held, odd_s3, number):
    process, volume, job = held
    child = child_of(process)
    process.send_signal(number)
    result = notebook.finish(process, job)
    assert (result.code, result.report.state, result.volume.state) == (
        1,
        SyncState.INTERRUPTED,
        SyncState.INTERRUPTED,
    )
    assert not child.is_running()
    assert sorted(path.name for path in (notebook.home / "data").iterdir()) == ["a"]
    odd_s3.hold.set()
    again = notebook.pull(volume).done()
    assert (again.completed, again.skipped) == (1, 1)
    assert (notebook.home / "data/big").stat().st_size == MEBIBYTE


def test_a_killed_sync_leaves_no_writer_and_no_credentials(notebook, held, odd_s3):
    process, volume, _ = held
    child = child_of(process)
    process.kill()
    process.communicate()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    odd_s3.hold.set()
    assert notebook.pull(volume).done().completed == 1
    assert sorted(path.name for path in (notebook.home / "data").iterdir()) == ["a", "big"]
    left = {path.name for path in notebook.state.rglob("*")}
    assert left == {"lock", "manifests", f"{volume.id}.json"}


def test_the_sync_ends_with_its_parent_if_asked(notebook, odd_s3, odd_bucket):
    odd_s3.objects["bucket"] = {"big": b"x" * MEBIBYTE}
    odd_s3.hold.clear()
    job = notebook.job(SyncDirection.PULL, notebook.volume(odd_bucket(), RO))
    report = job.with_suffix(".report")
    code = (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-m', 'ovh_spawner.datasync', {str(job)!r}, '--exit-with-parent',"
        f" '--report', {str(report)!r}])\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    wait_until(lambda: any("GET /bucket/big" in request for request in odd_s3.requests))
    parent.kill()
    parent.wait()
    wait_until(report.exists)
    assert json.loads(report.read_text())["state"] == "INTERRUPTED"


def test_a_listener_that_goes_away_does_not_stop_a_push(notebook, s3, bucket):
    (notebook.home / "data").mkdir()
    (notebook.home / "data/a").write_text("a")
    job = notebook.job(SyncDirection.PUSH, notebook.volume(bucket(), RW))
    process = notebook.start(job)
    process.stdout.close()
    process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert s3.contents("bucket") == {"a": b"a"}


@pytest.mark.parametrize("text", ["", "{", "{}", '{"id": "x", "accessKey": "very-secret"}'])
def test_a_bad_job_is_refused_and_removed(notebook, text):
    job = notebook.root / "job.json"
    job.write_text(text)
    result = notebook.run(job)
    assert (result.code, result.stdout, result.report) == (2, "", None)
    assert result.stderr.startswith("The job file is no sync job")
    assert "very-secret" not in result.stderr
    assert not job.exists()


def test_a_missing_job_is_refused(notebook):
    result = notebook.run(notebook.root / "none.json")
    assert result.code == 2
    assert "cannot be read: No such file or directory" in result.stderr


def test_secrets_are_in_no_argument_no_environment_and_no_output(notebook, held, odd_s3):
    process, _, job = held
    child = child_of(process)
    for pid in (process.pid, child.pid):
        for name in ("cmdline", "environ"):
            assert b"odd-secret-key" not in Path(f"/proc/{pid}/{name}").read_bytes()
            assert b"odd-access" not in Path(f"/proc/{pid}/{name}").read_bytes()
    config = Path(child.cmdline()[child.cmdline().index("--config") + 1])
    assert "odd-secret-key" in config.read_text()
    assert config.stat().st_mode & 0o777 == 0o600
    assert config.parent.stat().st_mode & 0o777 == 0o700
    odd_s3.hold.set()
    result = notebook.finish(process, job)
    assert not config.exists()
    for text in (result.stdout, result.stderr, dump_private(result.report)):
        assert "odd-secret-key" not in text


def test_the_callers_rclone_variables_change_nothing(notebook, s3, bucket):
    s3.put("bucket", "a", "a")
    volume = notebook.volume(bucket(), RWD)
    env = {
        "RCLONE_DRY_RUN": "true",
        "RCLONE_CONFIG_STORE_TYPE": "local",
        "RCLONE_S3_ENDPOINT": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "other",
    }
    notebook.run(notebook.job(SyncDirection.PULL, volume), env=env).done()
    assert (notebook.home / "data/a").read_text() == "a"


def test_the_lock_is_the_kernels(notebook, s3, bucket):
    notebook.state.mkdir()
    with (notebook.state / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert notebook.pull(notebook.volume(bucket(), RO)).code == 75
    assert notebook.pull(notebook.volume(bucket(), RO)).code == 0


def test_store_and_repository_come_together(notebook, s3, bucket, tmp_path):
    s3.put("bucket", "a", "a")
    with git_server(tmp_path / "git") as git:
        url = git.create("repo", files={"b": "b"})
        result = notebook.pull(
            notebook.volume(bucket(), RW), notebook.volume(GitSource(url=url), RW, at="repo")
        )
    assert result.code == 0
    assert [volume.info for volume in result.report.volumes] == ["bucket@S3GRA", url]


def test_help_names_the_options():
    command = [sys.executable, "-m", "ovh_spawner.datasync", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ)).stdout
    for option in ("--progress", "--report", "--exit-with-parent"):
        assert option in text
