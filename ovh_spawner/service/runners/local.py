"""Runs data syncs as processes of this machine, and looks at notebooks that are processes of this machine.

A sync lives in a session and a folder of its own, so that it outlives this service; whoever comes next finds
it by that folder.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from ovh_spawner.contract.base import dump_private
from ovh_spawner.contract.local import SYNC_VARIABLE, EndRecord, NotebookFolder, ProcessRecord
from ovh_spawner.contract.runs import PreparedRun
from ovh_spawner.contract.sync import (
    SyncJob,
    SyncProgress,
    SyncReport,
    SyncVolume,
    VolumeProgress,
)
from ovh_spawner.domain.flavors import Flavor
from ovh_spawner.errors import RunnerError
from ovh_spawner.service.runners import accounts, processes
from ovh_spawner.service.runners.base import (
    RunEvidence,
    RunLife,
    RunParts,
    SyncEvidence,
    SyncLife,
    Traces,
)
from ovh_spawner.service.runners.store_checks import StoreChecks

MessageT = TypeVar("MessageT", bound=BaseModel)

EXIT_LOCKED = 75
"""What the data sync says when another one of the same notebook holds the lock."""

REAP_SECONDS = 5.0
"""How long a child that is about to end may take: its memory, and with it its mark, goes before it has ended."""

LOOPBACK = "127.0.0.1:"
"""Where gateways of this machine listen."""

LAST_LINES = 65_536
"""Bytes at the end of a progress file in which its last whole line is: one line has at most ten volumes."""


class LocalRunner:
    """The runner of local mode."""

    def __init__(self, root: Path, *, mount_root: str = "/workspace") -> None:
        self._root = root
        self._mount_root = mount_root
        self._children: dict[UUID, subprocess.Popen[bytes]] = {}
        self._checks = StoreChecks()

    async def watch(self, changed: Callable[[UUID], None]) -> None:
        """Processes tell nobody; reconcile looks at them."""

    async def close(self) -> None:
        for sync in list(self._children):
            self._reap(sync)

    async def prepare_run(self, parts: RunParts) -> PreparedRun:
        """Nothing to do: the spawner shares this machine and makes its files itself."""
        opened = parts.opened
        return PreparedRun(run=opened.run, notebook=opened.notebook, has_pull=opened.pull is not None)

    async def forget_run(self, notebook: UUID, run: UUID) -> None:
        """The spawner takes its secrets away with the processes."""

    async def forget_sync(self, notebook: UUID, sync: UUID) -> None:
        """The data sync removes its job as soon as it has read it."""

    async def list_traces(self) -> Traces:
        return Traces()

    def volume_path(self, notebook: UUID, mount_path: str) -> str:
        inside = Path(mount_path).relative_to(self._mount_root)
        return str(self._folder(notebook).workspace / inside)

    def state_folder(self, notebook: UUID) -> str:
        return str(self._folder(notebook).sync)

    async def start_sync(self, job: SyncJob, *, flavor: Flavor | None = None) -> None:
        del flavor
        await asyncio.to_thread(self._start_sync, job)

    async def observe_sync(self, notebook: UUID, sync: UUID) -> SyncEvidence:
        return await asyncio.to_thread(self._observe_sync, notebook, sync)

    async def end_sync(self, notebook: UUID, sync: UUID) -> None:
        record = _read(ProcessRecord, self._sync_folder(notebook, sync) / "process.json")
        await asyncio.to_thread(processes.end_all, record, processes.sync_mark(sync))
        self._reap(sync)

    async def observe_run(self, notebook: UUID, run: UUID, *, must_know: bool = True) -> RunEvidence:
        del must_know  # whatever is to be known stands in the run's folder
        return await asyncio.to_thread(self._observe_run, notebook, run)

    async def address_of(self, notebook: UUID, run: UUID) -> str:
        record = await asyncio.to_thread(
            _read, ProcessRecord, self._folder(notebook).run(run) / "process.json"
        )
        # The notebook's account can write there, too: no address of elsewhere is believed.
        return record.address if record and record.address.startswith(LOOPBACK) else ""

    def why_it_waits(self, run: UUID) -> str:
        del run
        return ""

    async def observe_pull(self, notebook: UUID, run: UUID) -> None:
        """The spawner drives it."""

    async def end_processes(self, notebook: UUID, run: UUID) -> None:
        record = _read(ProcessRecord, self._folder(notebook).run(run) / "process.json")
        await asyncio.to_thread(processes.end_all, record, processes.run_mark(run))

    async def give_up(self, notebook: UUID) -> None:
        """There is one machine, and it answers."""

    async def remove_files(self, notebook: UUID) -> None:
        await asyncio.to_thread(_remove_tree, self._folder(notebook).path)

    async def check(self, volumes: Sequence[SyncVolume], *, seconds: float) -> SyncReport | None:
        return await self._checks.check(volumes, seconds=seconds)

    def _folder(self, notebook: UUID) -> NotebookFolder:
        return NotebookFolder(self._root, notebook)

    def _sync_folder(self, notebook: UUID, sync: UUID) -> Path:
        return self._folder(notebook).sync / str(sync)

    def _start_sync(self, job: SyncJob) -> None:
        folder = self._sync_folder(job.notebook, job.id)
        record = self._record_of(job.notebook, job.id)
        if record and processes.is_alive(record, processes.sync_mark(job.id)):
            return
        self._reap(job.id)
        command = [sys.executable, "-m", processes.DATASYNC, str(folder / "job.json")]
        command += ["--progress", str(folder / "progress.jsonl"), "--report", str(folder / "report.json")]
        try:
            account = accounts.owner_of(self._folder(job.notebook).path)
            account.make_folder(folder.parent)
            account.make_folder(folder)
            for name in ("report.json", "progress.jsonl", "process.json"):
                (folder / name).unlink(missing_ok=True)
            account.give(_write_private(folder / "job.json", dump_private(job)))
            with accounts.open_log(folder / "log") as log:
                child = subprocess.Popen(  # noqa: S603 - our own program
                    command,
                    env={**processes.environment(), SYNC_VARIABLE: str(job.id)},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=log,
                    start_new_session=True,
                    # Files in the home have usual rights, whoever brought them; ours are private.
                    umask=0o022,
                    **account.process_options(),
                )
            self._children[job.id] = child
            born = processes.birth_of(child.pid)
            _write_private(
                folder / "process.json",
                ProcessRecord(pid=child.pid, created_at=born).model_dump_json(by_alias=True),
            )
        except OSError as exc:
            raise RunnerError(f"The data sync cannot be started: {exc.strerror}.") from exc

    def _observe_sync(self, notebook: UUID, sync: UUID) -> SyncEvidence:
        folder = self._sync_folder(notebook, sync)
        record = self._record_of(notebook, sync)
        alive = record is not None and processes.is_alive(record, processes.sync_mark(sync))
        exit_code = None if alive else self._reap(sync, seconds=REAP_SECONDS)
        # The report after the process: one that ends in between is running now and ended at the next look.
        report = _read(SyncReport, folder / "report.json")
        if alive:
            return SyncEvidence(SyncLife.RUNNING, _last_progress(folder / "progress.jsonl"))
        if report:
            return SyncEvidence(SyncLife.ENDED, tuple(report.volumes), report)
        return SyncEvidence(SyncLife.LOCKED if exit_code == EXIT_LOCKED else SyncLife.ABSENT)

    def _record_of(self, notebook: UUID, sync: UUID) -> ProcessRecord | None:
        """Return the record of a data sync; of one that a killed service left behind, by its mark."""
        folder = self._sync_folder(notebook, sync)
        if not folder.is_dir():
            return None
        return _read(ProcessRecord, folder / "process.json") or processes.find_sync(sync)

    def _reap(self, sync: UUID, seconds: float = 0) -> int | None:
        """Return how our own child ended, when it is ours and has within so many seconds."""
        child = self._children.get(sync)
        if child is None:
            return None
        try:
            code = child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._children.pop(sync, None)
        return code

    def _observe_run(self, notebook: UUID, run: UUID) -> RunEvidence:
        folder = self._folder(notebook).run(run)
        record = _read(ProcessRecord, folder / "process.json")
        if record is None:
            return RunEvidence(RunLife.NEVER)
        if processes.is_alive(record, processes.run_mark(run)):
            return RunEvidence(RunLife.ALIVE)
        end = _read(EndRecord, folder / "end.json")
        if end is None:
            return RunEvidence(RunLife.GONE)
        return RunEvidence(RunLife.GONE, ended_at=end.at, exit_code=end.exit_code, ordered=end.ordered)


def _read(model: type[MessageT], path: Path) -> MessageT | None:
    """Return the message in a file; None when there is none, or only half of one yet."""
    try:
        return model.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _last_progress(path: Path) -> tuple[VolumeProgress, ...]:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LAST_LINES))
            lines = file.read().splitlines()
    except OSError:
        return ()
    for line in reversed(lines):
        try:
            return tuple(SyncProgress.model_validate_json(line).volumes)
        except ValidationError:
            # The line that is being written, or the one that the window cut.
            continue
    return ()


def _write_private(path: Path, text: str) -> Path:
    """Write a file that nobody else can read, whole or not at all; return its path."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    return draft.replace(path)


def _remove_tree(path: Path) -> None:
    """Remove a notebook's folder, also where its user took the right to write from a folder."""
    if not path.exists():
        return
    # Root needs no right to write, and must not follow a name that turns into a link.
    for folder, names, _files in os.walk(path) if os.geteuid() else ():
        for name in names:
            inner = Path(folder, name)
            if not inner.is_symlink():
                inner.chmod(0o700)
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise RunnerError(f"The notebook's files cannot be removed: {exc.strerror}.") from exc
