"""Processes of this machine, and their end.

An id alone proves nothing, as they are reused, and neither does a record of one: it lies where the notebook's account
can write, and ours may end anybody's processes.
"""

import os
import signal
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import psutil

from ovh_spawner.contract.local import RUN_VARIABLE, SYNC_VARIABLE, ProcessRecord

CLOCK_GRAIN = 1.0
"""Seconds by which two readings of a process's start time may differ (a clock that was set)."""

GRACE_SECONDS = 5.0
"""Between asking a process to end and killing it: an editor writes its open files in much less."""

DATASYNC = "ovh_spawner.datasync"
"""The program that moves data."""

PASSED_ON = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "PYTHONPATH",
     "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY",
     "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}
)  # fmt: skip
"""Our environment holds tokens and keys: a data sync gets these of it, and its credentials by file."""

ROUNDS = 5
"""A process can start another one while it is being ended; after the first rounds none is left that could."""


def environment() -> dict[str, str]:
    """Return what a program of ours may know of our environment."""
    return {name: value for name, value in os.environ.items() if name in PASSED_ON}


def birth_of(pid: int) -> float:
    """Return when a process started, or 0 when it is gone already."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return 0.0


@dataclass(frozen=True, slots=True)
class Mark:
    """What every process of a run, or of a data sync, carries in its environment."""

    variable: str
    value: UUID

    def is_on(self, process: psutil.Process) -> bool:
        """Tell whether a process carries it. One that is gone, or another account's, is none of ours."""
        try:
            return process.environ().get(self.variable) == str(self.value)
        except (psutil.Error, OSError):
            return False


def run_mark(run: UUID) -> Mark:
    """Return the mark of everything that belongs to a run."""
    return Mark(RUN_VARIABLE, run)


def sync_mark(sync: UUID) -> Mark:
    """Return the mark of everything that belongs to a data sync."""
    return Mark(SYNC_VARIABLE, sync)


def find(record: ProcessRecord, mark: Mark) -> psutil.Process | None:
    """Return the process of the record, unless it has ended or is somebody else's."""
    try:
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.created_at) < CLOCK_GRAIN
        return process if same and process.status() != psutil.STATUS_ZOMBIE and mark.is_on(process) else None
    except psutil.Error:
        return None


def is_alive(record: ProcessRecord, mark: Mark) -> bool:
    """Tell whether the process of the record still runs."""
    return find(record, mark) is not None


def end_all(record: ProcessRecord | None, mark: Mark) -> None:
    """End the process of the record with its children, then whatever still carries the mark."""
    if record:
        _end_tree(record, mark)
    for _round in range(ROUNDS):
        marked = list(_marked(mark))
        if not marked:
            return
        _end(marked)


def find_sync(sync: UUID) -> ProcessRecord | None:
    """Return a data sync that was started, and whose starter died before it wrote that down."""
    for process in _marked(sync_mark(sync)):
        with suppress(psutil.Error):
            # Its own children carry the mark, too.
            if DATASYNC in process.cmdline():
                return ProcessRecord(pid=process.pid, created_at=process.create_time())
    return None


def run_briefly(command: list[str], environment: dict[str, str], seconds: float) -> bytes | None:
    """Return what a program prints, or None when it takes too long; it is ended then, with its children."""
    child = subprocess.Popen(  # noqa: S603 - our own program
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with child:
        try:
            return child.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            return None


def _marked(mark: Mark) -> Iterable[psutil.Process]:
    return (found for found in psutil.process_iter() if mark.is_on(found) and found.pid != os.getpid())


def _end_tree(record: ProcessRecord, mark: Mark) -> None:
    process = find(record, mark)
    if process is None:
        return
    try:
        children = process.children(recursive=True)
    except psutil.Error:
        children = []
    # The parent first, alone: it ends its children in its own order.
    _end([process])
    _end(children)


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.terminate()
    _gone, left = psutil.wait_procs(processes, timeout=GRACE_SECONDS)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=GRACE_SECONDS)
