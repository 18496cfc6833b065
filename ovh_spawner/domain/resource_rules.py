"""CPUs or GPUs: from what was asked for to a flavor and a number of its units.

Our own answers name a flavor, its count and every total; such an object may be sent back as it is, so that
each total is accepted when it says what the choice gives.
"""

from dataclasses import dataclass

from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.domain.flavors import Flavor, FlavorType
from ovh_spawner.domain.problems import Findings, not_one_of, show
from ovh_spawner.domain.spec import ResourcesRequest


@dataclass(frozen=True, slots=True)
class _Asked:
    """One way in which the count was said."""

    field: str
    unit: str
    value: int
    per_unit: int


def resolve_resources(
    request: ResourcesRequest | None,
    capabilities: Capabilities,
    *,
    findings: Findings,
    current: Flavor | None = None,
) -> tuple[str, int]:
    """Return flavor and count; what is wrong goes to ``findings``, and the result is then not to be used.

    With no flavor named, the notebook's ``current`` one is kept if it is of the kind asked for.
    """
    asked = request or ResourcesRequest()
    before = len(findings.problems)
    flavor = _flavor(asked, capabilities, findings=findings, current=current)
    if flavor is None:
        return "", 0
    count = _count(asked, flavor, capabilities, findings=findings)
    if len(findings.problems) == before:
        _check_totals(asked, flavor, count, findings=findings)
    return flavor.id, count


def _flavor(
    asked: ResourcesRequest, capabilities: Capabilities, *, findings: Findings, current: Flavor | None
) -> Flavor | None:
    if asked.flavor is not None:
        return _named_flavor(asked.flavor, capabilities, findings)
    if asked.cpu is not None and asked.gpu is not None and asked.gpu != 0:
        findings.add(
            "resources", f"cpu {show(asked.cpu)} and gpu {show(asked.gpu)} cannot go together: {_EITHER}"
        )
        return None
    kind = FlavorType.CPU if asked.cpu is not None else FlavorType.GPU
    if asked.flavor_count is not None and asked.cpu is None and asked.gpu is None and current:
        kind = current.type
    if current and current.type is kind and not current.unavailable:
        return current
    default = capabilities.default_flavor(kind)
    if default is None:
        findings.add("resources.flavor", f"is required, for there is no default {kind.upper()} flavor here.")
        return None
    return _available(default, capabilities, findings, field="resources")


_EITHER = "a notebook has CPUs or GPUs. Leave one of them out."


def _named_flavor(flavor_id: str, capabilities: Capabilities, findings: Findings) -> Flavor | None:
    flavor = capabilities.flavor(flavor_id)
    if flavor is None:
        known = [each.id for each in capabilities.flavors if not each.unavailable]
        findings.add("resources.flavor", not_one_of(flavor_id, known))
        return None
    return _available(flavor, capabilities, findings, field="resources.flavor")


def _available(
    flavor: Flavor, capabilities: Capabilities, findings: Findings, *, field: str
) -> Flavor | None:
    if not flavor.unavailable:
        return flavor
    others = ", ".join(each.id for each in capabilities.flavors if not each.unavailable)
    instead = f" Available: {others}." if others else ""
    findings.add(field, f"Flavor {flavor.id!r} cannot be used here: {flavor.unavailable}{instead}")
    return None


def _count(asked: ResourcesRequest, flavor: Flavor, capabilities: Capabilities, *, findings: Findings) -> int:
    ways = _ways(asked, flavor, capabilities, findings=findings)
    if not ways:
        return 1
    counts = {count for way in ways if (count := _read(way, flavor, findings))}
    if len(counts) > 1:
        said = ", ".join(f"{way.field.rpartition('.')[2]} {show(way.value)}" for way in ways)
        findings.add("resources", f"{said} say different things about {flavor.id!r}. Leave all but one out.")
    return next(iter(counts), 1)


def _ways(
    asked: ResourcesRequest, flavor: Flavor, capabilities: Capabilities, *, findings: Findings
) -> list[_Asked]:
    """Return each way in which the count was said, as far as the flavor's type allows it."""
    ways = []
    if asked.flavor_count is not None:
        ways.append(_Asked("resources.flavorCount", "units", asked.flavor_count, 1))
    if flavor.type is FlavorType.GPU:
        return [*ways, *_gpu_ways(asked, flavor, capabilities, findings=findings)]
    if asked.gpu:
        findings.add(
            "resources.gpu", _wrong_type(flavor, FlavorType.GPU, asked.gpu, capabilities=capabilities)
        )
    elif asked.cpu is not None:
        ways.append(_Asked("resources.cpu", "CPUs", asked.cpu, flavor.per_unit.cpu))
    return ways


def _gpu_ways(
    asked: ResourcesRequest, flavor: Flavor, capabilities: Capabilities, *, findings: Findings
) -> list[_Asked]:
    if asked.gpu is not None:
        if asked.cpu is not None and asked.cpu != asked.gpu * flavor.per_unit.cpu // flavor.per_unit.gpu:
            findings.add(
                "resources", f"cpu {show(asked.cpu)} and gpu {show(asked.gpu)} cannot go together: {_EITHER}"
            )
        return [_Asked("resources.gpu", "GPUs", asked.gpu, flavor.per_unit.gpu)]
    if asked.cpu is not None and asked.flavor_count is None:
        findings.add(
            "resources.cpu", _wrong_type(flavor, FlavorType.CPU, asked.cpu, capabilities=capabilities)
        )
    elif asked.cpu is not None:
        return [_Asked("resources.cpu", "CPUs", asked.cpu, flavor.per_unit.cpu)]
    return []


def _wrong_type(flavor: Flavor, wanted: FlavorType, value: int, *, capabilities: Capabilities) -> str:
    others = ", ".join(each.id for each in capabilities.flavors if each.type is wanted)
    instead = f", or choose another flavor for {wanted.upper()}s: {others}" if others else ""
    return (
        f"{show(value)} does not fit {flavor.id!r}, which is a {flavor.type.upper()} flavor. "
        f"Give {flavor.type} instead (1 to {flavor.max}){instead}."
    )


def _read(way: _Asked, flavor: Flavor, findings: Findings) -> int | None:
    count, rest = divmod(way.value, way.per_unit)
    if rest or not 1 <= count <= flavor.max:
        step = f" in steps of {way.per_unit}" if way.per_unit > 1 else ""
        findings.add(
            way.field,
            f"{show(way.value)} is not allowed: {flavor.id!r} gives {way.per_unit} to "
            f"{flavor.max * way.per_unit} {way.unit}{step}.",
        )
        return None
    return count


def _check_totals(asked: ResourcesRequest, flavor: Flavor, count: int, *, findings: Findings) -> None:
    given = flavor.per_unit.times(count)
    card = flavor.gpu
    allowed: dict[str, tuple[object, ...]] = {
        "memory": (given.memory,),
        "ephemeral_storage": (given.ephemeral_storage,),
        "private_network": (given.private_network,),
        "public_network": (given.public_network,),
        "gpu_brand": (card.brand if card else None,),
        "gpu_model": (card.model if card else None,),
        # The vendor shows one card's memory; a client that adds it up is right as well.
        "gpu_memory": (card.memory, card.memory * count) if card else (None, 0),
    }
    for name, values in allowed.items():
        value = getattr(asked, name)
        if value is not None and value not in values:
            field = ResourcesRequest.model_fields[name].alias or name
            findings.add(
                f"resources.{field}",
                f"{show(value)} cannot be chosen: {count} × {flavor.id!r} has {show(values[0])}. "
                "Leave it out.",
            )
