"""The programs that a sync starts: git and rclone, their environment, and their end.

A child ends with the sync whatever ends the sync: it gets a signal when we are told to stop, and where the
kernel offers it (Linux) also when we are killed. No two writers ever work on one notebook's files.
"""

import contextlib
import ctypes
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ovh_spawner.contract.local import RUN_VARIABLE, SYNC_VARIABLE
from ovh_spawner.datasync.failures import SyncInterruptedError

_KEPT = (
    "PATH", "TZ", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR",
    # Marks by which strays of ours are found.
    RUN_VARIABLE, SYNC_VARIABLE,
)  # fmt: skip
"""All that a child sees of our environment: the caller's RCLONE_*, GIT_* and AWS_* variables are not
among it.
"""

_SECONDS_TO_END = 10
"""Between the polite signal and the other one: rclone needs a moment to remove unfinished files."""

_LONGEST_LINE = 1024 * 1024

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a child ended."""

    code: int
    output: Path
    is_late: bool = False
    """Its time was over before it ended, so it was killed."""


class Children:
    """Starts programs and ends them all at once."""

    def __init__(self, home: Path) -> None:
        self._home = home
        """An empty folder: no configuration of anybody is read."""
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()

    def run(
        self,
        command: Sequence[str],
        *,
        output: Path,
        on_line: Callable[[str], None],
        more_environment: dict[str, str] | None = None,
        deadline: float = math.inf,
    ) -> Outcome:
        """Run a program to its end, or to a deadline of the monotonic clock; each line of its standard error
        goes to ``on_line`` as it comes.
        """
        environment = self._environment(more_environment)
        with (
            output.open("wb") as file,
            self._started(command, file, environment) as child,
            _killed_at(deadline, child) as late,
        ):
            if child.stderr is not None:  # always: a pipe was asked for
                for line in _lines(child.stderr):
                    on_line(line)
            code = child.wait()
        if self._stopping.is_set():
            raise SyncInterruptedError
        return Outcome(code, output, is_late=late.is_set())

    def pause(self, seconds: float) -> None:
        """Wait, unless the sync is told to end."""
        if self._stopping.wait(seconds):
            raise SyncInterruptedError

    def stop(self) -> None:
        """End every child and let no other start."""
        self._stopping.set()
        with self._lock:
            running = list(self._running)
        for child in running:
            _signal(child, signal.SIGTERM)
        for child in running:
            try:
                child.wait(timeout=_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)

    @contextlib.contextmanager
    def _started(
        self, command: Sequence[str], output: IO[bytes], environment: dict[str, str]
    ) -> Iterator[subprocess.Popen[bytes]]:
        with self._lock:
            if self._stopping.is_set():
                raise SyncInterruptedError
            child = subprocess.Popen(  # noqa: S603 - git or rclone, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
                env=environment,
                cwd=self._home,
                start_new_session=True,
                preexec_fn=_die_with_us,  # noqa: PLW1509 - it takes no lock
            )
            self._running.add(child)
        try:
            with child:
                yield child
        finally:
            with self._lock:
                self._running.discard(child)

    def _environment(self, more: dict[str, str] | None) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {**kept, "HOME": str(self._home), "LANG": "C.UTF-8", **(more or {})}


def _die_with_us() -> None:
    """Run in the child before the program: one system call, nothing that could wait for a lock."""
    if _LIBC is not None:
        _LIBC.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


@contextlib.contextmanager
def _killed_at(deadline: float, child: subprocess.Popen[bytes]) -> Iterator[threading.Event]:
    """Kill a program that still runs at its deadline; the event says that this happened."""
    late = threading.Event()
    if math.isinf(deadline):
        yield late
        return

    def kill() -> None:
        late.set()
        _signal(child, signal.SIGKILL)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), kill)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The child leads a session of its own, so that its helpers (git's https, say) hear it too.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield lines as they come; git ends those of a progress display with a carriage return."""
    rest = ""
    while chunk := os.read(stream.fileno(), 65_536):
        *lines, rest = (rest + chunk.decode(errors="replace")).replace("\r", "\n").split("\n")
        yield from (line.strip() for line in lines if line.strip())
        rest = rest[-_LONGEST_LINE:]  # what a server says reaches us here, and it may never end its line
    if rest.strip():
        yield rest.strip()
