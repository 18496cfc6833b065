"""What the hub's spawn page and progress page need to know about a notebook."""

from typing import Any
from uuid import UUID

from pydantic import Field

from ovh_spawner.contract.base import Message
from ovh_spawner.contract.sync import VolumeProgress
from ovh_spawner.domain.states import NotebookState


class Choice(Message):
    """Something that can be picked."""

    id: str
    name: str
    description: str = ""
    unavailable: str = Field(default="", description="Why it cannot be chosen here; empty when it can.")


class ProjectChoice(Message):
    """A project in which the person may make notebooks."""

    id: str
    name: str


class FrameworkChoice(Choice):
    """A framework with its versions, newest default first."""

    versions: list[str]
    incompatible_editors: list[str] = Field(default_factory=list)


class FlavorChoice(Choice):
    """A flavor with what one unit is and costs now."""

    type: str
    default: bool
    max: int
    cpu: int
    gpu: int
    gpu_model: str = ""
    simulated: bool = False
    memory: int
    ephemeral_storage: int
    price_per_hour: str = Field(description="Exact decimal, for one unit.")


class NotebookBrief(Message):
    """Where a notebook stands."""

    notebook: UUID
    name: str
    state: NotebookState
    message: str
    syncing: list[VolumeProgress] = Field(default_factory=list)
    is_syncing: bool = Field(
        default=False, description="A data sync waits or runs; its volumes may not be known yet."
    )
    ssh_command: str = Field(default="", description="How SSH clients reach it; empty: not at all.")


class ReachedNotebook(Message):
    """A notebook that somebody who signed in with an application token may know of."""

    name: str
    owner: str
    state: NotebookState
    url: str = Field(description="Where it opens; empty when it does not run.")


class HomePage(Message):
    """``GET /internal/v1/home-page``: where a person's notebooks stand."""

    notebooks: dict[str, NotebookBrief] = Field(description="By the name of their server.")
    reached: list[ReachedNotebook] = Field(
        default_factory=list,
        description="Of a user who is an application token: the first of what it reaches.",
    )
    reached_in_all: int = 0


class SpawnPage(Message):
    """``GET /internal/v1/spawn-page``: all that the form shows."""

    region: str
    currency: str
    editors: list[Choice]
    frameworks: list[FrameworkChoice]
    flavors: list[FlavorChoice]
    gpu_quota: int
    gpus_used: int
    data_stores: list[str]
    open_access_allowed: bool
    has_ssh: bool = Field(default=False, description="Notebooks can be reached over SSH, with keys.")
    projects: list[ProjectChoice] = Field(
        default_factory=list, description="Where the person may make notebooks; none: nowhere."
    )
    refusal: str = Field(
        default="", description="Why this person can start nothing here; empty when they can."
    )
    project: str = Field(default="", description="The one whose quota, prices and data stores are shown.")
    notebook: NotebookBrief | None = Field(description="The notebook of this server, when there is one.")
    spec: dict[str, Any] | None = Field(
        description="Its spec in the request's shape, to fill the form; values of environment variables included, "
        "because only the owner's page asks."
    )
