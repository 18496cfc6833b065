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

_UNALLOWED = re.compile(r'User "[^"]*" cannot ')
"""RBAC: User "…" cannot create resource "pods"."""

_WORDS = {
    "storage": "storage",
    "cpu": "CPUs",
    "memory": "memory",
    "ephemeral-storage": "disk",
    "nvidia.com/gpu": "GPUs",
    "pods": "pods",
    "persistentvolumeclaims": "disks",
    "secrets": "secrets",
    "jobs.batch": "data syncs",
}

_TELL = "Tell the operator."

_OF_NOTEBOOKS = frozenset({"cpu", "memory", "pods", "ephemeral-storage"})
"""What is free again when a notebook stops."""


def read_refusal(message: str) -> Refusal:
    """Return what an answer of 403 or 422 means."""
    if quota := _QUOTA.search(message):
        return _quota(quota["asked"], quota["used"], quota["limit"])
    if limit := _LIMIT.search(message):
        return _limit(limit)
    if "violates PodSecurity" in message:
        return Refusal(f"The cluster's security rules do not allow this. {_TELL}", is_callers=False)
    if _UNALLOWED.search(message):
        return Refusal(f"The installation may not do this in its cluster. {_TELL}", is_callers=False)
    if "being terminated" in message:
        return Refusal(f"The cluster is removing the notebooks' namespace. {_TELL}", is_callers=False)
    return Refusal(f"The cluster's rules refuse this. {_TELL}", is_callers=False)


def _quota(asked: str, used: str, limit: str) -> Refusal:
    amounts = (
        f"The cluster's quota is used up: this needs {_amounts(asked)}; in use: {_amounts(used)}, of at most "
        f"{_amounts(limit)}."
    )
    names = [_base(name) for name, _ in _parts(asked)]
    if all(name in _OF_NOTEBOOKS or "/" in name for name in names):
        return Refusal(f"{amounts} Stop a notebook that is not needed, or choose less hardware.")
    if all(name in {"storage", "persistentvolumeclaims"} for name in names):
        return Refusal(f"{amounts} Delete a notebook that is not needed, or tell the operator.")
    return Refusal(f"{amounts} {_TELL}", is_callers=False)


def _limit(limit: re.Match[str]) -> Refusal:
    is_most, per = limit["bound"] == "maximum", limit["per"].lower()
    what = "disk" if per == "persistentvolumeclaim" else _word(limit["what"])
    sentence = (
        f"The cluster allows {'at most' if is_most else 'at least'} {limit['amount']} of {what} per "
        f"{'notebook' if what == 'disk' else per}, and this needs {limit['asked']}."
    )
    if is_most and per != "persistentvolumeclaim":
        return Refusal(f"{sentence} Choose another number of units.")
    # How big a disk is, and what our own containers beside the editor ask for, is set by the operator.
    return Refusal(f"{sentence} {_TELL}", is_callers=False)


def _parts(text: str) -> list[tuple[str, str]]:
    """Return ``requests.storage=50Gi,pods=1`` as pairs."""
    return [(name, value) for name, _, value in (part.strip().partition("=") for part in text.split(","))]


def _base(name: str) -> str:
    """Return what a quota counts: ``count/pods`` and ``fast.storageclass.storage.k8s.io/requests.storage``."""
    if ".storageclass.storage.k8s.io/" in name:
        name = name.rpartition("/")[2]
    return name.removeprefix("count/").removeprefix("requests.").removeprefix("limits.")


def _word(name: str) -> str:
    return _WORDS.get(_base(name), "objects" if name.startswith("count/") else name)


def _amounts(text: str) -> str:
    return ", ".join(f"{value} of {_word(name)}" for name, value in _parts(text))
