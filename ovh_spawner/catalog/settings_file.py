"""The settings file: read, checked, and every mistake named by file, line and nearest key."""

from pathlib import Path

from pydantic import ValidationError

from ovh_spawner.catalog.loader import load_catalog
from ovh_spawner.catalog.yaml_source import YamlSource
from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.domain.model_paths import resolve_path
from ovh_spawner.domain.problems import problems_from
from ovh_spawner.errors import ConfigError
from ovh_spawner.settings import Settings


def load_settings(path: Path | None) -> Settings:
    """Return the settings in a file; without one, every default.

    Raises:
        ConfigError: The file cannot be read, or holds a mistake.
    """
    return _read(path)[0]


def load_installation(path: Path | None) -> tuple[Settings, Capabilities]:
    """Return the settings and the catalog that they make, so that mistakes in either are named by line.

    Raises:
        ConfigError: The file cannot be read, or holds a mistake.
    """
    settings, source = _read(path)
    catalog = source.at("catalog") if source and settings.catalog else None
    region_at = source.locate(("deployment", "region")) if source else None
    capabilities = load_catalog(
        settings.catalog, source=catalog, region=settings.deployment.region, region_at=region_at
    )
    if source:
        _check_price_lists(settings, capabilities, source)
    return settings, capabilities


def _check_price_lists(settings: Settings, capabilities: Capabilities, source: YamlSource) -> None:
    for name, project in settings.projects.items():
        if project.price_list and project.price_list not in settings.price_lists:
            raise ConfigError(
                f"{source.locate(('projects', name, 'priceList')) or source.name}: projects.{name}.priceList: "
                f"{project.price_list!r} is not among priceLists."
            )
    known = {flavor.id for flavor in capabilities.flavors}
    for name, prices in settings.price_lists.items():
        if strange := prices.keys() - known:
            flavor = min(strange)
            where = source.locate(("priceLists", name, flavor)) or source.name
            raise ConfigError(
                f"{where}: priceLists.{name}: the catalog has no flavor {flavor!r}; it has {', '.join(sorted(known))}."
            )


def _read(path: Path | None) -> tuple[Settings, YamlSource | None]:
    if path is None:
        return Settings(), None
    source = YamlSource.read(path)
    data = source.data
    # A block whose keys are all commented out is a block of defaults.
    known = (
        {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data
    )
    try:
        return Settings.model_validate({} if known is None else known), source
    except ValidationError as exc:
        raise ConfigError(_sentences(exc, source)) from exc


def _sentences(error: ValidationError, source: YamlSource) -> str:
    details = error.errors(include_url=False)
    problems = problems_from(error, model=Settings)
    lines = []
    for detail, problem in zip(details, problems, strict=False):
        where = source.locate(resolve_path(Settings, detail["loc"])[0]) or source.name
        lines.append(f"{where}: {problem.field + ': ' if problem.field else ''}{problem.message}")
    return "\n".join(lines)
