"""What the operations answer: plain values, which the doors turn into the vendor's JSON and into pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Generic, Literal, TypeVar
from uuid import UUID

from ovh_spawner.contract.sync import SyncDirection, SyncState, VolumeProgress
from ovh_spawner.domain.access import Role
from ovh_spawner.domain.projects import Project
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.states import NotebookState, RunState, Transition

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class RunView:
    """One run of a notebook."""

    id: UUID
    state: RunState
    code: str
    """The vendor's run code (JOB_RUNNING …)."""
    message: str
    flavor: str
    count: int
    created_at: datetime
    started_at: datetime | None
    """RUNNING, by the source that knows best."""
    stopped_at: datetime | None
    """The end of the billed time."""
    ended_at: datetime | None
    duration: int
    """Seconds of RUNNING so far."""
    history: tuple[Transition, ...]
    """The report of each state that counts, oldest first."""
    last_active_at: datetime | None = None
    """When somebody last did something in it."""


@dataclass(frozen=True, slots=True)
class DataSyncView:
    """One pull or push."""

    id: UUID
    notebook: UUID
    run: UUID | None
    direction: SyncDirection
    manual: bool
    volume: UUID | None
    """The one volume asked for; None: all."""
    state: SyncState
    code: str
    """The vendor's code (DATASYNC_RUNNING …)."""
    message: str
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    progress: tuple[VolumeProgress, ...]


@dataclass(frozen=True, slots=True)
class NotebookView:
    """Everything that can be shown of a notebook."""

    id: UUID
    project: str
    owner: str
    server_name: str
    created_at: datetime
    updated_at: datetime
    spec: NotebookSpec
    """As stored; ``labels`` below adds the platform's."""
    labels: Mapping[str, str]
    revision: int
    state: NotebookState
    code: str
    """The vendor's code (NOTEBOOK_RUNNING …)."""
    message: str
    url: str
    duration: int
    """Seconds of RUNNING over all runs."""
    last_started_at: datetime | None
    last_stopped_at: datetime | None
    last_run: RunView | None
    data_syncs: tuple[DataSyncView, ...]
    """Newest first, at most 20."""
    ssh_url: str = ""
    """Empty: nobody comes in over SSH."""
    ssh_command: str = ""
    """The same, as a person types it."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a listing; pages count from 1."""

    items: Sequence[Item]
    total: int
    page: int
    size: int

    @property
    def page_count(self) -> int:
        return max(1, -(-self.total // self.size))


SORTABLE = ("createdAt", "updatedAt", "name", "user", "state", "id")
"""Names of the fields a listing can be sorted by."""


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Filters and paging of a listing; the defaults filter nothing."""

    states: frozenset[NotebookState] = frozenset()
    user: str = ""
    project: str = ""
    label_selector: str = ""
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    sort: str = "createdAt"
    order: Literal["asc", "desc"] = "desc"
    page: int = 1
    size: int = 50


@dataclass(frozen=True, slots=True)
class DataStoreView:
    """A data store without its credentials."""

    alias: str
    type: str
    """s3, swift or folder."""
    owner: Literal["customer", "ovhcloud"]
    endpoint: str
    region: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoreCheck:
    """What a connection test found."""

    state: SyncState
    """DONE, INVALID_CREDENTIALS, FORBIDDEN, NOT_FOUND, TRANSIENT_ERROR (no answer) or UNKNOWN_ERROR."""
    message: str = ""


@dataclass(frozen=True, slots=True)
class QuotaView:
    """The project's hardware: what STARTING and RUNNING notebooks hold, and how many GPUs they may."""

    project: str
    gpus_used: int
    gpu_quota: int
    cpus_used: int


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project as one of its people sees it."""

    project: Project
    role: Role | None
    """None: they look after the platform, without a role here."""
    usage: QuotaView


GroupBy = Literal["notebook", "user", "project", "run"]


@dataclass(frozen=True, slots=True)
class StatementQuery:
    """What a statement is about; None: everything that the actor may see."""

    project: str | None = None
    user: str | None = None
    notebook: UUID | None = None
    group_by: GroupBy = "notebook"


@dataclass(frozen=True, slots=True)
class StatementLine:
    """Minutes and money of one group. Fields that the group does not fix are None."""

    project: str
    user: str | None
    notebook: UUID | None
    notebook_name: str | None
    run: UUID | None
    flavor: str | None
    count: int | None
    runs: int
    minutes: int
    rate_per_hour: Decimal | None
    """For all units of the notebook; None when the group has several rates."""
    cost: Decimal
    """Exact."""
    running_now: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """The cost of a period, up to now."""

    start: datetime
    end: datetime
    currency: str
    lines: tuple[StatementLine, ...]
    minutes: int
    total: Decimal
    """Rounded half-up to cents; the only rounding."""
    notes: tuple[str, ...] = field(default=())
