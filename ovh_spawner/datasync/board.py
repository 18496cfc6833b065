"""How far every volume is, told as JSON lines about once a second and at each change of state."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from ovh_spawner.contract.sync import SyncJob, SyncProgress, SyncState, VolumeProgress

MOST_NAMES = 100
"""Names that a progress line lists; then a count follows."""

_SECONDS_BETWEEN_LINES = 1.0


class Board:
    """The state of all volumes. Volumes write from their threads, the main thread ticks."""

    def __init__(
        self, job: SyncJob, *, infos: Iterable[str], file: Path | None, now: Callable[[], datetime]
    ) -> None:
        self._job = job.id
        self._now = now
        self._file: IO[str] | None = file.open("a", encoding="utf-8") if file else None
        self._lock = threading.Lock()
        self._changed, self._printed_at = True, 0.0
        self._volumes = {
            volume.id: VolumeProgress(
                volume=volume.id, mount_path=volume.mount_path, info=info, state=SyncState.QUEUED
            )
            for volume, info in zip(job.volumes, infos, strict=True)
        }

    @property
    def volumes(self) -> list[VolumeProgress]:
        with self._lock:
            return list(self._volumes.values())

    def update(self, volume: UUID, **changes: Any) -> None:
        """Change fields of one volume; a change of state is told at once."""
        with self._lock:
            old = self._volumes[volume]
            new = old.model_copy(update=changes)
            self._volumes[volume] = new
            self._changed = self._changed or new != old
            if new.state is not old.state:
                self._tell()

    def tick(self) -> None:
        """Tell what changed, when the last line is old enough."""
        with self._lock:
            if self._changed and time.monotonic() - self._printed_at >= _SECONDS_BETWEEN_LINES:
                self._tell()

    def tell(self) -> None:
        with self._lock:
            self._tell()

    def _tell(self) -> None:
        progress = SyncProgress(job=self._job, at=self._now(), volumes=list(self._volumes.values()))
        line = progress.model_dump_json() + "\n"
        # Whoever listened may be gone (a hub that restarts), the disk of the progress file full. That is no
        # reason to leave data behind.
        for file in (sys.stdout, self._file):
            with contextlib.suppress(OSError, ValueError):
                if file is not None:
                    file.write(line)
                    file.flush()
        self._changed, self._printed_at = False, time.monotonic()


def listed(left_out: dict[str, str]) -> list[str]:
    """Return names with reasons as progress lines show them: at most a hundred, then a count."""
    names = [f"{name}: {reason}" for name, reason in sorted(left_out.items())]
    more = len(names) - MOST_NAMES
    return names if more <= 0 else [*names[:MOST_NAMES], f"and {more} more"]
