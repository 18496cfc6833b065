"""The settings: one YAML file, read by hub and service alike; secrets come from the environment only.

Unknown keys stop the start and name the nearest valid key, with file and line (see ``catalog/yaml_source.py``).
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Part(BaseModel):
    """A block of the settings."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, extra="forbid", frozen=True
    )


class DeploymentSettings(Part):
    """Where and for whom this installation runs."""

    region: str = Field(
        default="GRA", description="The region that this deployment serves; one of the catalog's."
    )
    hub_id: str = Field(default="hub", description="Name of this hub in the ledger.")
    public_url: str = Field(
        default="http://127.0.0.1:8000", description="Address that browsers use, without path."
    )
    base_path: str = Field(default="/", description="JupyterHub's base_url.")
    mode: Literal["local", "kubernetes"] = Field(default="local", description="Where notebooks run.")


class ServiceSettings(Part):
    """The hub service's own listener and its neighbours."""

    host: str = Field(default="127.0.0.1", description="Address the service listens on.")
    port: int = Field(default=8002, description="Port the service listens on.")
    url: str = Field(default="http://127.0.0.1:8002", description="How hub and gateways reach the service.")
    hub_api_url: str = Field(default="http://127.0.0.1:8081/hub/api", description="JupyterHub's API.")
    reconcile_seconds: float = Field(default=15.0, gt=0, description="Pause between two reconcile rounds.")
    heartbeat_seconds: float = Field(
        default=30.0, gt=0, description="How often a running notebook proves it lives."
    )
    adoption_seconds: float = Field(
        default=120.0,
        gt=0,
        description="How long a run may wait for the hub to start its server before it is closed.",
    )


class HubSettings(Part):
    """JupyterHub's own listeners, in local mode."""

    port: int = Field(default=8000, ge=1, le=65535, description="Port of the proxy that browsers use.")
    api_port: int = Field(default=8081, description="Port of the hub itself, on loopback.")
    proxy_api_port: int = Field(
        default=8001, description="Port on which the hub drives the proxy, on loopback."
    )
    cleanup_servers: bool = Field(
        default=True,
        description="Stop the notebooks when the hub is ended; False leaves them running for its return.",
    )


class DatabaseSettings(Part):
    """Where the ledger lives."""

    url: str = Field(
        default="sqlite+aiosqlite:///ovh-spawner.sqlite",
        description="SQLAlchemy address: sqlite+aiosqlite:///path or postgresql+psycopg://… (a password comes from "
        "PGPASSWORD or a password file, never from here).",
    )


class ProjectSettings(Part):
    """The project that everyone works in until projects are set up."""

    gpu_quota: int = Field(default=4, ge=0, description="GPUs that the project may hold at a time.")


class S3StoreSettings(Part):
    """An S3 data store that the operator offers to everyone."""

    type: Literal["s3"]
    endpoint: str
    region: str = "us-east-1"
    access_key_env: str = Field(description="Name of the environment variable that holds the access key.")
    secret_key_env: str = Field(description="Name of the environment variable that holds the secret key.")


class SwiftStoreSettings(Part):
    """A Swift data store that the operator offers to everyone."""

    type: Literal["swift"]
    auth_url: str
    user: str
    key_env: str = Field(description="Name of the environment variable that holds the password or key.")
    tenant: str = ""
    region: str = ""
    domain: str = ""
    auth_version: Literal[1, 2, 3] = 3


class FolderStoreSettings(Part):
    """A folder of this machine, offered as a data store; its sub-folders are the containers."""

    type: Literal["folder"]
    root: str


StoreSettings = Annotated[
    S3StoreSettings | SwiftStoreSettings | FolderStoreSettings, Field(discriminator="type")
]


class LocalSettings(Part):
    """Local mode."""

    state_folder: str = Field(default=".local", description="Where notebooks, ledger and secrets are kept.")
    environments_folder: str = Field(
        default=".local/environments",
        description="Framework environments: <frameworkId>/bin/python makes a framework available.",
    )
    vscode_folder: str = Field(
        default=".local/vscode", description="Where `make vscode` installs code-server."
    )
    simulated_gpus: int = Field(
        default=0, ge=0, description="GPUs that local mode pretends to have; 0: only the machine's own."
    )
    proxy_command: list[str] = Field(
        default_factory=lambda: ["configurable-http-proxy"],
        description="How to start configurable-http-proxy, the hub's proxy.",
    )
    system_users: bool = Field(
        default=False,
        description="Run each person's processes as the machine's user of that name (hub as root).",
    )


class Settings(Part):
    """Everything that an installation chooses."""

    deployment: DeploymentSettings = DeploymentSettings()
    service: ServiceSettings = ServiceSettings()
    hub: HubSettings = HubSettings()
    database: DatabaseSettings = DatabaseSettings()
    project: ProjectSettings = ProjectSettings()
    local: LocalSettings = LocalSettings()
    data_stores: dict[str, StoreSettings] = Field(
        default_factory=dict, description="Data stores that the operator offers to everyone, by alias."
    )
    catalog: dict[str, Any] = Field(
        default_factory=dict,
        description="Overrides of the shipped catalog: editors, frameworks, flavors, regions.",
    )

    @property
    def service_prefix(self) -> str:
        """Public path of the service."""
        return f"{self.deployment.base_path.rstrip('/')}/services/ai/"

    def notebook_prefix(self, user: str, server_name: str) -> str:
        """Public path of a notebook, by the hub's own rule (both names already safe for URLs)."""
        return f"{self.deployment.base_path.rstrip('/')}/user/{user}/{server_name}/"

    def notebooks_folder(self) -> Path:
        return Path(self.local.state_folder).absolute() / "notebooks"
