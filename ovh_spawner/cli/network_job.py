"""The objects of a network check: a pod that the cluster treats as a notebook, its policy, its settings."""

from pathlib import Path
from typing import Any
from uuid import UUID

from ovh_spawner.cli.network_targets import NODE_VARIABLE
from ovh_spawner.constants import DEFAULT_PROJECT, ENV_SETTINGS
from ovh_spawner.pod import images
from ovh_spawner.pod.labels import PART_OF, Component, Subject, labels_of
from ovh_spawner.pod.network import plan_run_policy
from ovh_spawner.settings import Settings

NAME = "ovh-spawner-check-network"
SETTINGS_FILE = "/etc/ovh-spawner/settings.yaml"
_KEPT_SECONDS = 3600
"""How long the Job and its log stay."""
_NOBODY = UUID(int=0)
"""A notebook and a run that do not exist: the pod has their labels, so that the policy chooses it."""


def plan_check(settings: Settings, settings_text: str, words: list[str]) -> dict[str, Any]:
    """Return a List for ``kubectl apply``; ``words`` are the check's own options."""
    subject = Subject(notebook=_NOBODY, run=_NOBODY, project=DEFAULT_PROJECT, hub=settings.deployment.hub_id)
    policy = plan_run_policy(subject, settings.kubernetes.network, service_port=settings.service.port)
    policy["metadata"] = {"name": NAME}
    configuration = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME},
        "data": {Path(SETTINGS_FILE).name: settings_text},
    }
    return {
        "apiVersion": "v1",
        "kind": "List",
        "items": [configuration, policy, _job(settings, subject, words)],
    }


def _job(settings: Settings, subject: Subject, words: list[str]) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": NAME},
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {
                "metadata": {"labels": _labels(subject)},
                "spec": _pod(settings, words),
            },
        },
    }


def _labels(subject: Subject) -> dict[str, str]:
    """Return what policies choose a notebook's pod by; not what the service finds its own pods by."""
    labels = labels_of(subject, Component.NOTEBOOK)
    return {key: value for key, value in labels.items() if key != PART_OF}


def _pod(settings: Settings, words: list[str]) -> dict[str, Any]:
    chosen = settings.kubernetes.images
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "imagePullSecrets": [{"name": name} for name in chosen.pull_secrets],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": images.USER_ID,
            "runAsGroup": images.USER_ID,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "check",
                "image": images.program_image(chosen, images.GATEWAY),
                "imagePullPolicy": chosen.pull_policy,
                "command": [images.PYTHON, "-m", "ovh_spawner.cli", "check-network", *words],
                "env": [
                    {"name": ENV_SETTINGS, "value": SETTINGS_FILE},
                    {"name": NODE_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
                ],
                "resources": {"limits": {"cpu": "200m", "memory": "128Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [
                    {"name": "settings", "mountPath": str(Path(SETTINGS_FILE).parent), "readOnly": True}
                ],
            }
        ],
        "volumes": [{"name": "settings", "configMap": {"name": NAME}}],
    }
