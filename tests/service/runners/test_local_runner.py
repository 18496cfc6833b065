import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from uuid import uuid4

import psutil
import pytest

from ovh_spawner.contract.local import RUN_VARIABLE, EndRecord, NotebookFolder, ProcessRecord
from ovh_spawner.contract.sync import FolderSource, S3Source, SyncDirection, SyncJob, SyncState, SyncVolume
from ovh_spawner.domain.volumes import Permission
from ovh_spawner.errors import RunnerError
from ovh_spawner.service.runners.base import RunLife, SyncLife
from ovh_spawner.service.runners.local import LocalRunner
from tests.support.world import until

SLEEPER = "import sys, time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


@pytest.fixture
async def runner(tmp_path):
    made = LocalRunner(tmp_path / "notebooks")
    yield made
    await made.close()


@pytest.fixture
def bucket(tmp_path):
    folder = tmp_path / "store" / "data"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("hello")
    return folder


@pytest.fixture
def silent_store():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield S3Source(
            alias="SILENT",
            endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}",
            region="x",
            access_key="k",
            secret_key="s",
            container="data",
        )


def make_job(runner, tmp_path, *, container="data", permission=Permission.RW, direction=SyncDirection.PULL):
    notebook = uuid4()
    volume = SyncVolume(
        id=uuid4(),
        mount_path="/workspace/in",
        path=runner.volume_path(notebook, "/workspace/in"),
        permission=permission,
        source=FolderSource(alias="DEMO", root=str(tmp_path / "store"), container=container),
    )
    return SyncJob(
        id=uuid4(),
        direction=direction,
        notebook=notebook,
        volumes=[volume],
        state_folder=runner.state_folder(notebook),
    )


async def ended(runner, job):
    async def look():
        evidence = await runner.observe_sync(job.notebook, job.id)
        return evidence if evidence.life is SyncLife.ENDED else None

    return await until(look, what="the end of the sync", seconds=60)


async def test_a_data_sync_runs_and_reports(runner, tmp_path, bucket):
    job = make_job(runner, tmp_path)
    absent = await runner.observe_sync(job.notebook, job.id)
    await runner.start_sync(job)
    evidence = await ended(runner, job)

    assert absent.life is SyncLife.ABSENT
    assert evidence.report.state is SyncState.DONE
    folder = NotebookFolder(tmp_path / "notebooks", job.notebook)
    assert (folder.workspace / "in" / "a.txt").read_text() == "hello"
    assert not (folder.sync / str(job.id) / "job.json").exists()


async def test_another_service_finds_what_this_one_started(runner, tmp_path, bucket):
    job = make_job(runner, tmp_path)
    await runner.start_sync(job)
    evidence = await ended(LocalRunner(tmp_path / "notebooks"), job)

    assert evidence.report.job == job.id
    # Our own child is reaped by the next look.
    assert (await runner.observe_sync(job.notebook, job.id)).life is SyncLife.ENDED


async def test_a_sync_that_meets_another_one_is_locked_not_failed(runner, tmp_path, bucket):
    import fcntl

    job = make_job(runner, tmp_path)
    lock = NotebookFolder(tmp_path / "notebooks", job.notebook).sync / "lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        await runner.start_sync(job)

        async def look():
            return (await runner.observe_sync(job.notebook, job.id)).life is SyncLife.LOCKED

        await until(look, what="the sync to give way", seconds=60)
    await runner.start_sync(job)

    assert (await ended(runner, job)).report.state is SyncState.DONE


async def test_a_data_sync_sees_nothing_of_the_services_secrets(monkeypatch):
    from ovh_spawner.service.runners import processes

    monkeypatch.setenv("OVH_SPAWNER_ENCRYPTION_KEYS", "secret")
    assert "secret" not in processes.environment().values()
    assert "PATH" in processes.environment()


async def test_a_run_is_alive_while_its_gateway_is_and_gone_afterwards(runner, tmp_path):
    notebook, run = uuid4(), uuid4()
    folder = NotebookFolder(tmp_path / "notebooks", notebook).run(run)
    folder.mkdir(parents=True)
    never = await runner.observe_run(notebook, run)
    with Sleeper(SLEEPER, run) as gateway:
        _record(folder, gateway.pid)
        alive = await runner.observe_run(notebook, run)
        await runner.end_processes(notebook, run)
        gone = await runner.observe_run(notebook, run)
    end = EndRecord(at=datetime(2026, 3, 1, tzinfo=UTC), exit_code=0, ordered=True)
    (folder / "end.json").write_text(end.model_dump_json())
    dated = await runner.observe_run(notebook, run)

    assert [e.life for e in (never, alive, gone)] == [RunLife.NEVER, RunLife.ALIVE, RunLife.GONE]
    assert (dated.ended_at, dated.ordered) == (end.at, True)


async def test_a_run_s_gateway_is_found_where_it_said_that_it_listens(runner, tmp_path):
    notebook, run = uuid4(), uuid4()
    folder = NotebookFolder(tmp_path / "notebooks", notebook).run(run)
    folder.mkdir(parents=True)

    before = await runner.address_of(notebook, run)
    record = ProcessRecord(pid=1, created_at=0, address="127.0.0.1:8888")
    (folder / "process.json").write_text(record.model_dump_json())

    assert before == ""
    assert await runner.address_of(notebook, run) == "127.0.0.1:8888"

    elsewhere = record.model_copy(update={"address": "192.0.2.1:22"})
    (folder / "process.json").write_text(elsewhere.model_dump_json())
    assert await runner.address_of(notebook, run) == ""


async def test_a_reused_process_id_is_not_the_gateway(runner, tmp_path):
    notebook, run = uuid4(), uuid4()
    folder = NotebookFolder(tmp_path / "notebooks", notebook).run(run)
    folder.mkdir(parents=True)
    born = psutil.Process().create_time() - 1000
    (folder / "process.json").write_text(ProcessRecord(pid=os.getpid(), created_at=born).model_dump_json())

    assert (await runner.observe_run(notebook, run)).life is RunLife.GONE
    await runner.end_processes(notebook, run)


async def test_a_record_of_somebody_else_s_process_is_not_believed(runner, tmp_path):
    """The notebook's account can write it, and the service may run as root."""
    notebook, run = uuid4(), uuid4()
    folder = NotebookFolder(tmp_path / "notebooks", notebook)
    with Sleeper(SLEEPER, uuid4()) as foreign:
        for inner in (folder.run(run), folder.sync / str(run)):
            inner.mkdir(parents=True)
            _record(inner, foreign.pid)

        assert (await runner.observe_run(notebook, run)).life is RunLife.GONE
        await runner.end_processes(notebook, run)
        assert (await runner.observe_sync(notebook, run)).life is SyncLife.ABSENT
        await runner.end_sync(notebook, run)
        assert foreign.poll() is None


async def test_strays_of_a_run_are_ended_by_its_mark_and_others_are_not(runner, monkeypatch):
    monkeypatch.setattr("ovh_spawner.service.runners.processes.GRACE_SECONDS", 0.2)
    run, other = uuid4(), uuid4()
    with Sleeper(STUBBORN, run) as stray, Sleeper(SLEEPER, other) as foreign:
        await runner.end_processes(uuid4(), run)
        assert await until(lambda: stray.poll() is not None, what="the stray's end")
        assert foreign.poll() is None


async def test_a_data_sync_whose_service_died_before_it_wrote_it_down_is_found_by_its_mark(
    runner, tmp_path, silent_store
):
    job = make_job(runner, tmp_path)
    volume = job.volumes[0].model_copy(update={"source": silent_store})
    job = job.model_copy(update={"volumes": [volume]})
    await runner.start_sync(job)
    stray = runner._children.pop(job.id)
    process = psutil.Process(stray.pid)
    await until(process.children, what="rclone", seconds=60)
    [rclone, *_] = process.children()
    (NotebookFolder(tmp_path / "notebooks", job.notebook).sync / str(job.id) / "process.json").unlink()

    successor = LocalRunner(tmp_path / "notebooks")
    assert (await successor.observe_sync(job.notebook, job.id)).life is SyncLife.RUNNING
    await successor.start_sync(job)
    assert successor._children == {}, "it goes on; there is no second one"
    assert (await runner.observe_sync(job.notebook, uuid4())).life is SyncLife.ABSENT
    await successor.end_sync(job.notebook, job.id)
    await until(lambda: stray.poll() is not None, what="the stray's end")
    assert not rclone.is_running()


async def test_removing_files_copes_with_folders_that_nobody_may_write(runner, tmp_path):
    notebook = uuid4()
    folder = NotebookFolder(tmp_path / "notebooks", notebook)
    inner = folder.workspace / "sealed" / "deep"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o500)
    (folder.workspace / "link").symlink_to(outside)
    inner.chmod(0o500)
    inner.parent.chmod(0o500)
    await runner.remove_files(notebook)
    await runner.remove_files(notebook)

    assert not folder.path.exists()
    assert outside.stat().st_mode & 0o777 == 0o500


async def test_silent_data_stores_hold_up_no_other_work_and_leave_no_credentials(
    runner, tmp_path, silent_store, monkeypatch
):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    volume = make_job(runner, tmp_path).volumes[0].model_copy(update={"source": silent_store})
    # More than Python's default pool has threads on any machine.
    checks = [asyncio.create_task(runner.check([volume], seconds=3)) for _ in range(40)]
    await asyncio.sleep(0)

    evidence = await runner.observe_run(uuid4(), uuid4())

    assert evidence.life is RunLife.NEVER
    assert not any(check.done() for check in checks)
    assert await asyncio.gather(*checks) == [None] * len(checks)
    assert list(scratch.iterdir()) == []


async def test_the_check_tells_a_missing_bucket_and_a_silent_store(runner, tmp_path, bucket):
    good, bad = (
        make_job(runner, tmp_path).volumes[0],
        make_job(runner, tmp_path, container="nowhere").volumes[0],
    )
    dead = S3Source(
        alias="DEAD",
        endpoint="http://127.0.0.1:9",
        region="x",
        access_key="k",
        secret_key="s",
        container="data",
    )
    report = await runner.check(
        [good, bad, good.model_copy(update={"source": dead, "id": uuid4()})], seconds=60
    )
    late = await runner.check([good], seconds=0.001)

    assert [volume.state for volume in report.volumes] == [
        SyncState.DONE,
        SyncState.NOT_FOUND,
        SyncState.TRANSIENT_ERROR,
    ]
    assert late is None


async def test_a_sync_that_cannot_be_written_down_is_a_runner_error(tmp_path):
    (tmp_path / "notebooks").write_text("a file is in the way")
    runner = LocalRunner(tmp_path / "notebooks")

    with pytest.raises(RunnerError, match="cannot be started"):
        await runner.start_sync(make_job(runner, tmp_path))


class Sleeper:
    def __init__(self, code, run=None):
        environment = {**os.environ, **({RUN_VARIABLE: str(run)} if run else {})}
        self.child = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)

    def __enter__(self):
        assert self.child.stdout.readline() == b"up\n"
        return self.child

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        self.child.stdout.close()


def _record(folder, pid):
    born = psutil.Process(pid).create_time()
    (folder / "process.json").write_text(ProcessRecord(pid=pid, created_at=born).model_dump_json())
