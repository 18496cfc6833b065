"""A start: has the service prepare the run, makes the pod, waits until it is ready."""

import asyncio
import json
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import structlog

from ovh_spawner.contract.runs import OpenedRun, PreparedRun, RunStatus
from ovh_spawner.contract.sync import SyncJob
from ovh_spawner.domain.environment_rules import is_platforms
from ovh_spawner.errors import ClusterUnavailableError, LaunchError, StartFailedError
from ovh_spawner.hub import pod_manifest
from ovh_spawner.hub.cluster_pods import Answer, Pod
from ovh_spawner.hub.kubernetes_traits import KubernetesTraits
from ovh_spawner.hub.pod_start import Cache, PodStart, Wish
from ovh_spawner.hub.progress import Step, pull_step
from ovh_spawner.pod.names import pod_name
from ovh_spawner.pod.plan import plan_pod
from ovh_spawner.pod.refusals import read_refusal
from ovh_spawner.pod.request import PodRequest

log = structlog.get_logger()

_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
"""Answers after which the same request may succeed."""


class StartsPods(KubernetesTraits):
    """Brings a notebook's pod up."""

    _plan: dict[str, Any] | None = None
    _start_watch: PodStart | None = None
    _launch_task: asyncio.Task[Any] | None = None
    _creating: asyncio.Task[Answer] | None = None
    _opened_pull: SyncJob | None = None
    _may_have_pod = True
    """False from a start's beginning until it asks for a pod. A restarted hub cannot know."""
    _is_create_lost = False
    """True: an answer to a create never came, so that the pod may appear late."""
    _is_cancelled = False
    _is_cut_off = False
    """True when the hub itself ends in the middle of a stop: then nobody waits for the pod any more."""

    async def launch(self, opened: OpenedRun) -> str:
        self.pod_name = pod_name(opened.notebook)
        self._is_cancelled = self._is_cut_off = self._is_create_lost = self._may_have_pod = False
        prepared = await self.service.prepare_run(opened.run)
        self._plan = plan_pod(self._request(opened, prepared))
        self._start_watch = self._watch_of(opened)
        following = asyncio.create_task(self._start_watch.follow())
        self._launch_task = starting = asyncio.create_task(self._start())
        try:
            await asyncio.wait({starting, following}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done() or self._has_hooks():
                # Unless it is hopeless, KubeSpawner has the last word.
                return str(await self._unless_failed(starting, following))
            pod = await following
            self.pod_id = pod["metadata"]["uid"]
            return str(self._get_pod_url(pod))
        except TimeoutError as exc:
            raise ClusterUnavailableError(
                "The cluster did not take the notebook's pod in time. Start it again in a few minutes."
            ) from exc
        finally:
            for task in (starting, following):
                task.cancel()
            await asyncio.gather(starting, following, return_exceptions=True)
            self._start_watch = self._launch_task = None

    def _has_hooks(self) -> bool:
        """Tell whether KubeSpawner does more after the pod is made than wait for it."""
        return bool(self.after_pod_created_hook or self.internal_ssl or self.services_enabled)

    async def _unless_failed(self, starting: asyncio.Task[Any], following: asyncio.Task[Pod]) -> str:
        if following.done():
            # Raises when the pod will never be ready.
            following.result()
        return str(await starting)

    def on_status(self, status: RunStatus) -> None:
        if self._start_watch and self._opened_pull and status.pull:
            self._start_watch.show_pull(pull_step(self._opened_pull, status.pull))

    def _request(self, opened: OpenedRun, prepared: PreparedRun) -> PodRequest:
        return PodRequest(
            notebook=opened.notebook,
            run=opened.run,
            project=prepared.project,
            hub=self.settings.deployment.hub_id,
            prefix=self.prefix,
            spec=opened.spec,
            capabilities=self.capabilities,
            settings=self.settings,
            has_pull=prepared.has_pull,
            platform_variables=_platform_variables(opened),
        )

    async def _make_room(self, earlier: Pod | None) -> None:
        """Wait for an earlier pod of the notebook: it may still be saving."""
        if earlier is None:
            return
        log.warning("earlier_pod_found", run=str(self.run), pod=self.pod_name)
        self.feed.show(Step("earlier", 4, "Waiting for the notebook's earlier pod to end"))
        await self.pods.end(self.pod_name, is_meant=lambda p: not self._is_ours(p), look=self._cached)

    async def get_pod_manifest(self) -> Any:
        """Return the notebook's pod over what the operator configured: a V1Pod where a hook looks at it, else JSON."""
        base = await super().get_pod_manifest()
        if self._plan is None:
            raise RuntimeError("There is no plan.")
        client = self.api.api_client
        environment = self.get_env()
        variables = {name: str(environment[name]) for name in self.environment if name in environment}
        pod = pod_manifest.lay_over(client.sanitize_for_serialization(base), self._plan, variables=variables)
        if not self.modify_pod_hook:
            return pod
        # Operators' hooks know KubeSpawner's objects, not dicts.
        return client.deserialize(SimpleNamespace(data=json.dumps(pod)), "V1Pod")

    async def _make_create_pod_request(self, pod: Any, request_timeout: float) -> bool:
        """Create the pod; true when it stands. A lost answer is found out by asking again."""
        # From now on something of the person may run, whatever becomes of this hub.
        self._may_have_pod = self.is_launched = True
        self.checkpoint()
        self._creating = asyncio.create_task(self.pods.create(pod))
        try:
            # A start that is cancelled now must know whether there is a pod to take down.
            answer = await asyncio.shield(self._creating)
        except ClusterUnavailableError:
            self._is_create_lost = True
            return False
        if answer.is_success:
            return self._is_made()
        if answer.status == HTTPStatus.CONFLICT:
            return await self._meet(pod, request_timeout)
        log.warning("pod_refused", run=str(self.run), status=answer.status, message=answer.message)
        if answer.status in _AGAIN:
            return False
        self._may_have_pod = self.is_launched = self._is_create_lost
        refusal = read_refusal(answer.message)
        raise (StartFailedError if refusal.is_callers else LaunchError)(refusal.message)

    async def _meet(self, pod: Any, request_timeout: float) -> bool:
        """Deal with the pod that has the name already: the run's own, or an earlier one's."""
        try:
            existing = await self.pods.read(self.pod_name)
        except ClusterUnavailableError:
            return False
        if existing and self._is_ours(existing):
            log.info("pod_adopted", run=str(self.run), pod=self.pod_name)
            return self._is_made()
        await self._make_room(existing)
        return await self._make_create_pod_request(pod, request_timeout)

    def _is_made(self) -> bool:
        if self._start_watch:
            self._start_watch.is_made = True
        return True

    def _watch_of(self, opened: OpenedRun) -> PodStart:
        editor = self.capabilities.editor(opened.spec.editor)
        flavor = self.capabilities.flavor(opened.spec.flavor)
        self._opened_pull = opened.pull
        wish = Wish(
            name=self.pod_name,
            editor=editor.name if editor else opened.spec.editor,
            card=flavor.gpu.model if flavor and flavor.gpu else "GPU",
            room_seconds=self.room_timeout,
            pull_seconds=self.pull_timeout,
        )
        cache = Cache(self._cached_own, self._put, self._all_cached)
        return PodStart(self.pods, cache, self.feed, wish=wish)

    async def on_cancelled(self) -> None:
        """Leave the pod: a stop follows a cancelled start, and a hub that ends will find it again."""
        self._is_cancelled = True


def _platform_variables(opened: OpenedRun) -> dict[str, str]:
    """Return what the notebook is told of itself; the user's own variables are in a Secret."""
    return {name: value for name, value in opened.environment.items() if is_platforms(name)}
