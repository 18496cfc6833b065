"""Flavors: hardware types whose resources grow linearly with the count."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class FlavorType(StrEnum):
    """CPU or GPU; a notebook uses one of them."""

    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit costs for one hour from an instant (UTC) on."""

    valid_from: datetime
    per_hour: Decimal


@dataclass(frozen=True, slots=True)
class Resources:
    """Hardware of one unit or of a whole notebook. Sizes are bytes, networks bits per second."""

    cpu: int
    gpu: int
    memory: int
    ephemeral_storage: int
    private_network: int = 0
    public_network: int = 0

    def times(self, count: int) -> "Resources":
        return Resources(
            cpu=self.cpu * count,
            gpu=self.gpu * count,
            memory=self.memory * count,
            ephemeral_storage=self.ephemeral_storage * count,
            private_network=self.private_network * count,
            public_network=self.public_network * count,
        )


@dataclass(frozen=True, slots=True)
class GpuInformation:
    """The card of a GPU flavor; memory in bytes."""

    brand: str
    model: str
    memory: int


@dataclass(frozen=True, slots=True)
class Toleration:
    """A taint of nodes that a flavor's notebooks put up with; fields as Kubernetes has them."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""
    toleration_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """On which nodes of a cluster a flavor's notebooks run, and what a GPU is called there."""

    gpu_resource: str = "nvidia.com/gpu"
    node_selector: tuple[tuple[str, str], ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    runtime_class: str = ""
    priority_class: str = ""


@dataclass(frozen=True, slots=True)
class Flavor:
    """One hardware type."""

    id: str
    description: str
    type: FlavorType
    default: bool
    max: int
    per_unit: Resources
    prices: tuple[Price, ...]
    gpu: GpuInformation | None = None
    unavailable: str = ""
    """Why it cannot be chosen here; empty when it can."""
    placement: Placement = Placement()

    def gpus(self, count: int) -> int:
        """Return what ``count`` units hold of the project's quota."""
        return self.per_unit.gpu * count
