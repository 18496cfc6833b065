"""Notebooks as pods of a cluster: their evidence, their files and their data syncs.

Nothing is remembered here that the cluster does not know; what is read from a picture of it is at most a minute old,
and what is decided on an absence is asked for once more, directly.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from ovh_spawner.contract.runs import PreparedRun
from ovh_spawner.contract.sync import SyncJob, SyncReport, SyncVolume
from ovh_spawner.domain.flavors import Flavor
from ovh_spawner.domain.states import Source
from ovh_spawner.pod.containers import DATA, PORT
from ovh_spawner.pod.endings import read_report
from ovh_spawner.pod.labels import RUN
from ovh_spawner.pod.names import claim_name, pod_name
from ovh_spawner.pod.paths import SYNC_STATE, claim_path
from ovh_spawner.pod.record import container_states
from ovh_spawner.pod.waiting import trouble_of
from ovh_spawner.service.runners.base import (
    NotYetError,
    PullEvidence,
    RunEvidence,
    RunLife,
    RunParts,
    SyncEvidence,
    Traces,
)
from ovh_spawner.service.runners.cluster import CLAIMS, PODS, Cluster
from ovh_spawner.service.runners.cluster_progress import ProgressLogs
from ovh_spawner.service.runners.cluster_syncs import ClusterSyncs
from ovh_spawner.service.runners.pod_facts import evidence_of, label_id
from ovh_spawner.service.runners.pod_watch import PodWatch
from ovh_spawner.service.runners.run_objects import RunObjects
from ovh_spawner.service.runners.store_checks import StoreChecks
from ovh_spawner.settings import Settings

VERBS = {
    ("", "pods"): {
        "get": "whether a run's pod is really gone before its files are saved",
        "list": "a picture of all notebooks, once a minute at most",
        "watch": "when notebooks become ready and end, by the cluster's clock",
        "delete": "end a pod whose run is over in the books and whose hub does not end it",
    },
    ("", "pods/log"): {"get": "progress of pulls and pushes"},
    ("", "secrets"): {
        "create": "credentials of a run and of a data sync, for their own containers only",
        "delete": "remove them when it is over; their names follow from its id, so none is ever read or listed",
    },
    ("", "persistentvolumeclaims"): {
        "get": "whether a notebook has files, and whether they are gone after a delete",
        "list": "claims of notebooks that were deleted while the service was away",
        "create": "room for a new notebook's files",
        "delete": "deleting a notebook, the only thing that deletes its files",
    },
    ("batch", "jobs"): {
        "get": "whether a push has ended",
        "list": "no second data sync on the same files; data syncs that are over",
        "create": "a push after a notebook's end, a data sync that a person asked for",
        "delete": "a data sync whose notebook is deleted, and an earlier try's",
    },
    ("networking.k8s.io", "networkpolicies"): {
        "list": "runs that are over and left something behind",
        "create": "what a run's pod may reach, its own data stores among it",
        "delete": "remove it with the run",
    },
}
"""Every verb that this runner uses, by API group and resource, and what for: the service's Role holds no more."""


class KubernetesRunner:
    """The runner of a cluster."""

    def __init__(
        self, settings: Settings, *, now: Callable[[], datetime], cluster: Cluster | None = None
    ) -> None:
        self._now = now
        # Secrets may not be listed: a run's Secrets are found by its policy.
        self._has_policies = settings.kubernetes.network.enabled
        self._cluster = cluster or Cluster(settings.kubernetes.namespace)
        self._watch = PodWatch(self._cluster, now=now)
        self._objects = RunObjects(settings, self._cluster, now=now)
        self._syncs = ClusterSyncs(settings, self._cluster, self._watch, now=now)
        self._logs = ProgressLogs(self._cluster)
        self._checks = StoreChecks()

    async def watch(self, changed: Callable[[UUID], None]) -> None:
        await self._watch.follow(changed)

    async def close(self) -> None:
        await self._cluster.close()

    async def prepare_run(self, parts: RunParts) -> PreparedRun:
        return await self._objects.prepare(parts)

    async def forget_run(self, notebook: UUID, run: UUID) -> None:
        del notebook
        await self._objects.forget(run)

    async def forget_sync(self, notebook: UUID, sync: UUID) -> None:
        del notebook
        await self._syncs.forget(sync)

    async def list_traces(self) -> Traces:
        await self._watch.refresh()
        return Traces(
            runs={**await self._objects.list_runs(), **self._watch.runs()},
            are_all_runs=self._has_policies,
            syncs=await self._syncs.list_jobs(),
            notebooks=await self._objects.list_claims(),
        )

    def volume_path(self, notebook: UUID, mount_path: str) -> str:
        del notebook
        return claim_path(mount_path)

    def state_folder(self, notebook: UUID) -> str:
        del notebook
        return SYNC_STATE

    async def start_sync(self, job: SyncJob, *, flavor: Flavor | None = None) -> None:
        await self._syncs.start(job, flavor=flavor)

    async def observe_sync(self, notebook: UUID, sync: UUID) -> SyncEvidence:
        del notebook
        return await self._syncs.observe(sync)

    async def end_sync(self, notebook: UUID, sync: UUID) -> None:
        del notebook
        await self._syncs.end(sync)

    async def observe_run(self, notebook: UUID, run: UUID, *, must_know: bool = True) -> RunEvidence:
        try:
            await self._watch.refresh()
            if known := self._watch.find(run):
                return known
            if not must_know:
                return RunEvidence(RunLife.UNKNOWN)
            # A pod that was made a moment ago is not in the picture yet: its absence has to be seen.
            asked = self._now()
            pod = await self._cluster.find(PODS, pod_name(notebook))
            if pod and label_id(pod, RUN) == run:
                return evidence_of(pod, seen_at=asked)
            # Without a claim there was never a pod.
            launched = None if await self._cluster.find(CLAIMS, claim_name(notebook)) else False
        except NotYetError:
            return RunEvidence(RunLife.UNKNOWN)
        return RunEvidence(RunLife.GONE, source=Source.CLUSTER, seen_at=asked, launched=launched)

    async def address_of(self, notebook: UUID, run: UUID) -> str:
        del notebook
        await self._watch.refresh()
        address = str((self._watch.pod_of(run) or {}).get("status", {}).get("podIP") or "")
        if not address:
            return ""
        return f"[{address}]:{PORT}" if ":" in address else f"{address}:{PORT}"

    def why_it_waits(self, run: UUID) -> str:
        pod = self._watch.pod_of(run)
        return trouble_of(pod, card="GPU").message if pod else ""

    async def observe_pull(self, notebook: UUID, run: UUID) -> PullEvidence | None:
        del notebook
        pod = self._watch.pod_of(run)
        state = container_states(pod).get(DATA, {}) if pod else {}
        if pod is None or not state or "waiting" in state:
            return None
        ended = state.get("terminated")
        report = read_report(ended) if ended else None
        if report:
            return PullEvidence(finished=True, volumes=tuple(report.volumes))
        return PullEvidence(finished=ended is not None, volumes=await self._logs.read(pod))

    async def end_processes(self, notebook: UUID, run: UUID) -> None:
        await self._objects.end_pod(notebook, run)

    async def give_up(self, notebook: UUID) -> None:
        await self._objects.remove_overdue_pods(notebook)

    async def remove_files(self, notebook: UUID) -> None:
        await self._syncs.end_all(notebook)
        await self._objects.remove_claim(notebook)

    async def check(self, volumes: Sequence[SyncVolume], *, seconds: float) -> SyncReport | None:
        return await self._checks.check(volumes, seconds=seconds)
