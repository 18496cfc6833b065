"""The settings: one YAML file, read by hub and service alike; secrets come from the environment only.

Unknown keys stop the start and name the nearest valid key, with file and line (see ``catalog/yaml_source.py``).
"""

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from ovh_spawner.domain.hosts import origin_of_user
from ovh_spawner.settings_access import AccessSettings
from ovh_spawner.settings_kubernetes import KubernetesSettings
from ovh_spawner.settings_outgoing import GitSettings, OutgoingSettings
from ovh_spawner.settings_part import Part
from ovh_spawner.settings_projects import PriceList, ProjectEntry, ProjectName, ProjectSettings
from ovh_spawner.settings_ssh import SshSettings
from ovh_spawner.settings_tokens import TokenSettings

__all__ = ["Part", "Settings", "StoreSettings"]


class DeploymentSettings(Part):
    """Where and for whom this installation runs."""

    region: str = Field(
        default="GRA", description="The region that this deployment serves; one of the catalog's."
    )
    hub_id: str = Field(default="hub", description="Name of this hub in the ledger.")
    public_url: str = Field(
        default="http://127.0.0.1:8000", description="Address that browsers use, without path."
    )
    subdomains: bool = Field(
        default=False,
        description="Give each person's notebooks a host of their own below publicUrl's, so that browsers keep people "
        "apart who do not trust each other. Needs a wildcard in DNS and in the certificate.",
    )
    base_path: str = Field(default="/", description="JupyterHub's base_url.")
    mode: Literal["local", "kubernetes"] = Field(default="local", description="Where notebooks run.")

    @model_validator(mode="after")
    def _hosts_have_names(self) -> "DeploymentSettings":
        host = urlsplit(self.public_url).hostname or ""
        if self.subdomains and (":" in host or host.replace(".", "").isdigit()):
            raise ValueError("subdomains needs a name in publicUrl, not an address of numbers")
        return self


class ServiceSettings(Part):
    """The hub service's own listener and its neighbours."""

    host: str = Field(default="127.0.0.1", description="Address the service listens on.")
    port: int = Field(default=8002, description="Port the service listens on.")
    url: str = Field(default="http://127.0.0.1:8002", description="How hub and gateways reach the service.")
    hub_api_url: str = Field(default="http://127.0.0.1:8081/hub/api", description="JupyterHub's API.")
    proxies: int = Field(
        default=1,
        ge=0,
        description="Proxies between browsers and the service, JupyterHub's own among them: the audit log takes the "
        "caller's address from that place of X-Forwarded-For, counted from the end. 0: the header is not believed.",
    )
    reconcile_seconds: float = Field(default=15.0, gt=0, description="Pause between two reconcile rounds.")
    heartbeat_seconds: float = Field(
        default=30.0, gt=0, description="How often a running notebook proves it lives."
    )
    leftovers_seconds: float = Field(
        default=60.0, gt=0, description="How often Secrets and policies of runs that are over are looked for."
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


class OpenIdSettings(Part):
    """Sign-in through an OpenID Connect provider."""

    name: str = Field(default="your organisation", description="Stands on the button: Sign in with …")
    issuer: str = Field(
        description="The provider's address; /.well-known/openid-configuration is read below it."
    )
    client_id: str = Field(description="This hub's name at the provider.")
    client_secret_env: str = Field(
        default="OVH_SPAWNER_OPENID_SECRET",
        description="Name of the environment variable that holds the secret of this hub at the provider.",
    )
    scopes: list[str] = Field(default=["openid", "profile", "email"], description="What is asked for.")
    groups_claim: str = Field(default="groups", description="Claim that lists a person's groups.")
    allow_all: bool = Field(default=False, description="Let in everybody whom the provider knows.")
    allowed_groups: list[str] | None = Field(
        default=None, description="Let in members of these groups; an empty list admits nobody."
    )
    allowed_emails: list[str] | None = Field(
        default=None,
        description="Let in these addresses, or *@example.org for all of a domain, when the provider has verified "
        "them; an empty list admits nobody.",
    )
    administrator_groups: list[str] = Field(
        default_factory=list, description="Members of these groups administer the hub."
    )

    @model_validator(mode="after")
    def _somebody_is_named(self) -> "OpenIdSettings":
        if not self.allow_all and self.allowed_groups is None and self.allowed_emails is None:
            raise ValueError("nobody could sign in: name allowedGroups or allowedEmails, or set allowAll")
        return self


class SignInSettings(Part):
    """Who comes in. With neither accounts nor a provider, the one password of the local demo does."""

    accounts_file: str | None = Field(
        default=None, description="File of local accounts; `ovh-spawner accounts` writes it."
    )
    openid: OpenIdSettings | None = Field(default=None, description="An OpenID Connect provider.")
    application_tokens: bool = Field(
        default=False,
        description="Application tokens sign in too, beside accounts, a provider or the demo's password.",
    )
    failures: int = Field(default=5, ge=1, description="Failed sign-ins of a name before it is locked.")
    lock_minutes: float = Field(default=15.0, gt=0, description="How long a name is locked then.")
    refresh_seconds: int = Field(
        default=60,
        ge=5,
        description="How soon the hub notices that an account or a group at the provider has changed.",
    )


class DatabaseSettings(Part):
    """Where the ledger lives."""

    url: str = Field(
        default="sqlite+aiosqlite:///ovh-spawner.sqlite",
        description="SQLAlchemy address: sqlite+aiosqlite:///path or postgresql+psycopg://… (a password comes from "
        "PGPASSWORD or a password file, never from here).",
    )


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
    auth_url: str = Field(description="Where to sign in; Keystone's address ends in `/v3`.")
    user: str
    key_env: str = Field(description="Name of the environment variable that holds the password or key.")
    tenant: str = Field(default="", description="Keystone project; needed unless the user has a usual one.")
    region: str = Field(default="", description="Without one, the first Swift of the cloud is taken.")
    domain: str = Field(default="", description="Keystone domain of the user; without one, `Default`.")
    tenant_domain: str = Field(default="", description="Domain of the project; without one, the user's.")
    auth_version: Literal[1, 2, 3] = Field(
        default=3, description="Keystone 3 or 2, or 1: user and key alone."
    )


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
    sign_in: SignInSettings = SignInSettings()
    access: AccessSettings = AccessSettings()
    database: DatabaseSettings = DatabaseSettings()
    project: ProjectSettings = ProjectSettings()
    projects: dict[ProjectName, ProjectEntry] = Field(
        default_factory=dict,
        description="Projects, by name. With none (and no `project.groupPattern`) everybody who is signed in works "
        "in the project `default`, and keeps to their own notebooks.",
    )
    price_lists: dict[str, PriceList] = Field(
        default_factory=dict,
        description="Prices of flavors for projects that name the list; what it leaves out costs what the catalog "
        "says. Never change a price that has applied: add one with a later `validFrom`.",
    )
    tokens: TokenSettings = TokenSettings()
    ssh: SshSettings = SshSettings()
    local: LocalSettings = LocalSettings()
    kubernetes: KubernetesSettings = KubernetesSettings()
    outgoing: OutgoingSettings = OutgoingSettings()
    git: GitSettings = GitSettings()
    data_stores: dict[str, StoreSettings] = Field(
        default_factory=dict, description="Data stores that the operator offers to everyone, by alias."
    )
    catalog: dict[str, Any] = Field(
        default_factory=dict,
        description="Overrides of the shipped catalog: editors, frameworks, flavors, regions.",
    )

    @property
    def has_projects(self) -> bool:
        """Say whether projects are set up; otherwise everybody works in one."""
        return bool(self.projects or self.project.group_pattern)

    @property
    def refuses_private_addresses(self) -> bool:
        """Say whether people's own addresses must be public ones."""
        chosen = self.outgoing.private_addresses
        return chosen == "refused" or (chosen == "by-mode" and self.deployment.mode == "kubernetes")

    @property
    def service_prefix(self) -> str:
        """Public path of the service."""
        return f"{self.deployment.base_path.rstrip('/')}/services/ai/"

    @property
    def service_address(self) -> str:
        """How a notebook's pages lead to the service: by path alone where all share one host."""
        host = self.deployment.public_url.rstrip("/") if self.deployment.subdomains else ""
        return host + self.service_prefix

    @property
    def uses_host_cookies(self) -> bool:
        """Say whether hub and service bind their cookies to their own host, which people's hosts could overwrite."""
        return self.deployment.subdomains and self.deployment.public_url.startswith("https://")

    @property
    def allows_open_notebooks(self) -> bool:
        """Say whether a notebook may be open to everybody."""
        chosen = self.access.open_notebooks
        return chosen == "allowed" or (chosen == "by-origin" and self.deployment.subdomains)

    def notebook_origin(self, user: str) -> str:
        """Public scheme and host of a person's notebooks; ``user`` as the hub names them."""
        public = self.deployment.public_url.rstrip("/")
        return origin_of_user(public, user) if self.deployment.subdomains else public

    def notebook_prefix(self, user: str, server_name: str) -> str:
        """Public path of a notebook, by the hub's own rule (both names already safe for URLs)."""
        return f"{self.deployment.base_path.rstrip('/')}/user/{user}/{server_name}/"

    def notebooks_folder(self) -> Path:
        return Path(self.local.state_folder).absolute() / "notebooks"
