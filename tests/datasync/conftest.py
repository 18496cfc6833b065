"""Fixtures of the data sync's tests.

``s3``        a real S3 server (rclone) with an empty bucket ``bucket``
``odd_s3``    the fake one that misbehaves
``started``   a volume with files to push to it
``notebook``  a notebook's folders; ``notebook.pull(volume)`` and ``.push(volume)`` run the program
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from ovh_spawner.contract.base import dump_private
from ovh_spawner.contract.sync import (
    Reach,
    S3Source,
    Source,
    SyncDirection,
    SyncJob,
    SyncProgress,
    SyncReport,
    SyncVolume,
    VolumeProgress,
)
from ovh_spawner.domain.volumes import Permission
from tests.support.odd_s3_server import odd_s3_server
from tests.support.ordinary_rights import ordinary_rights
from tests.support.pushed_files import FILES, write
from tests.support.s3_server import s3_server


@dataclass
class Result:
    """What one run of the program left."""

    code: int
    lines: list[SyncProgress]
    report: SyncReport | None
    stdout: str
    stderr: str

    @property
    def volume(self) -> VolumeProgress:
        assert self.report is not None, self.stderr
        assert len(self.report.volumes) == 1
        return self.report.volumes[0]

    def done(self) -> VolumeProgress:
        """Return the only volume of a sync that must have worked."""
        assert self.code == 0, (self.report, self.stderr)
        return self.volume


class Notebook:
    """A notebook's home and sync folder, and the program to sync them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "workspace"
        self.state = root / "sync"
        self.id = uuid4()
        self.seconds = 120.0
        """What a sync may take before a test gives it up."""
        self.home.mkdir(parents=True)

    def volume(
        self,
        source: Source,
        permission: Permission = Permission.RW,
        *,
        at: str = "data",
        volume_id: UUID | None = None,
        reach: Reach | None = None,
    ) -> SyncVolume:
        return SyncVolume(
            id=volume_id or uuid4(),
            mount_path=f"/workspace/{at}",
            path=str(self.home / at),
            permission=permission,
            source=source,
            reach=reach or Reach(),
        )

    def manifest(self, volume: SyncVolume) -> Path:
        return self.state / "manifests" / f"{volume.id}.json"

    def job(self, direction: SyncDirection, *volumes: SyncVolume) -> Path:
        job = SyncJob(
            id=uuid4(),
            direction=direction,
            notebook=self.id,
            volumes=list(volumes),
            state_folder=str(self.state),
        )
        path = self.root / f"job-{job.id}.json"
        path.touch(mode=0o600)
        path.write_text(dump_private(job))
        return path

    def start(self, job: Path, *options: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "ovh_spawner.datasync", str(job), "--retry-pause", "0.1", *options]
        return subprocess.Popen(
            [*ordinary_rights(), *command, "--report", str(job.with_suffix(".report"))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )

    def finish(self, process: subprocess.Popen[str], job: Path) -> Result:
        stdout, stderr = process.communicate(timeout=self.seconds)
        report = job.with_suffix(".report")
        return Result(
            code=process.returncode,
            lines=[SyncProgress.model_validate_json(line) for line in stdout.splitlines()],
            report=SyncReport.model_validate_json(report.read_text()) if report.exists() else None,
            stdout=stdout,
            stderr=stderr,
        )

    def run(self, job: Path, *options: str, env: dict[str, str] | None = None) -> Result:
        return self.finish(self.start(job, *options, env=env), job)

    def pull(self, *volumes: SyncVolume, options: tuple[str, ...] = ()) -> Result:
        return self.run(self.job(SyncDirection.PULL, *volumes), *options)

    def push(self, *volumes: SyncVolume, options: tuple[str, ...] = ()) -> Result:
        return self.run(self.job(SyncDirection.PUSH, *volumes), *options)


@pytest.fixture
def notebook(tmp_path):
    return Notebook(tmp_path / "notebook")


@pytest.fixture(scope="session")
def _s3(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("store")) as server:
        yield server


@pytest.fixture
def s3(_s3):
    """The one server, with a fresh bucket named ``bucket``."""
    _s3.create_bucket("bucket")
    yield _s3
    for bucket in [path.name for path in _s3.folder.iterdir() if path.is_dir()]:
        for key in _s3.list(bucket):
            _s3.delete(bucket, key)


@pytest.fixture
def odd_s3():
    with odd_s3_server() as server:
        yield server


@pytest.fixture
def bucket(s3):
    """Make the source of a bucket of the real server."""

    def make(container: str = "bucket", *, prefix: str = "", **changes: str) -> S3Source:
        values = {
            "alias": "S3GRA",
            "endpoint": s3.endpoint,
            "region": s3.region,
            "access_key": s3.access_key,
            "secret_key": s3.secret_key,
        }
        return S3Source(container=container, prefix=prefix, **(values | changes))

    return make


@pytest.fixture
def odd_bucket(odd_s3):
    """Make the source of a bucket of the misbehaving server."""
    return lambda container="bucket": S3Source(
        alias="ODD",
        endpoint=odd_s3.endpoint,
        region="us-east-1",
        access_key="odd-access",
        secret_key="odd-secret-key",
        container=container,
    )


def wait_until(condition: Callable[[], object], *, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def started(notebook, odd_s3, odd_bucket):
    """An RWD volume that holds FILES locally; the store has 'gone', which was deleted here, and 'theirs'."""
    odd_s3.objects["bucket"] = {"gone": b"gone"}
    volume = notebook.volume(odd_bucket(), Permission.RWD)
    notebook.pull(volume).done()
    (notebook.home / "data/gone").unlink()
    odd_s3.objects["bucket"]["theirs"] = b"by another"
    write(notebook, FILES)
    return volume
