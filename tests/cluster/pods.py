"""Small restricted pods of the pause image, which needs no registry."""

from typing import Any

from tests.cluster.machine.images import PAUSE

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 42420,
    "runAsGroup": 42420,
    "seccompProfile": {"type": "RuntimeDefault"},
}
POD_LEVEL = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, "fsGroup": 42420}


def pod(name: str, *words: str, image: str = PAUSE, memory: str = "64Mi", **spec: Any) -> dict[str, Any]:
    """A pod that runs ``pause`` with some words, as the program itself explains them."""
    size = {"cpu": "50m", "memory": memory}
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": list(words),
        "securityContext": RESTRICTED,
        "resources": {"requests": size, "limits": size},
    }
    base = {
        "containers": [container],
        "restartPolicy": "Never",
        "securityContext": POD_LEVEL,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": base | spec}


def phase(wanted: str):
    return lambda thing: thing["status"].get("phase") == wanted


def ended(thing: dict[str, Any]) -> dict[str, Any]:
    """How the pod's container ended, or nothing."""
    statuses = thing["status"].get("containerStatuses", [])
    return statuses[0]["state"].get("terminated", {}) if statuses else {}


def waiting(thing: dict[str, Any]) -> str:
    """Why the pod's container waits, or nothing."""
    statuses = thing["status"].get("containerStatuses", [])
    return statuses[0]["state"].get("waiting", {}).get("reason", "") if statuses else ""
