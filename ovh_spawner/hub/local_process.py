"""A notebook's process on this machine: started, found again after a hub restart, ended with its strays."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from ovh_spawner.contract.local import RUN_VARIABLE
from ovh_spawner.errors import LaunchError
from ovh_spawner.hub.accounts import Account, open_log

_LOOK_SECONDS = 0.1
"""Pause between two looks at an ending process; a stop should feel immediate."""
_STRAY_SECONDS = 3.0
"""How long a leftover may take to end after SIGTERM: the notebook has had its own time before."""
_CLOCK_SLACK_SECONDS = 1.0
"""psutil derives start times from the boot time, which a clock adjustment moves a little."""


class LocalProcess:
    """One process, told from a later one with the same id by its start time."""

    def __init__(self, pid: int, created_at: float, popen: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self.created_at = created_at
        self._popen = popen

    @classmethod
    def launch(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        account: Account,
    ) -> "LocalProcess":
        """Start a process in a session of its own, so that the hub's Ctrl-C does not reach it.

        Raises:
            LaunchError: It could not be started.
        """
        try:
            with open_log(log) as output:
                popen = subprocess.Popen(  # noqa: S603 - our own command
                    list(command),
                    env=dict(environment),
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    **account.process_options(),
                )
        except OSError as exc:
            raise LaunchError(
                "The notebook's process could not be started on this machine. Tell the operator: "
                f"{exc.strerror or 'no reason was given'}."
            ) from exc
        return cls(popen.pid, _created_at(popen.pid), popen)

    def is_alive(self) -> bool:
        if self._popen is not None:
            return self._popen.poll() is None
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created_at) <= _CLOCK_SLACK_SECONDS
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            # It exists and is somebody else's: the number has a new owner unless the hub is root.
            return False

    @property
    def exit_code(self) -> int | None:
        """The exit code where this hub started the process itself and it has ended."""
        return self._popen.poll() if self._popen is not None else None

    async def end(self, grace_seconds: float) -> None:
        """Ask the process to end, kill it when its time is up, and return when it is gone."""
        self._signal(signal.SIGTERM)
        if not await self._is_gone_within(grace_seconds):
            self._signal(signal.SIGKILL)
            await self._is_gone_within(grace_seconds)

    def _signal(self, number: signal.Signals) -> None:
        if not self.is_alive():
            return
        try:
            psutil.Process(self.pid).send_signal(number)
        except psutil.NoSuchProcess:
            return

    async def _is_gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True


def _created_at(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0


async def end_strays(run: str) -> int:
    """End every process that still carries the run's mark in its environment; return how many there were."""
    return await asyncio.to_thread(_end_strays, run)


def _end_strays(run: str) -> int:
    strays = [process for process in psutil.process_iter() if _belongs_to(process, run)]
    for process in strays:
        _send(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(strays, timeout=_STRAY_SECONDS)
    for process in alive:
        _send(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=_STRAY_SECONDS)
    return len(strays)


def _belongs_to(process: psutil.Process, run: str) -> bool:
    try:
        return process.environ().get(RUN_VARIABLE) == run
    except (psutil.Error, OSError):
        return False


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return
