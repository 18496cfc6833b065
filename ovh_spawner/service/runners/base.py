"""What every runner can do. Evidence is looked at, never remembered, so that it survives every restart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from ovh_spawner.contract.sync import SyncJob, SyncReport, SyncVolume, VolumeProgress


class RunLife(StrEnum):
    """What can be seen of a run's processes."""

    NEVER = "never"
    """No trace: not launched (yet)."""
    ALIVE = "alive"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """A run's processes as they are now."""

    life: RunLife
    ended_at: datetime | None = None
    """When the editor ended, when a record of it was left."""
    exit_code: int | None = None
    ordered: bool = False
    """True: the end followed an order to stop."""


class SyncLife(StrEnum):
    """What can be seen of a data sync."""

    ABSENT = "absent"
    """Nothing runs and nothing was reported: not started, or lost."""
    RUNNING = "running"
    LOCKED = "locked"
    """It gave way to another sync of the same notebook."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class SyncEvidence:
    """A data sync as it is now."""

    life: SyncLife
    volumes: tuple[VolumeProgress, ...] = ()
    report: SyncReport | None = None


class Runner(Protocol):
    """A place where notebooks have their files."""

    def volume_path(self, notebook: UUID, mount_path: str) -> str:
        """Return where a mount path's files are, for a data sync."""

    def state_folder(self, notebook: UUID) -> str:
        """Return where a data sync keeps its manifests and its lock."""

    async def start_sync(self, job: SyncJob) -> None:
        """Start the job unless it runs already; what an earlier start of it reported is forgotten.

        Raises:
            RunnerError: it cannot be started here.
        """

    async def observe_sync(self, notebook: UUID, sync: UUID) -> SyncEvidence: ...

    async def end_sync(self, notebook: UUID, sync: UUID) -> None:
        """End the job's processes; none left is fine."""

    async def observe_run(self, notebook: UUID, run: UUID) -> RunEvidence: ...

    async def end_processes(self, notebook: UUID, run: UUID) -> None:
        """End everything that still belongs to the run; none left is fine."""

    async def remove_files(self, notebook: UUID) -> None:
        """Delete all files of the notebook; none left is fine."""

    async def check(self, volumes: Sequence[SyncVolume], *, seconds: float) -> SyncReport | None:
        """Try to reach each volume's source without moving data; None: no answer within the time."""
