"""What an API server's "no" means, in plain words. Its own sentences name objects that people have never heard of."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """One plain sentence, and whether the person who asked can do something about it."""

    message: str
    is_callers: bool = True


_QUOTA = re.compile(
    r"exceeded quota: [^,]+, requested: (?P<asked>.+?), used: (?P<used>.+?), limited: (?P<limit>.+)"
)
_LIMIT = re.compile(
    r"(?P<bound>maximum|minimum) (?P<what>\S+) usage per (?P<per>\S+) is (?P<amount>[^,.]+), "
    r"but (?:limit|request) is (?P<asked>[^,.\]]+)"
)

_WORDS = {
    "requests.storage": "storage",
    "requests.cpu": "CPUs",
    "limits.cpu": "CPUs",
    "cpu": "CPUs",
    "requests.memory": "memory",
    "limits.memory": "memory",
    "requests.ephemeral-storage": "disk",
    "limits.ephemeral-storage": "disk",
    "ephemeral-storage": "disk",
    "requests.nvidia.com/gpu": "GPUs",
    "pods": "pods",
    "count/pods": "pods",
    "persistentvolumeclaims": "claims",
    "count/jobs.batch": "Jobs",
}

_TELL = "Nothing was left behind. Tell the operator."


def read_refusal(message: str) -> Refusal:
    """Return what an answer of 403 or 422 means."""
    if quota := _QUOTA.search(message):
        return Refusal(
            f"The cluster's quota is used up: this needs {_amounts(quota['asked'])}; in use: "
            f"{_amounts(quota['used'])}, of at most {_amounts(quota['limit'])}. Stop a notebook that is not "
            "needed, or choose less hardware."
        )
    if limit := _LIMIT.search(message):
        border = "at most" if limit["bound"] == "maximum" else "at least"
        what = _WORDS.get(limit["what"], limit["what"])
        return Refusal(
            f"The cluster allows {border} {limit['amount']} of {what} per {limit['per'].lower()}, and this "
            f"needs {limit['asked']}. Choose another number of units."
        )
    if "violates PodSecurity" in message:
        return Refusal(f"The cluster's security rules do not allow this. {_TELL}", is_callers=False)
    if " cannot " in message:
        # RBAC: User "…" cannot create resource "pods".
        return Refusal(f"The installation may not do this in its cluster. {_TELL}", is_callers=False)
    if "being terminated" in message:
        return Refusal(f"The cluster is removing the notebooks' namespace. {_TELL}", is_callers=False)
    return Refusal(f"The cluster's rules refuse this. {_TELL}", is_callers=False)


def _amounts(text: str) -> str:
    """Return ``requests.storage=50Gi,pods=1`` for people."""
    found = [part.strip().partition("=") for part in text.split(",")]
    return ", ".join(f"{value} of {_WORDS.get(name, name)}" for name, _, value in found)
