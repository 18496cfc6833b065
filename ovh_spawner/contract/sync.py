"""The data sync's job file, its progress lines and its report.

A job file holds credentials: it is written with mode 0600 and removed by the data sync once read.
The data sync prints one :class:`SyncProgress` per line on standard output and, when a path is given, appends the
same lines to the job's progress file; the last thing it writes is the report file.
"""

from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, SecretStr

from ovh_spawner.constants import DEFAULT_PROJECT
from ovh_spawner.contract.base import Message, Secret, UtcDatetime
from ovh_spawner.domain.volumes import Permission


class SyncDirection(StrEnum):
    """Which way the data goes."""

    PULL = "pull"
    PUSH = "push"


class SyncState(StrEnum):
    """States of one data sync, and of one volume in it (the second half is for volumes only)."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    ERROR = "ERROR"
    INTERRUPTED = "INTERRUPTED"
    FORBIDDEN = "FORBIDDEN"
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    NOT_FOUND = "NOT_FOUND"
    TRANSIENT_ERROR = "TRANSIENT_ERROR"
    UNKNOWN_ERROR = "UNKNOWN_ERROR"


class S3Source(Message):
    """A bucket of an S3 data store."""

    type: Literal["s3"] = "s3"
    alias: str
    endpoint: str
    region: str
    access_key: Secret
    secret_key: Secret
    container: str
    prefix: str = ""


class SwiftSource(Message):
    """A container of a Swift data store (Keystone v3 password sign-in, or v1 with user and key).

    An empty ``domain`` is Keystone's first one, *Default*; an empty ``tenant_domain`` is the user's.
    """

    type: Literal["swift"] = "swift"
    alias: str
    auth_url: str
    user: str
    key: Secret
    tenant: str = ""
    region: str = ""
    domain: str = ""
    tenant_domain: str = ""
    auth_version: Literal[1, 2, 3] = 3
    container: str
    prefix: str = ""


class FolderSource(Message):
    """A folder of this machine that the operator offers as a data store; containers are its sub-folders."""

    type: Literal["folder"] = "folder"
    alias: str
    root: str
    container: str
    prefix: str = ""


class GitSource(Message):
    """A git repository, cloned once. ``ref`` is a branch, a tag or a commit; empty is the default branch."""

    type: Literal["git"] = "git"
    url: str
    ref: str = ""
    username: str = ""
    password: Secret = SecretStr("")
    full: bool = Field(
        default=False, description="Bring the whole history; otherwise old files' contents come on demand."
    )
    clone_seconds: float = Field(default=3600.0, description="What a clone may take in all, tries included.")


class EmptySource(Message):
    """A volume without a source: an empty folder that is kept."""

    type: Literal["empty"] = "empty"


Source = Annotated[
    S3Source | SwiftSource | FolderSource | GitSource | EmptySource, Field(discriminator="type")
]


class Reach(Message):
    """Where git and rclone may connect to for a volume. It has limits when a person chose the address."""

    private_addresses: bool = Field(
        default=True, description="False: public ones only, after each name look-up and each redirect."
    )
    allowed: list[str] = Field(
        default_factory=list, description="Hosts, *.domains and networks that are reached nevertheless."
    )


class SyncVolume(Message):
    """One volume of a job."""

    id: UUID
    mount_path: str = Field(description="As the user wrote it, for messages: /workspace/data.")
    path: str = Field(description="Where its files are on this machine.")
    permission: Permission
    source: Source
    reach: Reach = Reach()


class SyncJob(Message):
    """All that one data sync does."""

    id: UUID
    direction: SyncDirection
    notebook: UUID
    volumes: list[SyncVolume]
    state_folder: str = Field(
        description="Folder beside the files, outside the notebook's home: manifests and the lock live there."
    )
    manual: bool = False
    project: str = Field(default=DEFAULT_PROJECT, description="The notebook's; a label on a cluster.")


class VolumeProgress(Message):
    """How one volume's transfer goes. Counts are files, sizes are bytes, rate is bytes per second, eta seconds."""

    volume: UUID
    mount_path: str
    info: str = Field(description="What is moved, for people: bucket@ALIAS or a repository's address.")
    state: SyncState
    completed: int = 0
    failed: int = 0
    skipped: int = 0
    deleted: int = 0
    processed: int = 0
    total: int = 0
    transferred_bytes: int = 0
    total_bytes: int = 0
    rate: float = 0.0
    eta: float | None = None
    message: str = Field(default="", description="One plain sentence, set when the state is a failure.")
    skipped_files: list[str] = Field(
        default_factory=list,
        description="Names of what was left out and why, as 'path: reason'; at most 100, then a count.",
    )


class SyncProgress(Message):
    """One progress line."""

    job: UUID
    at: UtcDatetime
    volumes: list[VolumeProgress]


class SyncReport(Message):
    """The last word of a data sync."""

    job: UUID
    state: SyncState
    started_at: UtcDatetime
    ended_at: UtcDatetime
    message: str = ""
    volumes: list[VolumeProgress]
