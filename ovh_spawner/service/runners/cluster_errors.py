"""What a cluster can answer besides "done", and what of it a person reads.

An API server's own sentences name objects that people have never heard of, so they are kept for the log.
"""

import re

from ovh_spawner.errors import OVHSpawnerError, RunnerError, StartFailedError
from ovh_spawner.service.runners.base import NotYetError


class ClusterUnavailableError(NotYetError):
    """The API server does not answer, or not with an answer: what it did is not known."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "The cluster does not answer. Nothing is lost; try again in a moment.", reason=reason
        )


class NotThereError(RunnerError):
    """There is no such object."""


class AlreadyThereError(RunnerError):
    """An object of this name is there."""


class HistoryGoneError(RunnerError):
    """The server does not remember the version that a watch was to begin at."""


class ClusterRefusedError(StartFailedError):
    """The cluster's own rules refuse an object: a quota, a limit, a policy."""


class NotAllowedError(RunnerError):
    """The service's role lacks a verb: the operator's to mend."""


_QUOTA = re.compile(
    r"exceeded quota: (?P<name>[^,]+), requested: (?P<asked>.+?), used: .+?, limited: (?P<limit>.+)"
)
_LIMIT = re.compile(r"(?P<what>(?:maximum|minimum) \S+ usage per \S+ is [^,.]+)")

_OPERATOR = "Nothing was left behind. Ask the operator of this installation."


def refusal_of(code: int, message: str) -> OVHSpawnerError:
    """Return the error for an answer that means "no"."""
    details = {"code": code, "said": message}
    if quota := _QUOTA.search(message):
        return ClusterRefusedError(
            f"The cluster's quota is used up: this needs {_amounts(quota['asked'])}, and the limit is "
            f"{_amounts(quota['limit'])}. Stop or delete notebooks that are not needed, or ask the operator for more.",
            **details,
        )
    if limit := _LIMIT.search(message):
        return ClusterRefusedError(
            f"The cluster's limits do not allow this: {limit['what']}. {_OPERATOR}", **details
        )
    if "violates PodSecurity" in message:
        return ClusterRefusedError(f"The cluster's security rules do not allow this. {_OPERATOR}", **details)
    if " cannot " in message:
        # RBAC's "User … cannot create resource …": not the notebook's user's fault.
        return NotAllowedError("The service may not do this in its cluster. Ask the operator.", **details)
    return ClusterRefusedError(f"The cluster refuses this. {_OPERATOR}", **details)


def _amounts(text: str) -> str:
    """Return ``requests.storage=50Gi,pods=1`` for people."""
    found = [part.strip().partition("=") for part in text.split(",")]
    return ", ".join(f"{value} of {_WORDS.get(name, name)}" for name, _, value in found)


_WORDS = {
    "requests.storage": "storage",
    "requests.cpu": "CPU",
    "limits.cpu": "CPU",
    "requests.memory": "memory",
    "limits.memory": "memory",
    "requests.nvidia.com/gpu": "GPUs",
    "pods": "pods",
    "persistentvolumeclaims": "volumes",
    "secrets": "Secrets",
    "count/jobs.batch": "Jobs",
}
