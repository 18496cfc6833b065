"""Work that goes on after a request was answered. Every task belongs here, so that none is lost or forgotten.

Nothing is remembered here that the ledger does not know: after a restart, reconcile orders the same work.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog

logger = structlog.get_logger()


class Background:
    """Owns tasks: one at a time per key, ended together."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        self._is_closed = False

    def ensure(self, key: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Let ``work`` run now; when work of this key is under way, once more after it.

        What is under way may have looked at the ledger for the last time just before the caller wrote to it.
        """
        if self._is_closed:
            return
        if key in self._tasks:
            self._again[key] = work
            return
        task = asyncio.create_task(self._guard(key, work), name=key)
        self._tasks[key] = task
        task.add_done_callback(lambda _done: self._finished(key))

    def repeat(self, key: str, work: Callable[[], Awaitable[None]], *, seconds: float) -> None:
        """Let ``work`` run again and again, with a pause between; a failure is logged and does not end it."""

        async def loop() -> None:
            while True:
                await self._guard(key, work)
                await asyncio.sleep(seconds)

        self.ensure(f"repeat {key}", loop)

    async def settled(self, *prefixes: str) -> None:
        """Wait until no work whose key starts like one of these is under way."""
        while busy := [task for key, task in self._tasks.items() if key.startswith(prefixes)]:
            await asyncio.wait(busy)

    async def close(self) -> None:
        """End all work; what it leaves undone is found in the ledger at the next start."""
        self._is_closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, key: str) -> None:
        del self._tasks[key]
        if work := self._again.pop(key, None):
            self.ensure(key, work)

    @staticmethod
    async def _guard(key: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Exception:
            logger.exception("background_work_failed", work=key)
