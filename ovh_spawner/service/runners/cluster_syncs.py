"""Data syncs as Jobs on a notebook's claim. Retries and lost nodes are the Job controller's business.

A Job starts when nothing else uses the files: neither the notebook's own containers, unless it runs and a person asked
for this sync, nor another Job.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from ovh_spawner.contract.sync import SyncJob, SyncReport, SyncState, VolumeProgress
from ovh_spawner.domain.flavors import Flavor
from ovh_spawner.errors import RefusedError
from ovh_spawner.pod.job import plan_sync_job
from ovh_spawner.pod.labels import NOTEBOOK, SYNC, Component, Subject, selector
from ovh_spawner.pod.names import claim_name, pod_name, sync_name
from ovh_spawner.pod.network import plan_sync_policy
from ovh_spawner.pod.record import is_over
from ovh_spawner.pod.secrets import plan_sync_secret
from ovh_spawner.service.runners.base import NotYetError, SyncEvidence, SyncLife
from ovh_spawner.service.runners.cluster import CLAIMS, JOBS, PODS, POLICIES, SECRETS, Cluster, Resource
from ovh_spawner.service.runners.cluster_errors import AlreadyThereError, ClusterRefusedError, NotAllowedError
from ovh_spawner.service.runners.cluster_progress import ProgressLogs
from ovh_spawner.service.runners.job_facts import (
    JobEnd,
    end_of_job,
    has_no_pod_since,
    is_moving,
    is_whole,
    last_words_of,
    own_pods,
    waits_since,
    why_it_waits,
)
from ovh_spawner.service.runners.pod_facts import is_held, label_id
from ovh_spawner.service.runners.pod_watch import PodWatch
from ovh_spawner.service.runners.store_addresses import addresses_of
from ovh_spawner.settings import Settings

logger = structlog.get_logger()

Json = dict[str, Any]

HELD = timedelta(minutes=5)
"""How long a notebook's pod may be overdue before its node is taken for dead."""

LONGEST_WAIT = timedelta(minutes=15)
"""How long a Job's pod may wait for a node, its image and the claim. Clusters take a claim away from a dead node after
six minutes."""

HELD_BY_A_DEAD_NODE = (
    "The machine that {did} does not answer and still holds its files. They are kept: save again (Save now, "
    "or a data sync with direction push) when the machine is back or has been removed from the cluster."
)
NOTEBOOK_HELD = HELD_BY_A_DEAD_NODE.format(did="ran the notebook")
SYNC_HELD = HELD_BY_A_DEAD_NODE.format(did="moved the notebook's data")

NO_POD = "the cluster allows no pod for it, perhaps because a quota of its namespace is used up. Tell the operator."

CLAIM_LOST = "The disk with the notebook's files is gone, so nothing can be moved. Tell the operator."

ONE_POD_ONLY = (
    "The storage of this installation cannot be used by a data sync while the notebook runs. Stop the notebook: its "
    "data are saved then."
)


class ClusterSyncs:
    """Starts, observes and ends data syncs."""

    def __init__(
        self, settings: Settings, cluster: Cluster, watch: PodWatch, *, now: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._cluster = cluster
        self._watch = watch
        self._now = now
        self._logs = ProgressLogs(cluster)

    async def start(self, job: SyncJob, *, flavor: Flavor | None) -> None:
        """Start the sync unless it runs already.

        Raises:
            NotYetError: something else still uses the files, or the cluster does not answer.
            RefusedError: the cluster refuses, or a dead node keeps the files.

        """
        node = await self._free_node(job)
        if not await self._may_begin(job):
            return
        subject = Subject(
            notebook=job.notebook,
            project=job.project,
            hub=self._settings.deployment.hub_id,
            sync=job.id,
        )
        kubernetes = self._settings.kubernetes
        manifest = plan_sync_job(subject, job.id, kubernetes, flavor=flavor)
        if node:
            manifest["spec"]["template"]["spec"]["affinity"] = _only_on(node)
        try:
            await self._put(SECRETS, plan_sync_secret(subject, job))
            if kubernetes.network.enabled:
                stores = await addresses_of(job.volumes, offered=self._settings.data_stores)
                await self._put(POLICIES, plan_sync_policy(subject, kubernetes.network, stores=stores))
            await self._cluster.create(JOBS, manifest)
        except AlreadyThereError:
            # Another replica of this service was as quick.
            return
        except (ClusterRefusedError, NotAllowedError) as exc:
            if await self._cluster.find(JOBS, sync_name(job.id)):
                # A quota counts before it is noticed that another replica has made this very Job.
                return
            logger.warning("sync_refused_by_cluster", sync=str(job.id), **exc.details)
            await self.forget(job.id)
            raise RefusedError(f"{exc.message} The files are kept.") from exc

    async def observe(self, sync: UUID) -> SyncEvidence:
        try:
            await self._watch.refresh()
            known = self._watch.pods_of_sync(sync)
            if moving := next(filter(is_moving, known), None):
                return SyncEvidence(SyncLife.RUNNING, await self._logs.read(moving))
            job = await self._cluster.find(JOBS, sync_name(sync))
            if job is None:
                return SyncEvidence(SyncLife.ABSENT)
            pods, end = own_pods(known, job), end_of_job(job)
            if end is None:
                return await self._observe_running(sync, pods, job)
            if not is_whole(pods, end):
                # The picture may be behind the Job: a pod that failed may have had a successor.
                pods = await self._listed(sync, job)
            return await self._observe_ended(sync, pods, end)
        except NotYetError:
            return SyncEvidence(SyncLife.UNKNOWN)

    async def end(self, sync: UUID) -> None:
        """Order the end of the Job and its pod."""
        await self._cluster.remove(JOBS, sync_name(sync), propagationPolicy="Background")
        await self.forget(sync)

    async def end_all(self, notebook: UUID) -> None:
        """Remove every Job of the notebook: a claim cannot go while a pod of one is there, ended or not."""
        labels = selector(component=Component.SYNC.value, notebook=str(notebook))
        for job in (await self._cluster.list(JOBS, labels=labels))["items"]:
            if sync := label_id(job, SYNC):
                await self.end(sync)

    async def forget(self, sync: UUID) -> None:
        """Remove the credentials and the way to the data stores; the Job stays for its log."""
        await self._cluster.remove(SECRETS, sync_name(sync))
        await self._cluster.remove(POLICIES, sync_name(sync))

    async def list_jobs(self) -> dict[UUID, UUID]:
        """Return the notebooks of all data syncs that have a Job."""
        found = await self._cluster.list(JOBS, labels=selector(component=Component.SYNC.value))
        ids = [(label_id(job, SYNC), label_id(job, NOTEBOOK)) for job in found["items"]]
        return {sync: notebook for sync, notebook in ids if sync and notebook}

    async def _free_node(self, job: SyncJob) -> str:
        """Return the node that the Job must run on, empty for any; raises when the files are in use."""
        pod = await self._cluster.find(PODS, pod_name(job.notebook))
        if pod is None:
            claim = await self._cluster.find(CLAIMS, claim_name(job.notebook))
            if claim is None or "deletionTimestamp" in claim["metadata"]:
                raise RefusedError(CLAIM_LOST)
            return ""
        if is_held(pod, now=self._now(), patience=HELD):
            raise RefusedError(NOTEBOOK_HELD)
        node: str = pod["spec"].get("nodeName", "")
        if job.manual and "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] == "Running":
            if self._settings.kubernetes.storage.access_mode == "ReadWriteOncePod":
                raise RefusedError(ONE_POD_ONLY)
            return node
        raise NotYetError("The notebook's containers have not ended yet.")

    async def _may_begin(self, job: SyncJob) -> bool:
        """Tell whether there is no Job of this sync; one that is over is removed, another sync's waited for."""
        labels = selector(component=Component.SYNC.value, notebook=str(job.notebook))
        found = (await self._cluster.list(JOBS, labels=labels))["items"]
        mine = [each for each in found if each["metadata"]["name"] == sync_name(job.id)]
        if any(end_of_job(each) is None for each in mine):
            return False
        if any(end_of_job(each) is None for each in found):
            raise NotYetError("Another data sync of this notebook is running.")
        await self._check_nobody_moves(labels)
        if mine:
            await self._cluster.remove(JOBS, sync_name(job.id), propagationPolicy="Foreground")
            if await self._cluster.find(JOBS, sync_name(job.id)):
                raise NotYetError("An earlier try of this data sync is being removed.")
        return True

    async def _check_nobody_moves(self, labels: str) -> None:
        """Raise while a pod of a Job that is gone is still there: on a node that does not answer it may go on."""
        for pod in (await self._cluster.list(PODS, labels=labels))["items"]:
            if self._is_held(pod):
                raise RefusedError(SYNC_HELD)
            if not is_over(pod):
                raise NotYetError("An earlier data sync of this notebook has not ended yet.")

    def _is_held(self, pod: Json) -> bool:
        """Tell whether a node that does not answer keeps a pod. One that is over only waits for its Job's count."""
        return not is_over(pod) and is_held(pod, now=self._now(), patience=HELD)

    async def _put(self, resource: Resource, manifest: Json) -> None:
        """Make an object, in place of an earlier try's."""
        try:
            await self._cluster.create(resource, manifest)
        except AlreadyThereError:
            await self._cluster.remove(resource, manifest["metadata"]["name"])
            await self._cluster.create(resource, manifest)

    async def _observe_running(self, sync: UUID, pods: list[Json], job: Json) -> SyncEvidence:
        # The picture is a hint, and enough for progress; what ends a Job has to be true now.
        if self._why_stuck(pods, job) and (why := self._why_stuck(await self._listed(sync, job), job)):
            await self.end(sync)
            report = _report(sync, self._now(), SyncState.FAILED, message=why)
            return SyncEvidence(SyncLife.ENDED, report=report)
        return SyncEvidence(SyncLife.RUNNING)

    def _why_stuck(self, pods: list[Json], job: Json) -> str:
        """Return why a Job will not come to its end; empty: it may."""
        if pods and self._is_held(pods[-1]):
            return SYNC_HELD
        since = waits_since(pods[-1]) if pods else has_no_pod_since(job)
        if since is None or self._now() <= since + LONGEST_WAIT:
            return ""
        return (
            f"The data sync could not begin: {why_it_waits(pods[-1]) if pods else NO_POD} The files are kept."
        )

    async def _listed(self, sync: UUID, job: Json) -> list[Json]:
        """Return the Job's pods as they are now."""
        found = await self._cluster.list(PODS, labels=f"{selector()},{SYNC}={sync}")
        return own_pods(found["items"], job)

    async def _observe_ended(self, sync: UUID, pods: list[Json], end: JobEnd) -> SyncEvidence:
        found = last_words_of(pods, sync)
        if found.is_locked:
            return SyncEvidence(SyncLife.LOCKED)
        report = found.report or await self._reconstructed(sync, pods, end)
        return SyncEvidence(SyncLife.ENDED, tuple(report.volumes), report)

    async def _reconstructed(self, sync: UUID, pods: list[Json], end: JobEnd) -> SyncReport:
        """Return a report in place of one that is lost; only what was said to be done counts as done."""
        volumes = await self._logs.read(pods[-1]) if pods else ()
        is_done = end.is_complete and volumes and all(v.state is SyncState.DONE for v in volumes)
        state, message = (SyncState.DONE, "") if is_done else (end.state, end.message)
        return _report(sync, end.at or self._now(), state, message=message, volumes=volumes)


def _only_on(node: str) -> Json:
    """Return the wish for one node, beside the running notebook: most claims can be mounted on one node only."""
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
    wish = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    return {"nodeAffinity": wish}


def _report(
    sync: UUID,
    at: datetime,
    state: SyncState,
    *,
    message: str = "",
    volumes: tuple[VolumeProgress, ...] = (),
) -> SyncReport:
    return SyncReport(
        job=sync, state=state, started_at=at, ended_at=at, message=message, volumes=list(volumes)
    )
