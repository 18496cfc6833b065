"""The public API's answers about what can be asked for, who asks, data stores and usage."""

from uuid import UUID

from pydantic import Field

from ovh_spawner.contract.api_v1_values import Absent, Instant, Money
from ovh_spawner.contract.base import Message


class _Choice(Message):
    id: str
    name: str
    description: str
    doc_url: str
    logo_url: str
    available: bool = Field(description="False: it cannot be chosen on this installation.")
    unavailable_reason: Absent[str] = None


class NotebookEditor(_Choice):
    """What opens in the browser."""

    versions: list[str]


class NotebookFramework(_Choice):
    """A software stack; the first version is the default."""

    saved_paths: list[str] = Field(description="What is kept between stop and start.")
    versions: list[str]


class CapabilityNotebookEditor(_Choice):
    """An editor in the vendor's older shape."""

    version: str
    incompatible_with: list[str]
    probe_path: str


class CapabilityNotebookFramework(_Choice):
    """A framework in the vendor's older shape."""

    saved_paths: list[str]
    versions: list[str]
    incompatible_with: list[str]


class GpuInformationAnswer(Message):
    """The card of a GPU flavor; memory in bytes."""

    gpu_brand: str
    gpu_model: str
    gpu_memory: int


class ResourcesPerUnit(Message):
    """One unit of a flavor. Sizes are bytes, networks bits per second."""

    cpu: int
    gpu: int
    memory: int
    ephemeral_storage: int
    private_network: int
    public_network: int


class FlavorAnswer(Message):
    """A hardware type; resources grow linearly with the number of units."""

    id: str
    description: str
    type: str
    default: bool
    max: int = Field(description="Units that one notebook may have.")
    gpu_information: Absent[GpuInformationAnswer] = None
    resources_per_unit: ResourcesPerUnit
    price_per_hour: Absent[Money] = Field(default=None, description="Of one unit, now.")
    currency: str
    available: bool
    unavailable_reason: Absent[str] = None


class ProjectQuotas(Message):
    """What a project may hold at a time. A kind that is not listed is not limited."""

    resources: dict[str, int]


class ProjectRole(Message):
    """A project that somebody works in."""

    name: str
    role: str = Field(description="read, operator or administrator.")


class Me(Message):
    """Who asks."""

    name: str
    tenant: str = Field(description="The project.")
    role: Absent[str] = Field(
        default=None,
        description="administrator, ai_training_operator or ai_training_read; absent without a project.",
    )
    token_kind: str
    quotas: ProjectQuotas
    projects: list[ProjectRole] = Field(description="Every project that the caller works in.")


class Project(Message):
    """A project with its quota and what of it is in use."""

    name: str
    title: str
    role: Absent[str] = Field(default=None, description="The caller's: read, operator or administrator.")
    sharing: str = Field(
        description="members: they see and open each other's notebooks; owner: only their own."
    )
    origin: str = Field(description="settings, groups or api: where it is changed.")
    price_list: str
    labels: dict[str, str]
    region: str
    currency: str
    gpu_quota: int
    gpus_used: int
    cpus_used: int


class ProjectMember(Message):
    """Who has a role in a project."""

    kind: str = Field(description="user or group.")
    name: str = Field(description="Of a group: its name, in which * stands for anything.")
    role: str = Field(description="read, operator or administrator.")
    origin: str = Field(description="settings or api: where it is changed.")


class DataStore(Message):
    """A named connection to an object store. Credentials are never shown."""

    alias: str
    type: str = Field(description="s3, swift or folder.")
    owner: str = Field(
        description="customer: the caller's own; ovhcloud: offered by the operator to everyone."
    )
    endpoint: str | None
    region: Absent[str] = None
    created_at: Absent[Instant] = None


class DataStoreCheck(Message):
    """What the data store answered."""

    alias: str
    state: str = Field(
        description="DONE, INVALID_CREDENTIALS, FORBIDDEN, NOT_FOUND, TRANSIENT_ERROR or UNKNOWN_ERROR."
    )
    message: str


class UsageLine(Message):
    """Minutes and money of one group; what the group does not fix is left out."""

    project: str
    user: Absent[str] = None
    notebook: Absent[UUID] = None
    notebook_name: Absent[str] = None
    run: Absent[UUID] = None
    flavor: Absent[str] = None
    count: Absent[int] = None
    runs: int
    minutes: int
    rate_per_hour: Absent[Money] = Field(
        default=None, description="Of all units of the notebook; absent when the group has several rates."
    )
    cost: Money = Field(
        description="To 28 digits; only the total is rounded, and it is made of exact values."
    )
    running: bool = Field(description="True: a run is going on, so the line still grows.")


class Usage(Message):
    """A statement of billed minutes: the cost of one month (UTC), up to now."""

    month: str
    start: Instant
    end: Instant
    currency: str
    group_by: str
    lines: list[UsageLine]
    minutes: int
    total: Money = Field(description="Rounded half up to cents.")
    notes: list[str]


class Health(Message):
    """The service and its database answer."""

    status: str
