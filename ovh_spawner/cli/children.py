"""The supervisor's child processes: started in order, kept alive, ended in reverse order.

A child lives in a session of its own, so that the terminal's Ctrl-C reaches the supervisor alone and the order of
ending is ours: the hub stops its notebooks first, then the service saves what they left, then the store ends.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from ovh_spawner.errors import ConfigError

LONGEST_PAUSE_SECONDS = 30.0
"""Between two restarts of a child that keeps dying: short enough to come back soon after the cause is gone."""
FIRST_PAUSE_SECONDS = 0.5
STEADY_SECONDS = 60.0
"""A child that lived this long has recovered: the next pause is short again."""


@dataclass
class Child:
    """One process: how it starts, when it is ready, how long it may take to end."""

    name: str
    command: list[str]
    environment: dict[str, str]
    log: Path
    is_ready: Callable[[], Awaitable[bool]]
    ready_seconds: float = 180.0
    """An old laptop with a full disk may need a minute; one that ends is noticed at once."""
    end_seconds: float = 30.0
    tries: int = 1
    """How often a start is tried that ends before it is ready."""
    on_launch: Callable[[int], None] = lambda _pid: None
    """Told the id of each process, so that it can be ended by somebody else."""
    process: asyncio.subprocess.Process | None = None
    _keeper: asyncio.Task[None] | None = field(default=None, repr=False)
    _ending: bool = False

    async def start(self) -> None:
        """Start the process, wait until it is ready, and keep it alive from then on."""
        for left in reversed(range(self.tries)):
            await self._launch()
            try:
                await self._wait_until_ready()
                break
            except ConfigError:
                if not left or self.process is None or self.process.returncode is None:
                    raise
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.name}")

    async def end(self) -> None:
        """Ask the process to end; kill what does not within its time."""
        self._ending = True
        if self._keeper:
            self._keeper.cancel()
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), self.end_seconds)
        except TimeoutError:
            os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()

    async def _launch(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.on_launch(self.process.pid)

    async def _wait_until_ready(self) -> None:
        try:
            async with asyncio.timeout(self.ready_seconds):
                while not await self.is_ready():
                    if self.process and self.process.returncode is not None:
                        raise ConfigError(
                            f"{self.name} ended at start (exit code {self.process.returncode}). "
                            f"The last lines of {self.log}:\n{self._last_lines()}"
                        )
                    await asyncio.sleep(0.1)
        except TimeoutError as exc:
            raise ConfigError(
                f"{self.name} did not become ready within {self.ready_seconds:.0f} seconds. "
                f"The last lines of {self.log}:\n{self._last_lines()}"
            ) from exc

    async def _keep(self) -> None:
        """Start the process again whenever it ends by itself."""
        pause = FIRST_PAUSE_SECONDS
        clock = asyncio.get_running_loop().time
        while self.process is not None:
            began = clock()
            await self.process.wait()
            pause = FIRST_PAUSE_SECONDS if clock() - began > STEADY_SECONDS else pause
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            await self._launch()

    def _last_lines(self, count: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
