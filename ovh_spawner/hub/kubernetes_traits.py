"""What the spawner of pods is set to, and its views of the cluster: KubeSpawner's cache and direct requests."""

from collections.abc import Sequence
from uuid import UUID

from traitlets import Float, default

from ovh_spawner.hub.cluster_pods import ClusterPods, Pod
from ovh_spawner.hub.lifecycle import LifecycleMixin
from ovh_spawner.hub.reflectors import LivingReflectors
from ovh_spawner.pod.labels import RUN


class KubernetesTraits(LifecycleMixin, LivingReflectors):
    """Defaults that fit notebooks; operators change them as any trait of KubeSpawner."""

    stop_timeout = Float(
        86400.0,
        help="How long a stop waits for a pod to go, in seconds; a node that is lost can hold one for long.",
    ).tag(config=True)
    abandon_timeout = Float(
        120.0, help="How long a failed start waits for its pod to go, beyond the pod's own grace, in seconds."
    ).tag(config=True)
    room_timeout = Float(
        1800.0, help="How long a start waits for a node with enough free hardware, in seconds."
    ).tag(config=True)
    # A registry that is busy answers by the node's fourth try.
    pull_timeout = Float(
        180.0, help="How long a start waits for an image that cannot be reached at the moment, in seconds."
    ).tag(config=True)

    @default("stop_grace_seconds")
    def _default_stop_grace_seconds(self) -> float:
        return float(self.settings.kubernetes.stop_grace_seconds)

    @default("namespace")
    def _namespace_default(self) -> str:
        return self.settings.kubernetes.namespace or str(super()._namespace_default())

    @default("delete_grace_period")
    def _default_delete_grace_period(self) -> int:
        return int(self.settings.kubernetes.stop_grace_seconds)

    @default("delete_stopped_pods")
    def _default_delete_stopped_pods(self) -> bool:
        # Else poll() would delete a pod that has ended without any grace.
        return False

    @default("start_timeout")
    def _default_start_timeout(self) -> int:
        # Pulling a large bucket is part of a start.
        return 3600

    @default("http_timeout")
    def _default_http_timeout(self) -> int:
        # start() returns when the gateway is ready; this is for a hub that restarts on a busy cluster.
        return 120

    @default("k8s_api_request_timeout")
    def _default_request_timeout(self) -> int:
        return 10

    @default("k8s_api_request_retry_timeout")
    def _default_retry_timeout(self) -> int:
        return 60

    @default("storage_pvc_ensure")
    def _default_storage_pvc_ensure(self) -> bool:
        return False

    @default("events_enabled")
    def _default_events_enabled(self) -> bool:
        # They cost every hub the most, and are asked for when one start takes its time.
        return False

    def is_pod_running(self, pod: Pod | None) -> bool:
        """Tell whether it is the run's pod, with every container ready."""
        if pod is None or not self._is_ours(pod):
            return False
        # KubeSpawner expects fields that come later than the phase.
        status = pod["status"]
        has_fields = status.get("podIP") and status.get("containerStatuses")
        return bool(has_fields and super().is_pod_running(pod))

    def pod_has_uid(self, pod: Pod | None) -> bool:
        return pod is not None and self._is_ours(pod)

    @property
    def pods(self) -> ClusterPods:
        return ClusterPods(self.api, self.namespace, request_seconds=self.k8s_api_request_timeout)

    @property
    def prefix(self) -> str:
        """The notebook's path behind the proxy, as the hub sees it."""
        return str(self.server.base_url)

    def _is_ours(self, pod: Pod) -> bool:
        """Tell whether it is the pod of the current run; not of an earlier one with the same name."""
        return self.run is not None and is_of_run(pod, self.run)

    def _cached(self) -> Pod | None:
        return self._resources().get(f"{self.namespace}/{self.pod_name}")

    def _cached_own(self) -> Pod | None:
        """Return the run's pod; a cache that lags may still have an earlier one."""
        pod = self._cached()
        return pod if pod and self._is_ours(pod) else None

    def _put(self, pod: Pod | None) -> None:
        key = f"{self.namespace}/{self.pod_name}"
        if pod is None:
            self._resources().pop(key, None)
        else:
            self._resources()[key] = pod

    def _all_cached(self) -> Sequence[Pod]:
        return list(self._resources().values())

    def _resources(self) -> dict[str, Pod]:
        reflector = self.pod_reflector
        return reflector.resources if reflector else {}


def is_of_run(pod: Pod, run: UUID) -> bool:
    """Tell whether a pod was made for a run."""
    return bool((pod["metadata"].get("labels") or {}).get(RUN) == str(run))
