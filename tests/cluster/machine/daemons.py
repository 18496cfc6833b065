"""A program that runs until it is told to stop, and does not outlive the one who started it."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.waiting import wait_for


@dataclass
class Daemon:
    """A process with a log; ``start`` after ``stop`` or ``kill`` starts it again with the same command."""

    name: str
    command: Sequence[str | Path]
    logs: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        return self.logs / f"{self.name}.log"

    def start(self) -> None:
        # Killed with the one who started it, even when that one is killed without warning.
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "NO_PROXY": "*", "no_proxy": "*", **self.environment},
            )

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it without warning."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it hang: alive, and deaf."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def must_be_alive(self) -> None:
        if not self.is_alive():
            raise AssertionError(f"{self.name} ended\n{self.last_words()}")

    def last_words(self, lines: int = 15) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return f"--- {self.name}\n" + "\n".join(text.splitlines()[-lines:])

    def _end(self, order: signal.Signals) -> None:
        if not self.is_alive():
            return
        self.process.send_signal(order)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=20)


def wait_until(daemon: Daemon, look: Callable[[], bool], *, what: str, seconds: float = 120) -> None:
    """Wait for a state that the daemon brings about; fail at once when it ended."""

    def alive_and_there() -> bool:
        daemon.must_be_alive()
        return look()

    try:
        wait_for(alive_and_there, what=what, seconds=seconds)
    except AssertionError as error:
        error.add_note(daemon.last_words())
        raise
