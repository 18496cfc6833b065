"""Processes of a supervisor that was killed: written down while it lives, ended by the one that comes after it.

A killed supervisor (kill -9, no memory left) cannot end its children. They would hold their ports, and two hubs would
work on one database. Notebooks are no children of the supervisor: they go on, and the next hub finds them.
"""

import json
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

HUB = "JupyterHub"
"""What the supervisor calls the hub."""
_CLOCK_SLACK_SECONDS = 1.0
"""psutil derives start times from the boot time, which a clock adjustment moves a little."""


@dataclass(frozen=True, slots=True)
class Started:
    """One process, told from a later one with the same id by its start time."""

    name: str
    pid: int
    created_at: float


class Register:
    """What runs for this installation, in a file beside its state."""

    def __init__(self, state: Path) -> None:
        self._path = state / "processes.json"
        self._proxy_pid = state / "proxy.pid"
        self._known: dict[str, Started] = {}

    def note(self, name: str, pid: int) -> None:
        """Remember a process that was started now, in place of the last one of its name."""
        try:
            self._known[name] = Started(name, pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            self._known.pop(name, None)
        draft = self._path.with_suffix(".new")
        draft.write_text(json.dumps([asdict(started) for started in self._known.values()]))
        draft.rename(self._path)

    def clear(self) -> None:
        """Forget everything: all has ended in order."""
        self._known.clear()
        self._path.unlink(missing_ok=True)

    def end_leftovers(self, tell: Callable[[str], None], *, end_seconds: float) -> None:
        """End what an earlier supervisor has left, the newest first."""
        left = [(started, process) for started in self._read() if (process := _find(started))]
        proxy = self._find_proxy()
        if left or proxy:
            tell("The last run did not end in order; ending what it left. Its notebooks go on.")
        for started, process in reversed(left):
            # A hub that is asked to end stops its notebooks; one that is killed leaves them to the next hub.
            _end(process, hard=started.name == HUB, seconds=end_seconds)
        if proxy:
            _end(proxy, hard=False, seconds=end_seconds)
        self.clear()

    def _read(self) -> list[Started]:
        try:
            return [Started(**entry) for entry in json.loads(self._path.read_text())]
        except (OSError, ValueError, TypeError):
            # There is none, or it was cut short when the machine went down, and the processes with it.
            return []

    def _find_proxy(self) -> psutil.Process | None:
        """Return the hub's proxy, which the hub starts and writes down itself."""
        try:
            process = psutil.Process(int(self._proxy_pid.read_text()))
            is_ours = any("configurable-http-proxy" in part for part in process.cmdline())
        except (OSError, ValueError, psutil.Error):
            return None
        return process if is_ours else None


def _find(started: Started) -> psutil.Process | None:
    try:
        process = psutil.Process(started.pid)
        same = abs(process.create_time() - started.created_at) <= _CLOCK_SLACK_SECONDS
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _end(process: psutil.Process, *, hard: bool, seconds: float) -> None:
    try:
        process.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
        process.wait(timeout=seconds)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(timeout=seconds)
    except psutil.NoSuchProcess:
        return
