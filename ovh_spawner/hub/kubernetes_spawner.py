"""Notebooks as pods of a cluster: KubeSpawner at its seams, with a stop that loses nothing.

The service makes what a pod refers to (claim, Secrets, network policy); this makes the pod, and takes it down.
What is not known is not stopped: an API server that is away ends no notebook.
"""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from ovh_spawner.domain.states import RunState
from ovh_spawner.errors import ClusterUnavailableError
from ovh_spawner.hub.cluster_pods import Pod
from ovh_spawner.hub.kubernetes_start import StartsPods
from ovh_spawner.hub.kubernetes_traits import is_of_run
from ovh_spawner.pod.names import pod_name
from ovh_spawner.pod.status import PodStatus, read_pod

log = structlog.get_logger()

_STOPPING = 143
"""What poll says of a pod that is being deleted: a process that was told to end has this exit code."""
_LOOK_SECONDS = 0.5
"""Between two looks at a pod that is waited for."""
_LATE_SECONDS = 5.0
"""How long a create whose answer was lost may take to show its pod."""


class OVHSpawner(StartsPods):
    """A notebook is one pod."""

    _last_seen: Pod | None = None
    _last_alive: datetime | None = None
    _is_ordered = False
    """True: somebody stopped it, perhaps in an earlier life of this hub."""
    _is_lost = False
    """True: the pod was gone though nobody here had ordered it."""

    # Looking -----------------------------------------------------------------------------------

    async def poll(self) -> int | None:
        """Return None while the notebook runs or starts, or nobody can tell."""
        if self.is_starting:
            return None
        if self.run is None:
            return 0
        try:
            pod = await self._look()
        except ClusterUnavailableError:
            return None
        if pod is None:
            self._is_lost = True
            return 1
        self._last_seen, self._last_alive = pod, self.now()
        status = read_pod(pod)
        if status.ready_at and not status.stopping_at:
            await self.report_running_late(status.ready_at)
        # A stop that an earlier life of this hub could not bring to the cluster is brought now.
        return _STOPPING if self._is_ordered else _exit_code(status)

    async def _look(self) -> Pod | None:
        """Return the run's pod; what the cache does not have is asked for directly.

        Raises:
            ClusterUnavailableError: Nobody can tell.
        """
        try:
            await self._start_watching_pods()
            pod = self._cached_own() or await self.pods.read(self.pod_name)
        except Exception as exc:  # unknown is not stopped, whatever the reason is
            log.warning("pod_unknown", run=str(self.run), error=type(exc).__name__)
            raise ClusterUnavailableError("The cluster does not answer.") from exc
        return pod if pod and self._is_ours(pod) else None

    async def get_url(self) -> str:
        """Return where the gateway listens, once it does. Never raises: the hub would not survive it."""
        known = str(self.server.url) if self.server else ""
        clock = asyncio.get_running_loop().time
        end = clock() + self.start_timeout
        while self.run is not None and self.server and clock() < end:
            try:
                pod = await self._look()
            except ClusterUnavailableError:
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            if pod is None or _exit_code(read_pod(pod)) is not None:
                break
            if self.is_pod_running(pod):
                return f"{self._get_pod_url(pod)}{self.prefix}"
            await asyncio.sleep(_LOOK_SECONDS)
        return known

    # The stop ----------------------------------------------------------------------------------

    async def stop(self, now: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - JupyterHub's signature
        """Stop the notebook, always with the pod's whole grace: what it saves then is what the person did."""
        if self.run is None:
            return
        if self._launch_task is not None and asyncio.current_task() is self._launch_task:
            # KubeSpawner clears up after a hook that failed; the start's own end reports it.
            return
        self._is_ordered = True
        self.checkpoint()
        await self.report_stopping(self.now())
        try:
            await self._end_pod(self.stop_timeout)
        except asyncio.CancelledError:
            self._is_cut_off = True
            raise
        last = self._status()
        self._note_launched(last)
        await self.report_end(RunState.STOPPED, (last and last.ended_at) or self.now())

    async def end_processes(self, *, grace_seconds: float) -> None:
        """Take a failed start's pod down; what does not go in time is left to the service's reconcile."""
        await self._end_pod(grace_seconds + self.abandon_timeout)
        self._note_launched(self._status())

    async def _end_pod(self, seconds: float) -> None:
        """Take the run's pod down and wait until it is gone; without an answer it is not gone."""
        run = self.run
        if run is None or not self._may_have_pod:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._wait_for_create()
                await self._end_what_appears(run)
        except TimeoutError:
            log.warning("pod_does_not_go", run=str(run), pod=self.pod_name, seconds=seconds)

    async def _end_what_appears(self, run: UUID) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + (_LATE_SECONDS if self._is_create_lost else 0.0)
        while True:
            last = await self.pods.end(
                self.pod_name, is_meant=lambda pod: is_of_run(pod, run), look=self._cached
            )
            self._last_seen = last or self._last_seen
            if last is not None or clock() >= until:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _wait_for_create(self) -> None:
        """A pod that is being created cannot be deleted yet, and would stay."""
        if self._creating is not None:
            await asyncio.wait({self._creating})
            self._is_create_lost |= self._creating.exception() is not None
            self._creating = None

    def run_post_stop_hook(self) -> Any:
        """Finish what poll found ended: JupyterHub calls no stop() then."""
        return self._finish()

    async def _finish(self) -> None:
        if self.run is not None and not self._is_cut_off:
            await self._finish_end()
        hook = super().run_post_stop_hook()
        if hook is not None and hasattr(hook, "__await__"):
            await hook

    async def _finish_end(self) -> None:
        found = self._status()
        end, stopping_at = (found.end, found.stopping_at) if found else (None, None)
        if stopping_at:
            await self.report_stopping(stopping_at)
        await self._end_pod(self.stop_timeout)
        last = self._status()
        self._note_launched(last)
        at = (last and last.ended_at) or self.now()
        if end is not None and not stopping_at:
            await self.report_end(end.state, at, code=end.code, message=end.message)
        elif self._is_lost and not (stopping_at or self._is_ordered or self._is_cancelled):
            await self._report_lost(self._last_alive or at)
        else:
            await self.report_end(RunState.STOPPED, at)

    async def _report_lost(self, at: datetime) -> None:
        """Report a pod that was gone before anybody looked."""
        if self.is_launched:
            await self.report_end(
                RunState.ERROR,
                at,
                code="pod_lost",
                message="The notebook's pod disappeared from the cluster. Your files are kept; "
                "start the notebook again.",
            )
            return
        await self.report_end(
            RunState.ERROR,
            at,
            code="hub_restarted",
            message="The hub was restarted while the notebook was starting. Start it again.",
        )

    # State ---------------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        return super().get_state() | {"ordered": self._is_ordered}

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self._is_ordered = bool(state.get("ordered"))
        if self.notebook is not None:
            self.pod_name = pod_name(self.notebook)

    def clear_state(self) -> None:
        super().clear_state()
        self._plan = self._last_seen = self._last_alive = None
        self._is_lost = self._is_ordered = False
        self._may_have_pod = True

    def _note_launched(self, status: PodStatus | None) -> None:
        """Without a pod to look at, something of the person may have run."""
        if status is not None and not self.is_running_reported:
            self.is_launched = status.launched

    def _status(self) -> PodStatus | None:
        return read_pod(self._last_seen) if self._last_seen else None


def _exit_code(status: PodStatus) -> int | None:
    """Return what poll says of a pod; None: it runs, or will."""
    if status.stopping_at is not None:
        return _STOPPING
    if status.end is None:
        return None
    return 0 if status.end.state is RunState.STOPPED else 1
