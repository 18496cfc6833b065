"""What is asked for: the request as anyone may type it, and the complete spec it becomes.

``SpecRequest`` is the vendor's shape with everything optional that has a default.
``NotebookSpec`` is complete and checked; ``resolution.resolve`` makes the one from the other.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ovh_spawner.domain.secret import Secret
from ovh_spawner.domain.volumes import Volume


class _Request(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=False,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        strict=True,
        frozen=True,
        allow_inf_nan=False,
    )


class EnvironmentRequest(_Request):
    """Editor, framework and its version; the first version is taken when none is named."""

    editor_id: str
    framework_id: str
    framework_version: str | None = None


class ResourcesRequest(_Request):
    """A flavor and a number of CPUs or of GPUs. The other fields are in our answers: taken back if true."""

    flavor: str | None = None
    cpu: int | None = None
    gpu: int | None = None
    flavor_count: int | None = None
    gpu_brand: str | None = None
    gpu_model: str | None = None
    gpu_memory: int | None = None
    memory: int | None = None
    ephemeral_storage: int | None = None
    private_network: int | None = None
    public_network: int | None = None


class DataStoreRequest(_Request):
    """A bucket of a data store."""

    alias: str
    container: str
    prefix: str | None = None
    archive: str | None = None
    internal: bool | None = None


class PublicGitRequest(_Request):
    """A git repository; ``ref`` (branch, tag, commit) and ``full`` (with all history) go beyond the vendor's shape."""

    url: str
    ref: str | None = None
    full: bool | None = None


class StandaloneRequest(_Request):
    """An empty volume that is kept."""

    name: str | None = None


class VolumeRequest(_Request):
    """One volume: where, with which permission, from exactly one source."""

    mount_path: str
    permission: str
    cache: bool | None = None
    data_store: DataStoreRequest | None = None
    public_git: PublicGitRequest | None = None
    standalone: StandaloneRequest | None = None
    private_swift: dict[str, Any] | None = None
    public_swift: dict[str, Any] | None = None
    target_data_store: dict[str, Any] | None = None
    target_private_swift: dict[str, Any] | None = None


class EnvVar(_Request):
    """One environment variable of the notebook."""

    name: str
    value: str = Field(repr=False)


class SpecRequest(_Request):
    """What a person or program asks for."""

    env: EnvironmentRequest
    env_vars: list[EnvVar] | None = None
    labels: dict[str, str | None] | None = None
    name: str | None = None
    resources: ResourcesRequest | None = None
    ssh_public_keys: list[str] | None = None
    timeout_auto_restart: bool | None = None
    unsecure_http: bool | None = None
    volumes: list[VolumeRequest] | None = None


class SpecUpdateRequest(_Request):
    """What may change after creation; an absent key leaves its part unchanged."""

    labels: dict[str, str | None] | None = None
    name: str | None = None
    framework_version: str | None = None
    resources: ResourcesRequest | None = None
    ssh_public_keys: list[str] | None = None
    timeout_auto_restart: bool | None = None
    unsecure_http: bool | None = None
    volumes: list[VolumeRequest] | None = None
    env_vars: list[EnvVar] | None = None


class NotebookSpec(BaseModel):
    """What a notebook is to be, complete and checked."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str
    editor: str
    framework: str
    framework_version: str
    flavor: str
    count: int
    volumes: tuple[Volume, ...] = ()
    environment: dict[str, Secret] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    ssh_public_keys: tuple[str, ...] = ()
    timeout_auto_restart: bool = False
    open_access: bool = False
