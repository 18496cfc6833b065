"""What each version of a framework pins: ``versions.yaml`` beside its Dockerfile."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from ruamel.yaml import YAML

Exact = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+(\[[a-z,_-]+\])?==[A-Za-z0-9_.+]+$")]
"""A pip requirement that names one version."""
CondaPackage = Annotated[str, Field(pattern=r"^[a-z0-9_.-]+=[0-9][A-Za-z0-9_.]*$")]


class FrameworkVersion(BaseModel):
    """One version: its Python, what conda installs besides, what pip installs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    python: str = Field(pattern=r"^3\.[0-9]{1,2}$")
    conda: tuple[CondaPackage, ...] = ()
    channels: tuple[str, ...] = ("conda-forge",)
    pip: tuple[Exact, ...]


_FILE = TypeAdapter(dict[str, FrameworkVersion])


def read_versions(folder: Path) -> dict[str, FrameworkVersion]:
    """Return the versions that a framework's folder can build.

    Raises:
        LookupError: The framework has no folder of its own.
    """
    try:
        text = (folder / "versions.yaml").read_text(encoding="utf-8")
    except FileNotFoundError as exc:
        raise LookupError(
            f"The catalog's framework {folder.name} has no images/frameworks/{folder.name} with a Dockerfile and a "
            "versions.yaml."
        ) from exc
    return _FILE.validate_python(YAML(typ="safe").load(text))
