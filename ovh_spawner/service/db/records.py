"""Rows as values. Secrets open here when they are asked for; in the tables they are sealed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from ovh_spawner.contract.sync import SyncDirection, SyncState, VolumeProgress
from ovh_spawner.domain.access import Role
from ovh_spawner.domain.labels import LabelSelector
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.states import ENDS, PushState, RunState
from ovh_spawner.service.secrets import HiddenText


class Deletion(StrEnum):
    """Whether a notebook is to go, and what goes first."""

    NO = "no"
    AFTER_PUSH = "after_push"
    """Ordered while data were still being saved: they are saved, then it goes."""
    NOW = "now"


@dataclass(frozen=True, slots=True)
class NotebookRecord:
    """One row of ``notebooks``."""

    id: UUID
    project: str
    hub: str
    owner: str
    server_name: str
    spec: NotebookSpec
    revision: int
    cookie_key: HiddenText
    created_at: datetime
    updated_at: datetime
    deletion: Deletion = Deletion.NO
    deleted_at: datetime | None = None
    last_run: UUID | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One row of ``runs``."""

    id: UUID
    notebook: UUID
    project: str
    hub: str
    owner: str
    notebook_name: str
    flavor: str
    count: int
    cpus: int
    gpus: int
    revision: int
    gateway_token: HiddenText
    created_at: datetime
    last_alive_at: datetime
    attempt: UUID | None = None
    launched: bool = False
    state: RunState = RunState.STARTING
    code: str = ""
    message: str = ""
    running_at: datetime | None = None
    stopped_at: datetime | None = None
    ended_at: datetime | None = None
    push: PushState = PushState.NONE
    push_message: str = ""
    unsaved: tuple[UUID, ...] = ()
    last_active_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.state not in ENDS

    @property
    def is_adopted(self) -> bool:
        """True: a spawner has taken the run over; False: only our API has opened it."""
        return self.attempt is not None


@dataclass(frozen=True, slots=True)
class SyncRecord:
    """One row of ``data_syncs``."""

    id: UUID
    notebook: UUID
    run: UUID | None
    direction: SyncDirection
    manual: bool
    volume: UUID | None
    created_at: datetime
    updated_at: datetime
    state: SyncState = SyncState.QUEUED
    message: str = ""
    volumes: tuple[VolumeProgress, ...] = ()
    attempts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        return self.state in {SyncState.QUEUED, SyncState.RUNNING}

    @property
    def belongs_to_spawner(self) -> bool:
        """True: the pull before a run's start, which the hub drives and reports."""
        return self.direction is SyncDirection.PULL and not self.manual


@dataclass(frozen=True, slots=True)
class DataStoreRecord:
    """One row of ``data_stores``."""

    id: UUID
    project: str
    owner: str
    alias: str
    type: str
    endpoint: str
    region: str
    credentials: str = field(repr=False)
    """JSON, in the shape of the store's type."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AccessCodeRecord:
    """One row of ``access_codes``."""

    hash: str
    notebook: UUID
    run: UUID
    user: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """One row of ``tokens``."""

    id: UUID
    project: str
    owner: str
    """Who made it, for whom it acts."""
    region: str
    name: str
    role: Role
    selector: LabelSelector
    version: int
    hash: str = field(repr=False)
    created_at: datetime
    issued_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One row of ``audit``."""

    at: datetime
    actor: str
    credential: str
    address: str
    request: str
    action: str
    project: str | None
    target: str
    name: str
    details: Mapping[str, str | int | bool | None]
    id: int = 0
    """Given by the ledger."""
