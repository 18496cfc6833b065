"""The Job of one data sync: a push after a run's end, or a manual sync between two runs.

Retries and lost nodes are the Job controller's business, not ours.
"""

from uuid import UUID

from ovh_spawner.domain.flavors import Flavor
from ovh_spawner.pod import paths
from ovh_spawner.pod.containers import data_sync_container
from ovh_spawner.pod.labels import Component, Subject, labels_of
from ovh_spawner.pod.names import claim_name, sync_name
from ovh_spawner.pod.objects import Manifest, make_object
from ovh_spawner.pod.placement import pull_secrets, tolerations
from ovh_spawner.pod.plan import KEEP
from ovh_spawner.pod.resources import own_resources
from ovh_spawner.pod.security import ACCOUNT
from ovh_spawner.pod.volumes import FILES, TEMPORARY, secret_file
from ovh_spawner.settings_kubernetes import KubernetesSettings

EXITS_WITH_REASON = (1, 2, 75)
"""How the data sync ends by itself: a volume failed, it cannot read what it is told, another one holds the files."""
_STOP_SECONDS = 30
"""What the data sync gets to write down how far it came."""
_JOB_FILE = "job-file"


def plan_sync_job(
    subject: Subject, sync: UUID, settings: KubernetesSettings, *, flavor: Flavor | None
) -> Manifest:
    """Return the Job. It puts up with the taints that the notebook's pod put up with: the claim may be there.

    ``flavor`` is None when the catalog does not have it any more.
    """
    spec = {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": settings.sync_backoff_limit,
        "activeDeadlineSeconds": settings.sync_deadline_seconds,
        "ttlSecondsAfterFinished": settings.sync_ttl_seconds,
        # Never two at once on a claim: the next pod comes when the last one is gone, not when it is told to go.
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {"rules": _RULES},
        "template": {
            "metadata": {"labels": labels_of(subject, Component.SYNC), "annotations": dict(KEEP)},
            "spec": _pod_spec(subject, sync, settings, flavor=flavor),
        },
    }
    return make_object(
        "Job", sync_name(sync), subject, api_version="batch/v1", component=Component.SYNC, spec=spec
    )


_RULES = [
    # A node that was drained or lost is no failure of the push.
    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    # It has said what is wrong, and the service knows what another try could help. Killed, it has said nothing.
    {
        "action": "FailJob",
        "onExitCodes": {"containerName": "data", "operator": "In", "values": list(EXITS_WITH_REASON)},
    },
]


def _pod_spec(
    subject: Subject, sync: UUID, settings: KubernetesSettings, *, flavor: Flavor | None
) -> Manifest:
    placement = {
        "tolerations": tolerations(flavor, settings),
        "imagePullSecrets": pull_secrets(settings),
        "priorityClassName": settings.placement.priority_class,
    }
    return {
        **ACCOUNT,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": _STOP_SECONDS,
        **{name: value for name, value in placement.items() if value},
        "containers": [
            data_sync_container(
                settings.images,
                paths.SYNC_JOB,
                resources=own_resources(settings.data_sync),
                job_volume=_JOB_FILE,
            )
        ],
        "volumes": [
            {"name": FILES, "persistentVolumeClaim": {"claimName": claim_name(subject.notebook)}},
            secret_file(_JOB_FILE, sync_name(sync), "job.json"),
            {"name": TEMPORARY, "emptyDir": {}},
        ],
    }
