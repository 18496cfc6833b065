"""The security of every pod of ours: the Pod Security Standard "restricted", and more."""

from typing import Any

from ovh_spawner.pod.images import USER_ID

ACCOUNT: dict[str, Any] = {
    # No token: nothing in the pod can ask the cluster anything.
    "automountServiceAccountToken": False,
    # The variables of every Service of the namespace would stand in the editor's environment.
    "enableServiceLinks": False,
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": USER_ID,
        "runAsGroup": USER_ID,
        "fsGroup": USER_ID,
        # Changing the owner of a million files at each start takes minutes; all but the first time it is right.
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}


def security_context(*, read_only: bool) -> dict[str, Any]:
    """Return a container's; ``read_only``: nothing but its mounts can be written (our own programs)."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": read_only,
        "runAsNonRoot": True,
        "runAsUser": USER_ID,
        "runAsGroup": USER_ID,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
