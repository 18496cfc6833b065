"""A runner whose data syncs end as they are told to, and whose notebooks live or not as they are told to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

from ovh_spawner.contract.runs import PreparedRun
from ovh_spawner.contract.sync import SyncJob, SyncReport, SyncState, SyncVolume, VolumeProgress
from ovh_spawner.errors import RunnerError
from ovh_spawner.service.runners.base import RunEvidence, RunLife, RunParts, SyncEvidence, SyncLife, Traces

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
MEGABYTE = 1_000_000


@dataclass
class FakeRunner:
    """Outlives the services of a test, as processes outlive a service."""

    outcomes: list[SyncState | str] = field(default_factory=list)
    """How the next syncs go, one for each start: a state, 'running' (goes on), 'lost', 'locked' or 'unstartable'."""
    usually: SyncState | str = SyncState.DONE
    jobs: list[SyncJob] = field(default_factory=list)
    syncs: dict[UUID, SyncEvidence] = field(default_factory=dict)
    runs: dict[UUID, RunEvidence] = field(default_factory=dict)
    removed: list[UUID] = field(default_factory=list)
    ended: list[UUID] = field(default_factory=list)
    missing_buckets: set[str] = field(default_factory=set)
    bad_stores: set[str] = field(default_factory=set)
    silent: bool = False
    addresses: dict[UUID, str] = field(default_factory=dict)
    prepared: list[RunParts] = field(default_factory=list)
    forgotten: list[UUID] = field(default_factory=list)

    async def watch(self, changed) -> None:
        pass

    async def close(self) -> None:
        pass

    async def prepare_run(self, parts: RunParts) -> PreparedRun:
        self.prepared.append(parts)
        return PreparedRun(run=parts.opened.run, notebook=parts.opened.notebook)

    async def forget_run(self, notebook: UUID, run: UUID) -> None:
        self.forgotten.append(run)

    async def forget_sync(self, notebook: UUID, sync: UUID) -> None:
        self.forgotten.append(sync)

    async def list_traces(self) -> Traces:
        return Traces()

    def volume_path(self, notebook: UUID, mount_path: str) -> str:
        return f"/fake/{notebook}{mount_path}"

    def state_folder(self, notebook: UUID) -> str:
        return f"/fake/{notebook}/sync"

    async def start_sync(self, job: SyncJob, *, flavor=None) -> None:
        if (known := self.syncs.get(job.id)) and known.life is SyncLife.RUNNING:
            return
        outcome = self.outcomes.pop(0) if self.outcomes else self.usually
        if outcome == "unstartable":
            raise RunnerError("The data sync cannot be started.")
        self.jobs.append(job)
        match outcome:
            case "running":
                self.syncs[job.id] = SyncEvidence(SyncLife.RUNNING, _progress(job, SyncState.RUNNING))
            case "locked":
                self.syncs[job.id] = SyncEvidence(SyncLife.LOCKED)
            case "lost":
                self.syncs.pop(job.id, None)
            case _:
                self.end(job.id, SyncState(outcome))

    def end(self, sync: UUID, state: SyncState = SyncState.DONE) -> None:
        """Let a sync end."""
        job = next(job for job in self.jobs if job.id == sync)
        volumes = _progress(job, state)
        report = SyncReport(
            job=job.id,
            state=SyncState.DONE if state is SyncState.DONE else SyncState.FAILED,
            started_at=LONG_AGO,
            ended_at=LONG_AGO,
            message="" if state is SyncState.DONE else f"bucket: {state.value}.",
            volumes=list(volumes),
        )
        self.syncs[sync] = SyncEvidence(SyncLife.ENDED, volumes, report)

    async def observe_sync(self, notebook: UUID, sync: UUID) -> SyncEvidence:
        return self.syncs.get(sync, SyncEvidence(SyncLife.ABSENT))

    async def end_sync(self, notebook: UUID, sync: UUID) -> None:
        self.syncs.pop(sync, None)

    async def observe_run(self, notebook: UUID, run: UUID, *, must_know: bool = True) -> RunEvidence:
        return self.runs.get(run, RunEvidence(RunLife.NEVER))

    async def address_of(self, notebook: UUID, run: UUID) -> str:
        return self.addresses.get(run, "")

    def why_it_waits(self, run: UUID) -> str:
        return ""

    async def observe_pull(self, notebook: UUID, run: UUID) -> None:
        """The spawner drives it."""

    async def end_processes(self, notebook: UUID, run: UUID) -> None:
        self.ended.append(run)
        if self.runs.get(run, RunEvidence(RunLife.NEVER)).life is RunLife.ALIVE:
            self.runs[run] = RunEvidence(RunLife.GONE)

    async def give_up(self, notebook: UUID) -> None:
        pass

    async def remove_files(self, notebook: UUID) -> None:
        self.removed.append(notebook)

    async def check(self, volumes: Sequence[SyncVolume], *, seconds: float) -> SyncReport | None:
        if self.silent:
            return None
        found = [
            VolumeProgress(
                volume=v.id, mount_path=v.mount_path, info="", state=self._reachable(v), message="no"
            )
            for v in volumes
        ]
        return SyncReport(
            job=uuid4(), state=SyncState.DONE, started_at=LONG_AGO, ended_at=LONG_AGO, volumes=found
        )

    def _reachable(self, volume: SyncVolume) -> SyncState:
        if volume.source.alias in self.bad_stores:
            return SyncState.INVALID_CREDENTIALS
        if volume.source.container in self.missing_buckets:
            return SyncState.NOT_FOUND
        return SyncState.DONE


def _progress(job: SyncJob, state: SyncState) -> tuple[VolumeProgress, ...]:
    return tuple(
        VolumeProgress(
            volume=volume.id,
            mount_path=volume.mount_path,
            info="bucket@STORE",
            state=state,
            transferred_bytes=1_200 * MEGABYTE,
            total_bytes=3_400 * MEGABYTE,
            message=""
            if state in {SyncState.DONE, SyncState.RUNNING}
            else f"{volume.mount_path}: {state.value}.",
        )
        for volume in job.volumes
    )
