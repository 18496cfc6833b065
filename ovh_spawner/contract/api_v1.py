"""The vendor's shapes: what the public API answers about notebooks, with the vendor's names and nulls.

Requests are ``domain.spec``'s models; these are the answers.
"""

from uuid import UUID

from pydantic import Field

from ovh_spawner.contract.api_v1_values import Absent, Info, Instant
from ovh_spawner.contract.base import Message


class Env(Message):
    """Editor, framework and its version."""

    editor_id: str
    framework_id: str
    framework_version: str


class EnvVariable(Message):
    """One environment variable; the value is shown to the notebook's owner only and is empty for others."""

    name: str
    value: str


class ResourcesAnswer(Message):
    """The notebook's whole hardware. Sizes are bytes, networks bits per second."""

    flavor: str
    flavor_count: int = Field(description="Units of the flavor; more of the vendor's newest surface.")
    cpu: int
    gpu: int
    gpu_brand: str | None
    gpu_model: str | None
    gpu_memory: int | None
    memory: int
    ephemeral_storage: int
    private_network: int
    public_network: int


class DataStoreVolume(Message):
    """A bucket of a data store."""

    alias: str
    container: str
    prefix: Absent[str] = None


class PublicGitVolume(Message):
    """A git repository; ``ref`` (branch, tag or commit) and ``full`` go beyond the vendor's shape."""

    url: str
    ref: Absent[str] = None
    full: Absent[bool] = Field(
        default=None, description="true: the whole history is brought, not only the files as they are now."
    )


class StandaloneVolume(Message):
    """An empty folder that is kept."""


class VolumeAnswer(Message):
    """One volume of a notebook, with the one source that it has."""

    mount_path: str
    permission: str = Field(description="R, RW or RWD.")
    cache: bool = False
    data_store: Absent[DataStoreVolume] = None
    public_git: Absent[PublicGitVolume] = None
    standalone: Absent[StandaloneVolume] = None


class SpecAnswer(Message):
    """What the notebook is to be, with everything filled in. It is accepted back as a request, key by key."""

    name: str
    env: Env
    env_vars: list[EnvVariable] | None
    labels: dict[str, str]
    resources: ResourcesAnswer
    ssh_public_keys: list[str] | None
    timeout_auto_restart: bool
    unsecure_http: bool
    volumes: list[VolumeAnswer]


class VolumeStatus(Message):
    """A volume's id, which a manual data sync names, and its last transfers."""

    id: UUID
    mount_path: str
    user_volume_id: UUID
    last_pulled_created_at: Instant | None = None
    last_pushed_created_at: Instant | None = None


class DataSyncSpecAnswer(Message):
    """What a data sync was asked to do; without ``volume`` it is all volumes."""

    direction: str
    manual: bool
    volume: UUID | None = None


class DataSyncProgress(Message):
    """How one volume's transfer goes."""

    id: UUID
    data_sync_id: UUID
    direction: str
    state: str
    info: str
    completed: int
    failed: int
    skipped: int
    deleted: int
    processed: int
    total: int
    transferred_bytes: int
    total_bytes: int
    eta: Absent[int] = None
    reason: Absent[Info] = None
    created_at: Instant
    updated_at: Instant
    notebook_volume: Absent[VolumeAnswer] = None
    volume_status: Absent[VolumeStatus] = None


class DataSyncStatus(Message):
    """Where a data sync stands."""

    state: str
    info: Info
    queued_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    progress: list[DataSyncProgress]


class DataSync(Message):
    """One transfer, automatic or manual."""

    id: UUID
    created_at: Instant
    updated_at: Instant
    spec: DataSyncSpecAnswer
    status: DataSyncStatus


class StateChange(Message):
    """One dated state of a run."""

    state: str
    date: Instant


class JobStatus(Message):
    """The newest run, in the vendor's words for jobs."""

    state: str
    info: Info
    history: list[StateChange]
    duration: int
    exit_code: int | None = None
    queued_at: Absent[Instant] = None
    initializing_at: Absent[Instant] = None
    started_at: Instant | None
    stopped_at: Instant | None
    last_transition_date: Absent[Instant] = None
    url: str
    info_url: str
    monitoring_url: str | None = None
    ssh_url: str | None = None


class WorkspaceAnswer(Message):
    """Size of the workspace in bytes."""

    storage_free: int
    storage_used: int


class StatusAnswer(Message):
    """What the notebook is."""

    state: str
    info: Info
    url: str
    info_url: str
    monitoring_url: str | None = None
    ssh_url: str | None = None
    duration: int
    last_started_at: Instant | None
    last_stopped_at: Instant | None
    last_active_at: Absent[Instant] = Field(
        default=None,
        description="When somebody last did something in the running notebook; an open tab is nothing.",
    )
    data_sync: list[DataSync]
    volumes: list[VolumeStatus]
    workspace: Absent[WorkspaceAnswer] = None
    last_job_status: Absent[JobStatus] = None


class Notebook(Message):
    """A notebook."""

    id: UUID
    created_at: Instant
    updated_at: Instant
    user: str
    project: str
    region: str
    spec: SpecAnswer
    status: StatusAnswer


class Links(Message):
    """Where the next page is, when there is one."""

    next: Absent[str] = None


class PageMetadata(Message):
    """Which page this is of how many."""

    current_page: int
    page_count: int
    total: int
    links: Links


class NotebookList(Message):
    """A page of notebooks."""

    items: list[Notebook]
    metadata: PageMetadata


class Command(Message):
    """The command line that asks for the same notebook."""

    command: str


class LabelUpdate(Message):
    """One label; without a value it is removed."""

    name: str
    value: str | None = None


class DataSyncRequest(Message):
    """A manual data sync; without ``volume`` it is all volumes."""

    direction: str = Field(description="pull or push.", json_schema_extra={"enum": ["pull", "push"]})
    manual: bool | None = Field(default=None, description="Accepted; a sync that is asked for is manual.")
    volume: str | None = Field(default=None, description="A volume's id, from status.volumes.")
