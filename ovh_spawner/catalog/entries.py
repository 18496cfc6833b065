"""Shapes of the catalog's entries, as an operator writes them."""

import re
from decimal import Decimal
from string import Formatter
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from ovh_spawner.domain.flavors import FlavorType
from ovh_spawner.settings_kubernetes import PlacementSettings
from ovh_spawner.settings_part import Part
from ovh_spawner.settings_projects import Prices

_UNITS = {"": 1, "B": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*([A-Za-z]*)", re.ASCII)
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", re.ASCII)
ENTRY_ID = re.compile(r"[a-z0-9](?:[a-z0-9]|[._-](?=[a-z0-9])){0,62}", re.ASCII)
"""What can be a part of an image's name, a label and an address alike."""
_PLACEHOLDERS = frozenset({"python", "socket", "prefix", "workspace", "editor", "config"})
RESOURCE_NAME = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$"
"""An extended resource of a cluster's nodes: amd.com/gpu."""


def _read_size(value: Any) -> Any:
    """Turn '40 GiB' into bytes; numbers pass."""
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value.strip())
    if found is None or found[2].upper() not in _UNITS:
        raise ValueError("a size is a number of bytes, or a number with KiB, MiB, GiB or TiB")
    return int(Decimal(found[1]) * _UNITS[found[2].upper()])


def _check_command(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        names = {name for _, name, _, _ in Formatter().parse(word) if name is not None}
        if unknown := names - _PLACEHOLDERS:
            known = ", ".join(f"{{{name}}}" for name in sorted(_PLACEHOLDERS))
            raise ValueError(f"{{{min(unknown)}}} is no placeholder; allowed are {known}")
    return words


def _check_version(text: str) -> str:
    if not _VERSION.fullmatch(text):
        raise ValueError(
            "a version names an image: 1 to 80 letters, digits, '.', '_' and '-', a letter or digit first"
        )
    return text


Size = Annotated[int, BeforeValidator(_read_size), Field(ge=0)]
Words = Annotated[tuple[str, ...], Field(min_length=1)]


Version = Annotated[str, AfterValidator(_check_version)]


class EditorEntry(Part):
    """An editor."""

    name: str
    description: str = ""
    doc_url: str = ""
    logo_url: str = ""
    versions: Words
    command: Annotated[Words, AfterValidator(_check_command)]
    probe_path: str
    strip_prefix: bool = False
    environment: dict[str, str] = Field(default_factory=dict)


class FrameworkEntry(Part):
    """A framework; its first version is the default."""

    name: str
    description: str = ""
    doc_url: str = ""
    logo_url: str = ""
    versions: Annotated[tuple[Version, ...], Field(min_length=1)]
    saved_paths: tuple[str, ...] = ("/workspace",)
    incompatible_editors: tuple[str, ...] = ()


class PerUnitEntry(Part):
    """What one unit of a flavor has."""

    cpu: int = Field(ge=1)
    gpu: int = Field(default=0, ge=0)
    memory: Size
    ephemeral_storage: Size
    private_network: int = Field(default=0, ge=0)
    public_network: int = Field(default=0, ge=0)


class GpuEntry(Part):
    """A GPU flavor's card."""

    brand: str
    model: str
    memory: Size


class PlacementEntry(PlacementSettings):
    """A flavor's nodes in a cluster, beside what the settings say for every notebook."""

    gpu_resource: str = Field(default="nvidia.com/gpu", pattern=RESOURCE_NAME)


class FlavorEntry(Part):
    """A flavor."""

    description: str = ""
    type: FlavorType
    default: bool = False
    max: int = Field(ge=1)
    per_unit: PerUnitEntry
    gpu: GpuEntry | None = None
    prices: Prices
    kubernetes: PlacementEntry = PlacementEntry()


class RegionEntry(Part):
    """A region."""

    name: str
    currency: str = Field(pattern=r"^[A-Z]{3}$")


SECTIONS: dict[str, type[Part]] = {
    "editors": EditorEntry,
    "frameworks": FrameworkEntry,
    "flavors": FlavorEntry,
    "regions": RegionEntry,
}
