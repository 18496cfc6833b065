"""One sync from lock to report: several volumes at once, one's failure not in the others' way."""

import fcntl
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NoReturn

from ovh_spawner.contract.sync import (
    EmptySource,
    GitSource,
    SyncDirection,
    SyncJob,
    SyncReport,
    SyncState,
    SyncVolume,
    VolumeProgress,
)
from ovh_spawner.datasync.board import Board
from ovh_spawner.datasync.failures import SyncInterruptedError, VolumeFailedError
from ovh_spawner.datasync.folders import check_place
from ovh_spawner.datasync.git import Git, public_url
from ovh_spawner.datasync.guard import Guard, guarded
from ovh_spawner.datasync.manifests import ManifestFile
from ovh_spawner.datasync.patience import Patience
from ovh_spawner.datasync.processes import Children
from ovh_spawner.datasync.pull import pull
from ovh_spawner.datasync.push import push
from ovh_spawner.datasync.rclone import Rclone
from ovh_spawner.datasync.remotes import remote_of
from ovh_spawner.datasync.repositories import Repository
from ovh_spawner.datasync.task import StoreTask
from ovh_spawner.domain.volumes import Permission

AT_ONCE = 4
"""Volumes in work at a time: enough to fill a network whose stores answer slowly, few enough for the
memory.
"""

_POLL_SECONDS = 0.2
"""How often the main thread looks at signals, its parent and the board."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a sync behaves that the job does not say."""

    progress: Path | None
    tries: int
    retry_pause: float
    stall_seconds: float
    must_end: Callable[[], bool]
    """Says whether the sync was told to end, by a signal or by its parent's end."""
    now: Callable[[], datetime]


class LockedError(Exception):
    """Another sync works on this notebook."""


@contextmanager
def only_sync(state_folder: Path) -> Iterator[None]:
    """Hold the notebook's lock; the kernel frees it however we end. Raises LockedError."""
    state_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(state_folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise LockedError from exc
        yield
    finally:
        os.close(file)


@contextmanager
def _scratch(state_folder: Path) -> Iterator[Path]:
    """Give a 0700 folder for credentials and lists; what a killed sync left in it is removed first."""
    folder = state_folder / "scratch"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(job: SyncJob, manner: Manner) -> SyncReport:
    """Do the job under its lock and return what became of it. Raises LockedError."""
    started = manner.now()
    state_folder = Path(job.state_folder)
    with only_sync(state_folder), _scratch(state_folder) as scratch:
        board = Board(job, infos=map(_info, job.volumes), file=manner.progress, now=manner.now)
        home = scratch / "home"
        home.mkdir()
        _work(job, _Worker(job, manner, board=board, children=Children(home), scratch=scratch))
    state, message = _verdict(board.volumes)
    return SyncReport(
        job=job.id,
        state=state,
        message=message,
        started_at=started,
        ended_at=manner.now(),
        volumes=board.volumes,
    )


def _work(job: SyncJob, worker: "_Worker") -> None:
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="volume") as pool:
        pending: set[Future[None]] = {pool.submit(worker.sync, volume) for volume in job.volumes}
        stopped = False
        while pending:
            done, pending = wait(pending, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            worker.board.tick()
            if not stopped and worker.manner.must_end():
                stopped = True
                worker.children.stop()
    worker.board.tell()


class _Worker:
    """What the volumes of one sync share."""

    def __init__(
        self, job: SyncJob, manner: Manner, *, board: Board, children: Children, scratch: Path
    ) -> None:
        self._job = job
        self.manner, self.board, self.children = manner, board, children
        self._scratch = scratch

    def sync(self, volume: SyncVolume) -> None:
        """Sync one volume and put its end on the board."""
        try:
            self.children.pause(0)
            self.board.update(volume.id, state=SyncState.RUNNING)
            with guarded(volume.reach) as guard:
                self._sync(volume, guard)
        except VolumeFailedError as exc:
            self.board.update(volume.id, state=exc.state, message=exc.message, rate=0.0, eta=None)
        except OSError as exc:
            self.board.update(volume.id, state=SyncState.ERROR, message=_platform_failed(volume, exc))
        except Exception as exc:  # noqa: BLE001 - our mistake with one volume must not stop the others
            _log_mistake(exc)
            self.board.update(volume.id, state=SyncState.ERROR, message=_bug(volume))
        else:
            self.board.update(volume.id, state=SyncState.DONE, rate=0.0, eta=None)

    def _sync(self, volume: SyncVolume, guard: Guard | None) -> None:
        pushing = self._job.direction is SyncDirection.PUSH
        source = volume.source
        if isinstance(source, EmptySource):
            if not pushing:
                check_place(volume).mkdir(parents=True, exist_ok=True)
        elif isinstance(source, GitSource):
            if not pushing:
                git = Git(
                    source,
                    children=self.children,
                    scratch=self._own_scratch(volume),
                    stall_seconds=self.manner.stall_seconds,
                    guard=guard,
                )
                repository = Repository(volume, source, git=git)
                update = partial(self.board.update, volume.id)
                self._patience().with_(lambda: repository.clone(update))
        elif not pushing:
            pull(self._store_task(volume, guard))
        elif volume.permission is not Permission.RO:
            push(self._store_task(volume, guard))

    def _store_task(self, volume: SyncVolume, guard: Guard | None) -> StoreTask:
        if isinstance(volume.source, GitSource | EmptySource):
            _impossible(volume)
        remote = remote_of(volume.source)
        rclone = Rclone(
            remote,
            children=self.children,
            scratch=self._own_scratch(volume),
            stall_seconds=self.manner.stall_seconds,
            guard=guard,
        )
        return StoreTask(
            volume=volume,
            folder=check_place(volume),
            rclone=rclone,
            manifest=ManifestFile(Path(self._job.state_folder), volume.id, source=remote.identity),
            others=[other.path for other in self._job.volumes if other.id != volume.id],
            update=partial(self.board.update, volume.id),
            patience=self._patience(),
        )

    def _patience(self) -> Patience:
        return Patience(self.manner.tries, self.manner.retry_pause, self.children.pause)

    def _own_scratch(self, volume: SyncVolume) -> Path:
        folder = self._scratch / str(volume.id)
        folder.mkdir(mode=0o700)
        return folder


def _impossible(volume: SyncVolume) -> NoReturn:
    raise AssertionError(volume.source.type)


def _info(volume: SyncVolume) -> str:
    match volume.source:
        case GitSource(url=url):
            return public_url(url)
        case EmptySource():
            return "empty folder"
        case source:
            return f"{source.container}@{source.alias}"


def _platform_failed(volume: SyncVolume, exc: OSError) -> str:
    reason = exc.strerror or "no reason was given"
    return f"{volume.mount_path}: its folder cannot be used ({reason}). Ask the operator, then sync again."


def _log_mistake(exc: Exception) -> None:
    """Write where a mistake happened, without the exception's own words, which may hold a secret."""
    places = "".join(traceback.format_tb(exc.__traceback__))
    sys.stderr.write(f"A volume failed by {type(exc).__name__}:\n{places}")


def _bug(volume: SyncVolume) -> str:
    return f"{volume.mount_path}: the sync failed by a mistake of ours. The operator finds it in the log."


def _verdict(volumes: list[VolumeProgress]) -> tuple[SyncState, str]:
    """Return the state and the sentence of a whole sync: its worst volume's."""
    bad = [volume for volume in volumes if volume.state is not SyncState.DONE]
    if not bad:
        return SyncState.DONE, ""
    states = {volume.state for volume in bad}
    if SyncState.INTERRUPTED in states:
        return SyncState.INTERRUPTED, SyncInterruptedError().message
    state = SyncState.ERROR if SyncState.ERROR in states else SyncState.FAILED
    return state, " ".join(volume.message for volume in bad)
