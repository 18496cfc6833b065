"""What every runner can do. Evidence is looked at, never remembered, so that it survives every restart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from ovh_spawner.contract.runs import OpenedRun, PreparedRun
from ovh_spawner.contract.sync import SyncJob, SyncReport, SyncVolume, VolumeProgress
from ovh_spawner.domain.capabilities import Editor
from ovh_spawner.domain.flavors import Flavor
from ovh_spawner.domain.states import RunState, Source
from ovh_spawner.errors import RunnerError


class NotYetError(RunnerError):
    """It cannot be done now, and nothing is wrong: the same call later may do it."""


class RunLife(StrEnum):
    """What can be seen of a run's processes."""

    NEVER = "never"
    """No trace: not launched (yet)."""
    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"
    """The place does not answer. Unknown is not stopped."""


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """A run's processes as they are now."""

    life: RunLife
    ended_at: datetime | None = None
    """When the editor ended, when a record of it was left."""
    exit_code: int | None = None
    ordered: bool = False
    """True: the end followed an order to stop."""
    source: Source = Source.GATEWAY
    """Who knows these times."""
    end: RunState | None = None
    """How it ended, where the place itself can tell."""
    code: str = ""
    message: str = ""
    """Why it ended, for its user; empty: not known."""
    launched: bool | None = None
    """False: no process of its user has run. None: not known here."""
    ready_at: datetime | None = None
    stopping_at: datetime | None = None
    """When its end was ordered at the place itself."""
    seen_at: datetime | None = None
    """The instant of which this is known; None: now."""
    is_responsive: bool = True
    """False: it is there, and nothing proves that it still works."""
    remains: bool = False
    """True: it has ended, and not everything of it has been taken away."""


@dataclass(frozen=True, slots=True)
class PullEvidence:
    """The data that a run brings before its editor starts."""

    finished: bool
    volumes: tuple[VolumeProgress, ...] = ()


class SyncLife(StrEnum):
    """What can be seen of a data sync."""

    ABSENT = "absent"
    """Nothing runs and nothing was reported: not started, or lost."""
    RUNNING = "running"
    LOCKED = "locked"
    """It gave way to another sync of the same notebook."""
    ENDED = "ended"
    UNKNOWN = "unknown"
    """The place does not answer."""


@dataclass(frozen=True, slots=True)
class SyncEvidence:
    """A data sync as it is now."""

    life: SyncLife
    volumes: tuple[VolumeProgress, ...] = ()
    report: SyncReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunParts:
    """All that a run needs besides its processes."""

    opened: OpenedRun
    project: str
    hub: str
    prefix: str
    """The notebook's path behind the proxy, with slashes."""
    editor: Editor
    has_files: bool = False
    """True: it ran before, so that its files are there, or are lost."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What a place holds, by the ids that it bears; the ledger says what of it is over."""

    runs: Mapping[UUID, UUID] = field(default_factory=dict)
    """Notebooks by run."""
    are_all_runs: bool = True
    """False: the place cannot tell of every run that has something here."""
    syncs: Mapping[UUID, UUID] = field(default_factory=dict)
    """Notebooks by data sync."""
    notebooks: frozenset[UUID] = frozenset()


class Runner(Protocol):
    """A place where notebooks have their files.

    Where it cannot be known whether a call worked, or it has to wait for something, it raises NotYetError.
    """

    async def watch(self, changed: Callable[[UUID], None]) -> None:
        """Tell the ids of runs whose evidence has changed, for as long as the service lives."""

    async def close(self) -> None:
        """Let go of the place. What runs there goes on."""

    async def prepare_run(self, parts: RunParts) -> PreparedRun:
        """Make everything that the run's processes need and the spawner cannot make; what is there stays.

        Raises:
            StartFailedError: the place refuses; nothing but room for the files is left behind.
        """

    async def forget_run(self, notebook: UUID, run: UUID) -> None:
        """Remove what was prepared for a run that is over; the notebook's files stay. Nothing there is fine."""

    async def forget_sync(self, notebook: UUID, sync: UUID) -> None:
        """Remove what a data sync that is over no longer needs. Nothing there is fine."""

    async def list_traces(self) -> Traces:
        """Return what there is of runs and data syncs, those that are over among them."""

    def volume_path(self, notebook: UUID, mount_path: str) -> str:
        """Return where a mount path's files are, for a data sync."""

    def state_folder(self, notebook: UUID) -> str:
        """Return where a data sync keeps its manifests and its lock."""

    async def start_sync(self, job: SyncJob, *, flavor: Flavor | None = None) -> None:
        """Start the job unless it runs already; what an earlier start of it reported is forgotten.

        ``flavor`` is the notebook's: its files may be where only such notebooks go.

        Raises:
            RunnerError: it cannot be started here.
            RefusedError: it will not start here, whenever it is tried; it has failed.
        """

    async def observe_sync(self, notebook: UUID, sync: UUID) -> SyncEvidence: ...

    async def end_sync(self, notebook: UUID, sync: UUID) -> None:
        """End the job's processes; none left is fine."""

    async def observe_run(self, notebook: UUID, run: UUID, *, must_know: bool = True) -> RunEvidence:
        """Return what is known of a run's processes.

        ``must_know``: an absence is proven; without it, nothing is asked about this one run alone.
        """

    async def address_of(self, notebook: UUID, run: UUID) -> str:
        """Return host and port of the run's gateway; empty: it has none (any more).

        Raises:
            NotYetError: the place does not answer.
        """

    def why_it_waits(self, run: UUID) -> str:
        """Return what a run that starts waits for, in one sentence; empty: for nothing that is known."""

    async def observe_pull(self, notebook: UUID, run: UUID) -> PullEvidence | None:
        """Return how far the pull before the start has come; None: whoever drives it reports it."""

    async def end_processes(self, notebook: UUID, run: UUID) -> None:
        """End everything that still belongs to the run; none left is fine.

        Raises:
            NotYetError: the end is ordered, and not all of it has come.
        """

    async def give_up(self, notebook: UUID) -> None:
        """Let go of what a machine that does not answer still holds: nobody wants the notebook's files any more."""

    async def remove_files(self, notebook: UUID) -> None:
        """Delete all files of the notebook; none left is fine."""

    async def check(self, volumes: Sequence[SyncVolume], *, seconds: float) -> SyncReport | None:
        """Try to reach each volume's source without moving data; None: no answer within the time."""
