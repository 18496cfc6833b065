"""Volumes: a place in the notebook's file system, filled from a source."""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ovh_spawner.domain.secret import Secret


class Permission(StrEnum):
    """What a notebook may do with a volume. On the wire read-only is ``R``; people read and write RO."""

    RO = "R"
    RW = "RW"
    RWD = "RWD"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class DataStoreSource(_Part):
    """A bucket or container of a named data store; only objects whose names start with ``prefix``."""

    type: Literal["data_store"] = "data_store"
    alias: str
    container: str
    prefix: str = ""


class GitSource(_Part):
    """A git repository. The address holds no credentials; they are kept apart."""

    type: Literal["git"] = "git"
    url: str
    ref: str = ""
    username: str = ""
    password: Secret = SecretStr("")
    full: bool = False


class StandaloneSource(_Part):
    """No source: an empty folder that is kept."""

    type: Literal["standalone"] = "standalone"


class Volume(_Part):
    """One volume of a notebook. The id stays the same while mount path and source do."""

    id: UUID
    mount_path: str
    permission: Permission
    source: Annotated[DataStoreSource | GitSource | StandaloneSource, Field(discriminator="type")]
