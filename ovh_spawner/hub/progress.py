"""What a person watching a start reads: one line per stage in plain words, the last one kept up to date."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ovh_spawner.contract.sync import GitSource, SyncJob, SyncState, VolumeProgress

_UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"), (1, "bytes"))

PULL_FROM, PULL_TO = 10, 80
"""Share of the progress bar that the pull fills; the stages around it take seconds."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line: ``stage`` tells whether a new line replaces the last one."""

    stage: str
    percent: int
    message: str

    def event(self) -> dict[str, Any]:
        return {"progress": self.percent, "message": self.message}


class ProgressFeed:
    """The lines of one start, for any number of watchers."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._changed = asyncio.Event()

    @property
    def stage(self) -> str:
        """The stage of the last line."""
        return self._steps[-1].stage if self._steps else ""

    def show(self, step: Step) -> None:
        """Add a line, or replace the last one when it is of the same stage."""
        if self._steps and self._steps[-1] == step:
            return
        if self._steps and self._steps[-1].stage == step.stage:
            self._steps[-1] = step
        else:
            self._steps.append(step)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def watch(self) -> AsyncIterator[Step]:
        """Yield every line so far, then each new or newer one, for ever."""
        sent: list[Step] = []
        while True:
            changed = self._changed
            fresh = [step for n, step in enumerate(self._steps) if n >= len(sent) or sent[n] != step]
            sent = list(self._steps)
            for step in fresh:
                yield step
            await changed.wait()


def pull_step(job: SyncJob, volumes: Sequence[VolumeProgress]) -> Step:
    """Return the line of a pull: ``Cloning 2 repositories; pulling data: 1.2 of 3.4 GB``."""
    git = {volume.id for volume in job.volumes if isinstance(volume.source, GitSource)}
    cloning = sum(1 for v in job.volumes if v.id in git and not _is_done(v.id, volumes))
    data = [v for v in volumes if v.volume not in git]
    parts = []
    if cloning:
        parts.append(f"cloning {cloning} {'repository' if cloning == 1 else 'repositories'}")
    if data or len(git) < len(job.volumes):
        parts.append(_data_words(data))
    words = "; ".join(parts) or "data is in place"
    return Step("pull", _percent(data), words[0].upper() + words[1:])


def _is_done(volume: UUID, volumes: Sequence[VolumeProgress]) -> bool:
    return any(v.volume == volume and v.state is SyncState.DONE for v in volumes)


def _data_words(data: Sequence[VolumeProgress]) -> str:
    total = sum(v.total_bytes for v in data)
    if not total:
        return "pulling data"
    moved = min(total, sum(v.transferred_bytes for v in data))
    return f"pulling data: {amount(moved, total)}"


def _percent(data: Sequence[VolumeProgress]) -> int:
    total = sum(v.total_bytes for v in data)
    share = min(1.0, sum(v.transferred_bytes for v in data) / total) if total else 0.0
    return PULL_FROM + round((PULL_TO - PULL_FROM) * share)


def amount(part: int, whole: int) -> str:
    """Return two sizes in the unit of the larger one: ``1.2 of 3.4 GB``."""
    size, unit = next((size, unit) for size, unit in _UNITS if whole >= size or size == 1)
    if size == 1:
        return f"{part} of {whole} {unit}"
    return f"{part / size:.1f} of {whole / size:.1f} {unit}"
