"""The gateway beside an editor that is a container of its own: it cannot wait for it, so it looks at its door.

A pod ends when all its containers have ended. A gateway that stayed for ever beside a dead editor would keep the pod,
and the pod's GPU, for as long as nobody comes to delete it.
"""

import asyncio
import time

import structlog

from ovh_spawner.contract.local import EditorProcess
from ovh_spawner.gateway.readiness import Readiness

log = structlog.get_logger()

LOOK_SECONDS = 1.0
"""Between two looks; each is one connection on this machine."""

MISSES = 2
"""So many looks in a row must find nobody: after the first one this process itself may have been paused."""

CONNECT_SECONDS = 5.0
"""An editor that is too busy to take a connection lives."""

EXIT_EDITOR_GONE = 1
"""The pod has failed then: nobody ordered this end."""


async def accompany(
    editor: EditorProcess, readiness: Readiness, stop: asyncio.Event, *, gone_seconds: float
) -> int:
    """Return the exit code when the end is ordered, or when an editor that was ready has gone for good."""
    ordered = asyncio.create_task(stop.wait())
    gone = asyncio.create_task(_wait_until_gone(editor, readiness, gone_seconds=gone_seconds))
    try:
        await asyncio.wait({ordered, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ordered.cancel()
        gone.cancel()
    if stop.is_set():
        return 0
    log.warning("editor_gone", editor=editor.name, seconds=gone_seconds)
    return EXIT_EDITOR_GONE


async def _wait_until_gone(editor: EditorProcess, readiness: Readiness, *, gone_seconds: float) -> None:
    """Return when nobody has listened for some time. Before it is ready, an editor may take as long as it needs."""
    last_seen, misses = time.monotonic(), 0
    while misses < MISSES or time.monotonic() - last_seen < gone_seconds:
        if not readiness.is_ready or await _listens(editor):
            last_seen, misses = time.monotonic(), 0
        else:
            misses += 1
        await asyncio.sleep(min(LOOK_SECONDS, gone_seconds / 4))


async def _listens(editor: EditorProcess) -> bool:
    """Tell whether somebody takes connections; only a refusal says that nobody does."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            if editor.socket:
                _, writer = await asyncio.open_unix_connection(editor.socket)
            else:
                _, writer = await asyncio.open_connection("127.0.0.1", editor.port)
    except (ConnectionRefusedError, FileNotFoundError):
        return False
    except (OSError, TimeoutError):
        return True
    writer.close()
    return True
