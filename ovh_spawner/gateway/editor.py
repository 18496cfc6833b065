"""The editor as a child of the gateway: started, watched, ended with all that it started."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import psutil
import structlog

from ovh_spawner.contract.local import EditorProcess
from ovh_spawner.gateway.editor_log import EditorLog
from ovh_spawner.gateway.strays import end_strays, tree_of

log = structlog.get_logger()

COMMAND_NOT_FOUND = 127
COMMAND_NOT_RUNNABLE = 126
"""What shells say, so that people know them."""

PR_SET_PDEATHSIG = 1
"""prctl(2)."""


class Editor:
    """One editor process."""

    def __init__(self, editor: EditorProcess, run: UUID, log_path: Path) -> None:
        self._editor = editor
        self._run = run
        self._log = EditorLog(log_path)
        self._process: asyncio.subprocess.Process | None = None
        self._exit_code = 0

    async def start(self) -> None:
        """Start it with exactly its own environment. A command that cannot run has ended, as in a shell."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._editor.command,
                cwd=self._editor.folder,
                env=self._editor.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=self._log.inlet,
                stderr=asyncio.subprocess.STDOUT,
                process_group=0,
                # Safe here: no thread exists yet, and it makes one system call.
                preexec_fn=_dies_with(os.getpid()),
            )
        except OSError as exc:
            self._exit_code = (
                COMMAND_NOT_FOUND if isinstance(exc, FileNotFoundError) else COMMAND_NOT_RUNNABLE
            )
            log.warning("editor_not_started", editor=self._editor.name, reason=exc.strerror)
            return
        finally:
            self._log.close_inlet()
        log.info("editor_started", editor=self._editor.name, pid=self._process.pid)

    async def wait(self) -> int:
        """Return its exit code when it has ended by itself."""
        if self._process is not None:
            self._exit_code = await self._process.wait()
        return self._exit_code

    async def end(self, seconds: float) -> int:
        """Ask it to end, wait, then end it and everything of the run that still lives."""
        tree: list[psutil.Process] = []
        if self._process is not None and self._process.returncode is None:
            tree = tree_of(self._process.pid)
            # The editor's group, not the whole tree: JupyterLab ends its own kernels in good order.
            _signal_group(self._process.pid, signal.SIGTERM)
            try:
                async with asyncio.timeout(seconds):
                    await self._process.wait()
            except TimeoutError:
                log.warning("editor_did_not_end", editor=self._editor.name, seconds=seconds)
        await self._end_the_rest(tree)
        return await self.wait()

    async def clear_up(self) -> None:
        """End what an editor left behind that ended by itself."""
        await self._end_the_rest([])

    async def _end_the_rest(self, tree: list[psutil.Process]) -> None:
        await end_strays(self._run, tree)
        if self._process is not None:
            # For those that hid their mark. The number is not taken again while one of them lives.
            _signal_group(self._process.pid, signal.SIGKILL)
        self._log.close()


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # all of it has ended
        os.killpg(group, number)


def _dies_with(gateway: int) -> Callable[[], None] | None:
    """Return what makes the kernel kill the editor with the gateway, so that none runs unguarded.

    Linux only, and for the editor itself only: its kernels notice that it is gone, and the spawner looks for
    strays.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def in_the_child() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != gateway:  # killed between fork and prctl
            os._exit(1)

    return in_the_child
