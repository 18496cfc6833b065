"""The pod of one run of a notebook: a pure function of its record, the catalog and the settings."""

from ovh_spawner.domain.capabilities import Editor
from ovh_spawner.domain.flavors import Flavor
from ovh_spawner.errors import StartFailedError
from ovh_spawner.pod.containers import data_container, editor_container, gateway_container
from ovh_spawner.pod.labels import QUEUE, Component
from ovh_spawner.pod.names import pod_name
from ovh_spawner.pod.objects import Manifest, make_object
from ovh_spawner.pod.placement import placed
from ovh_spawner.pod.request import PodRequest
from ovh_spawner.pod.security import ACCOUNT
from ovh_spawner.pod.volumes import pod_volumes

__all__ = ["KEEP", "PodRequest", "plan_pod"]

KEEP = {
    # A notebook's memory dies with its pod: what tidies nodes up is to leave it alone.
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    "karpenter.sh/do-not-disrupt": "true",
}


def plan_pod(request: PodRequest) -> Manifest:
    """Return the pod.

    Raises:
        StartFailedError: The catalog does not offer any more what the notebook was made with.
    """
    editor, flavor = _offered(request)
    kubernetes = request.settings.kubernetes
    pod = make_object("Pod", pod_name(request.notebook), request.subject, component=Component.NOTEBOOK)
    pod["metadata"]["annotations"] = dict(KEEP)
    if kubernetes.queue_name:
        pod["metadata"]["labels"][QUEUE] = kubernetes.queue_name
    pod["spec"] = {
        **ACCOUNT,
        # A crashed editor must not come back in place and go on being billed: its end is the run's end.
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": kubernetes.stop_grace_seconds,
        **placed(flavor, kubernetes),
        "initContainers": [data_container(request, flavor)] if request.has_pull else [],
        "containers": [gateway_container(request), editor_container(request, editor, flavor)],
        "volumes": pod_volumes(request, flavor),
    }
    return pod


def _offered(request: PodRequest) -> tuple[Editor, Flavor]:
    spec, catalog = request.spec, request.capabilities
    editor, flavor = catalog.editor(spec.editor), catalog.flavor(spec.flavor)
    if editor is None:
        raise StartFailedError(
            f"The editor {spec.editor!r} is not offered here any more. Choose another one and start again."
        )
    if flavor is None:
        raise StartFailedError(
            f"The flavor {spec.flavor!r} is not offered here any more. Choose another one and start again."
        )
    return editor, flavor
