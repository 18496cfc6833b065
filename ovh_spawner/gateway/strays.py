"""Ending what an editor left behind: kernels and terminals have sessions of their own, people start daemons.

Every process of a run carries the run's mark in its environment, which it cannot lose by changing parent or
group.
"""

import asyncio
import os
from collections.abc import Iterator
from uuid import UUID

import psutil
import structlog

from ovh_spawner.contract.local import RUN_VARIABLE

log = structlog.get_logger()

TERM_SECONDS = 2.0
"""The editor had its time before; this is for what it forgot."""

LOOK_SECONDS = 0.05


async def end_strays(run: UUID, extra: list[psutil.Process]) -> None:
    """End every process of the run but this one: first kindly, then not."""
    loop = asyncio.get_running_loop()
    for kind, seconds in (("terminate", TERM_SECONDS), ("kill", TERM_SECONDS)):
        strays = list(_strays(run, extra))
        if not strays:
            return
        log.info("ending_strays", how=kind, pids=[process.pid for process in strays])
        for process in strays:
            _signal(process, kind)
        deadline = loop.time() + seconds
        # Looked at, not waited for: psutil's wait would take our child's exit code away from asyncio.
        while loop.time() < deadline and any(_lives(process) for process in strays):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)


def tree_of(pid: int) -> list[psutil.Process]:
    """Return the process and all that descend from it now."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _strays(run: UUID, extra: list[psutil.Process]) -> Iterator[psutil.Process]:
    known = {process.pid for process in extra}
    yield from (process for process in extra if _lives(process))
    for process in psutil.process_iter():
        if process.pid not in known and process.pid != os.getpid() and _is_marked(process, run):
            yield process


def _is_marked(process: psutil.Process, run: UUID) -> bool:
    try:
        return process.environ().get(RUN_VARIABLE) == str(run) and _lives(process)
    except (psutil.Error, OSError):
        return False  # another account's process, or one that just ended


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _signal(process: psutil.Process, kind: str) -> None:
    try:
        if kind == "kill":
            process.kill()
        else:
            process.terminate()
    except psutil.Error:
        pass  # it ended by itself meanwhile
