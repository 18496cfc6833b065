"""Amounts: CPUs, memory, disk and GPUs of a container. Request and limit are the same for every container.

So a pod's quality of service is Guaranteed: it is the last to be ended when a node is short of memory, it gets
what it pays for, and nothing more.
"""

from typing import Any

from ovh_spawner.domain.flavors import Flavor
from ovh_spawner.settings_kubernetes import ContainerSettings

_UNITS = (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))


def editor_resources(flavor: Flavor, count: int, *, gpus: bool = True) -> dict[str, Any]:
    """Return what ``count`` units of a flavor are; ``gpus``: with their cards."""
    total = flavor.per_unit.times(count)
    amounts = {
        "cpu": str(total.cpu),
        "memory": quantity(total.memory),
        "ephemeral-storage": quantity(total.ephemeral_storage),
    }
    if gpus and total.gpu:
        amounts[flavor.placement.gpu_resource] = str(total.gpu)
    return _guaranteed(amounts)


def own_resources(settings: ContainerSettings) -> dict[str, Any]:
    """Return what a container of our own programs gets."""
    return _guaranteed(
        {
            "cpu": settings.cpu,
            "memory": settings.memory,
            "ephemeral-storage": settings.ephemeral_storage,
        }
    )


def _guaranteed(amounts: dict[str, str]) -> dict[str, Any]:
    return {"requests": dict(amounts), "limits": dict(amounts)}


def quantity(size: int) -> str:
    """Return bytes as Kubernetes writes them, in the largest unit that is exact: 40Gi."""
    for name, unit in _UNITS:
        if size and size % unit == 0:
            return f"{size // unit}{name}"
    return str(size)


_FACTORS = {
    "": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, **dict(_UNITS),
}  # fmt: skip


def read_size(text: str) -> int | None:
    """Return a quantity of bytes; None for what is none."""
    digits = text.rstrip("kKMGTi")
    factor = _FACTORS.get(text[len(digits) :])
    return int(digits) * factor if digits.isdigit() and factor else None


def in_words(size: int) -> str:
    """Return bytes for people: 40 GiB."""
    for name, unit in _UNITS:
        if size >= unit:
            return f"{size / unit:.4g} {name}B"
    return f"{size} bytes"
