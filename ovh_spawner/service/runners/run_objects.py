"""What a run needs in its cluster besides its pod: the claim, its Secrets, a NetworkPolicy.

Made in this order: the policy, by which leftovers are found again; the Secrets; the claim last, because it is never
taken away when something else fails. Each has a name of its own run, so that a repeated call finds what is there.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from pydantic import SecretStr

from ovh_spawner.contract.local import EditorProcess, GatewayConfig
from ovh_spawner.contract.runs import PreparedRun
from ovh_spawner.errors import StartFailedError
from ovh_spawner.pod.claim import plan_claim
from ovh_spawner.pod.containers import PORT
from ovh_spawner.pod.labels import NOTEBOOK, RUN, Component, Subject, selector
from ovh_spawner.pod.names import (
    claim_name,
    environment_secret_name,
    pod_name,
    run_policy_name,
    run_secret_name,
)
from ovh_spawner.pod.network import plan_run_policy
from ovh_spawner.pod.paths import EDITOR_SOCKET, SSH_SOCKET
from ovh_spawner.pod.secrets import plan_environment_secret, plan_run_secret
from ovh_spawner.service.runners.base import NotYetError, RunParts
from ovh_spawner.service.runners.cluster import CLAIMS, PODS, POLICIES, SECRETS, Cluster, Resource
from ovh_spawner.service.runners.cluster_errors import AlreadyThereError, ClusterRefusedError, NotAllowedError
from ovh_spawner.service.runners.pod_facts import is_due, label_id
from ovh_spawner.service.runners.store_addresses import addresses_of
from ovh_spawner.settings import Settings

logger = structlog.get_logger()

Json = dict[str, Any]

GONE_SECONDS = 3.0
"""How long a call waits for an order to be carried out; what takes longer is looked at again later."""

LOOK_SECONDS = 0.2


CLAIM_LOST = (
    "The disk with the notebook's files is gone. What was saved in data stores is still there: make a new notebook "
    "with the same volumes, or ask the operator to restore the disk and start again."
)


class RunObjects:
    """Makes and removes them."""

    def __init__(self, settings: Settings, cluster: Cluster, *, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._cluster = cluster
        self._now = now

    async def prepare(self, parts: RunParts) -> PreparedRun:
        """Make what is not there yet.

        Raises:
            StartFailedError: the cluster refuses, or the notebook's files are gone; no Secret or policy is left
                behind.
            NotYetError: the cluster does not answer.

        """
        opened = parts.opened
        subject = self._subject(parts)
        if parts.has_files and await self._is_claim_gone(opened.notebook):
            # An empty disk in its place would look as if nothing had happened.
            raise StartFailedError(CLAIM_LOST)
        try:
            await self._make(POLICIES, await self._policy(subject, parts))
            await self._make(SECRETS, plan_run_secret(subject, self._gateway(parts), opened.pull))
            await self._make(SECRETS, plan_environment_secret(subject, opened.spec.environment))
            # One that is being deleted is noticed by whoever schedules the pod.
            await self._make(CLAIMS, plan_claim(subject, self._settings.kubernetes.storage))
        except (ClusterRefusedError, NotAllowedError) as exc:
            logger.warning("run_refused_by_cluster", run=str(opened.run), **exc.details)
            await self.forget(opened.run)
            raise
        return PreparedRun(
            run=opened.run,
            notebook=opened.notebook,
            claim=claim_name(opened.notebook),
            run_secret=run_secret_name(opened.run),
            environment_secret=environment_secret_name(opened.run) if opened.spec.environment else "",
            has_pull=opened.pull is not None,
            project=parts.project,
        )

    async def forget(self, run: UUID) -> None:
        """Remove the run's Secrets, then the policy by which they are found."""
        await self._cluster.remove(SECRETS, run_secret_name(run))
        await self._cluster.remove(SECRETS, environment_secret_name(run))
        await self._cluster.remove(POLICIES, run_policy_name(run))

    async def list_runs(self) -> dict[UUID, UUID]:
        """Return the notebooks of the runs that something was made for."""
        if not self._settings.kubernetes.network.enabled:
            return {}
        found = await self._cluster.list(POLICIES, labels=selector(component=Component.NOTEBOOK.value))
        ids = [(label_id(each, RUN), label_id(each, NOTEBOOK)) for each in found["items"]]
        return {run: notebook for run, notebook in ids if run and notebook}

    async def list_claims(self) -> frozenset[UUID]:
        """Return the notebooks that have files here."""
        found = await self._cluster.list(CLAIMS, labels=selector(component=Component.NOTEBOOK.value))
        return frozenset(notebook for each in found["items"] if (notebook := label_id(each, NOTEBOOK)))

    async def end_pod(self, notebook: UUID, run: UUID) -> None:
        """Order the end of the run's pod with its full grace.

        Raises:
            NotYetError: it is still there.

        """
        pod = await self._find_pod(notebook, run)
        if pod is None:
            return
        if "deletionTimestamp" not in pod["metadata"]:
            # That very pod: the next run's has the same name.
            uid = pod["metadata"]["uid"]
            await self._cluster.remove(PODS, pod_name(notebook), preconditions={"uid": uid})
        if not await self._comes_to_pass(lambda: self._is_pod_gone(notebook, run)):
            raise NotYetError("The notebook's containers have not ended yet.")

    async def remove_overdue_pods(self, notebook: UUID) -> None:
        """Take pods off the cluster whose node does not answer: nobody wants these files any more."""
        found = await self._cluster.list(PODS, labels=selector(notebook=str(notebook)))
        for pod in found["items"]:
            name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
            if is_due(pod, now=self._now()):
                await self._cluster.remove(PODS, name, preconditions={"uid": uid}, gracePeriodSeconds=0)

    async def remove_claim(self, notebook: UUID) -> None:
        """Delete the notebook's files.

        Raises:
            NotYetError: they are still there.

        """
        await self._cluster.remove(CLAIMS, claim_name(notebook))
        await self.remove_overdue_pods(notebook)
        if not await self._comes_to_pass(lambda: self._is_claim_gone(notebook)):
            raise NotYetError("The cluster has not removed the notebook's files yet.")

    async def _find_pod(self, notebook: UUID, run: UUID) -> Json | None:
        """Return the notebook's pod when it is this run's."""
        pod = await self._cluster.find(PODS, pod_name(notebook))
        return pod if pod and label_id(pod, RUN) == run else None

    async def _is_pod_gone(self, notebook: UUID, run: UUID) -> bool:
        return await self._find_pod(notebook, run) is None

    async def _is_claim_gone(self, notebook: UUID) -> bool:
        return await self._cluster.find(CLAIMS, claim_name(notebook)) is None

    @staticmethod
    async def _comes_to_pass(look: Callable[[], Any]) -> bool:
        deadline = asyncio.get_running_loop().time() + GONE_SECONDS
        while not await look():
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def _make(self, resource: Resource, manifest: Json | None) -> None:
        if manifest is None:
            return
        try:
            await self._cluster.create(resource, manifest)
        except AlreadyThereError:
            return

    async def _policy(self, subject: Subject, parts: RunParts) -> Json | None:
        network = self._settings.kubernetes.network
        if not network.enabled:
            return None
        pull = parts.opened.pull
        stores = await addresses_of(pull.volumes if pull else (), offered=self._settings.data_stores)
        return plan_run_policy(subject, network, service_port=self._settings.service.port, stores=stores)

    def _gateway(self, parts: RunParts) -> GatewayConfig:
        opened, service, editor = parts.opened, self._settings.service, parts.editor
        return GatewayConfig(
            notebook=opened.notebook,
            run=opened.run,
            prefix=parts.prefix,
            host=self._settings.kubernetes.listen_address,
            port=PORT,
            service_url=service.url,
            service_prefix=self._settings.service_address,
            gateway_token=SecretStr(opened.gateway_token),
            cookie_key=SecretStr(opened.cookie_key),
            editor=EditorProcess(
                socket=EDITOR_SOCKET,
                ssh_socket=SSH_SOCKET if self._settings.ssh.enabled else "",
                strip_prefix=editor.strip_prefix,
                probe_path=editor.probe_path,
                name=editor.name,
            ),
            heartbeat_seconds=service.heartbeat_seconds,
        )

    @staticmethod
    def _subject(parts: RunParts) -> Subject:
        opened = parts.opened
        return Subject(
            notebook=opened.notebook,
            project=parts.project,
            hub=parts.hub,
            run=opened.run,
            editor=opened.spec.editor,
            framework=opened.spec.framework,
            flavor=opened.spec.flavor,
        )
