"""The catalog: shipped YAML, an operator's overrides on top, checked, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from pydantic import ValidationError

from ovh_spawner.catalog.entries import (
    ENTRY_ID,
    SECTIONS,
    EditorEntry,
    FlavorEntry,
    FrameworkEntry,
    PlacementEntry,
    RegionEntry,
)
from ovh_spawner.catalog.yaml_source import YamlSource
from ovh_spawner.domain.capabilities import Capabilities, Editor, Framework
from ovh_spawner.domain.flavors import (
    Flavor,
    FlavorType,
    GpuInformation,
    Placement,
    Price,
    Resources,
    Toleration,
)
from ovh_spawner.domain.problems import field_path, not_one_of, problems_from, unknown_key
from ovh_spawner.errors import ConfigError
from ovh_spawner.settings import Part

_BAD_ID = (
    "images and labels are named by an id: 1 to 63 lower-case letters, digits, and single '.', '_' and '-' "
    "between them."
)

E = TypeVar("E", bound=Part)


@dataclass(frozen=True, slots=True)
class _Sources:
    """The shipped files and the operator's block, to tell where a mistake stands."""

    shipped: dict[str, YamlSource]
    overrides: YamlSource | None

    def error(self, path: Sequence[str | int], message: str) -> ConfigError:
        where = self.overrides.locate(path) if self.overrides else None
        if where is None and path and path[0] in self.shipped:
            where = self.shipped[str(path[0])].locate(path[1:])
        prefix = f"{where}: " if where else ""
        return ConfigError(f"{prefix}{field_path(path, 'catalog')}: {message}")


def load_catalog(
    overrides: dict[str, Any], *, source: YamlSource | None = None, region: str, region_at: str | None = None
) -> Capabilities:
    """Return what a deployment in ``region`` offers.

    ``source`` is the block that ``overrides`` were read from; with it, a mistake is named by file and line.
    ``region_at`` is where the region was chosen, as ``file:line``.

    Raises:
        ConfigError: An entry is wrong, or names something that does not exist.
    """
    shipped = {name: _shipped(name) for name in SECTIONS}
    sources = _Sources(shipped, source)
    _check_sections(overrides, sources)
    merged = {name: _merge(name, shipped[name].data, overrides, sources=sources) for name in SECTIONS}
    editors = _entries("editors", merged, EditorEntry, sources=sources)
    frameworks = _entries("frameworks", merged, FrameworkEntry, sources=sources)
    flavors = _entries("flavors", merged, FlavorEntry, sources=sources)
    regions = _entries("regions", merged, RegionEntry, sources=sources)
    _check_references(frameworks, editors, sources)
    _check_flavors(flavors, sources)
    if region not in regions:
        where = f"{region_at}: " if region_at else ""
        raise ConfigError(f"{where}deployment.region: Region {not_one_of(region, list(regions))}")
    return Capabilities(
        region=region,
        currency=regions[region].currency,
        editors=tuple(_editor(key, entry) for key, entry in editors.items()),
        frameworks=tuple(_framework(key, entry) for key, entry in frameworks.items()),
        flavors=tuple(_flavor(key, entry) for key, entry in flavors.items()),
    )


@cache
def _shipped(section: str) -> YamlSource:
    # Kept: every spawner of a hub asks, and reading YAML is slow.
    name = f"{section}.yaml"
    text = (files("ovh_spawner.catalog") / name).read_text(encoding="utf-8")
    return YamlSource.parse(text, f"ovh_spawner/catalog/{name}")


def _check_sections(overrides: dict[str, Any], sources: _Sources) -> None:
    for name, section in overrides.items():
        if name not in SECTIONS:
            raise sources.error((name,), unknown_key(name, list(SECTIONS)))
        if section is not None and not isinstance(section, dict):
            raise sources.error((name,), "must be a mapping from an id to what is different.")
        for key, entry in (section or {}).items():
            if name != "regions" and not ENTRY_ID.fullmatch(key):
                raise sources.error((name, key), _BAD_ID)
            if entry is not None and not isinstance(entry, dict):
                raise sources.error((name, key), "must be a mapping, or null to remove the entry.")


def _merge(
    section: str, shipped: dict[str, Any], overrides: dict[str, Any], *, sources: _Sources
) -> dict[str, Any]:
    merged = dict(shipped)
    for key, entry in (overrides.get(section) or {}).items():
        if entry is not None:
            merged[key] = _merged(merged.get(key, {}), entry)
        elif merged.pop(key, None) is None:
            raise sources.error((section, key), f"Nothing to remove: {not_one_of(key, list(shipped))}")
    return merged


def _merged(below: Any, above: Any) -> Any:
    """Lay one value over another: mappings key by key, everything else in full."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}


def _entries(
    section: str, merged: dict[str, dict[str, Any]], model: type[E], *, sources: _Sources
) -> dict[str, E]:
    entries = {}
    for key, entry in merged[section].items():
        try:
            entries[key] = model.model_validate(entry)
        except ValidationError as exc:
            raise _first_error(exc, (section, key), model, sources=sources) from exc
    return entries


def _first_error(
    error: ValidationError, path: tuple[str, str], model: type[Part], *, sources: _Sources
) -> ConfigError:
    """Report the first mistake: the file is corrected one mistake at a time."""
    details = error.errors(include_url=False)
    # A misspelt key before what is missing: it is the cause.
    first = next((at for at, detail in enumerate(details) if detail["type"] == "extra_forbidden"), 0)
    return sources.error((*path, *details[first]["loc"]), problems_from(error, model=model)[first].message)


def _check_references(
    frameworks: dict[str, FrameworkEntry], editors: dict[str, EditorEntry], sources: _Sources
) -> None:
    for key, framework in frameworks.items():
        for index, editor in enumerate(framework.incompatible_editors):
            if editor not in editors:
                path = ("frameworks", key, "incompatibleEditors", index)
                raise sources.error(path, f"Editor {not_one_of(editor, list(editors))}")


def _check_flavors(flavors: dict[str, FlavorEntry], sources: _Sources) -> None:
    for key, flavor in flavors.items():
        if (flavor.type is FlavorType.GPU) != (flavor.per_unit.gpu > 0):
            wanted = "at least 1" if flavor.type is FlavorType.GPU else "0"
            raise sources.error(
                ("flavors", key, "perUnit", "gpu"), f"A {flavor.type.upper()} flavor has {wanted} here."
            )
    for kind in FlavorType:
        defaults = [key for key, flavor in flavors.items() if flavor.type is kind and flavor.default]
        if len(defaults) > 1:
            raise sources.error(
                ("flavors", defaults[-1], "default"),
                f"{' and '.join(defaults)} are both the default of {kind.upper()} flavors. Keep one.",
            )


def _editor(key: str, entry: EditorEntry) -> Editor:
    values = entry.model_dump(by_alias=False, exclude={"environment"})
    return Editor(id=key, environment=tuple(entry.environment.items()), **values)


def _framework(key: str, entry: FrameworkEntry) -> Framework:
    values = entry.model_dump(by_alias=False, exclude={"incompatible_editors"})
    return Framework(id=key, incompatible_editors=frozenset(entry.incompatible_editors), **values)


def _flavor(key: str, entry: FlavorEntry) -> Flavor:
    prices = (Price(price.valid_from, price.per_hour) for price in entry.prices)
    return Flavor(
        id=key,
        description=entry.description,
        type=entry.type,
        default=entry.default,
        max=entry.max,
        per_unit=Resources(**entry.per_unit.model_dump(by_alias=False)),
        prices=tuple(sorted(prices, key=lambda price: price.valid_from)),
        gpu=GpuInformation(**entry.gpu.model_dump(by_alias=False)) if entry.gpu else None,
        placement=_placement(entry.kubernetes),
    )


def _placement(entry: PlacementEntry) -> Placement:
    return Placement(
        gpu_resource=entry.gpu_resource,
        node_selector=tuple(sorted(entry.node_selector.items())),
        tolerations=tuple(Toleration(**each.model_dump(by_alias=False)) for each in entry.tolerations),
        runtime_class=entry.runtime_class,
        priority_class=entry.priority_class,
    )
