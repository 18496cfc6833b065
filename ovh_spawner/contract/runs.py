"""What the hub's spawners (and, for heartbeats, the gateways) say to the service about runs.

All of it goes to ``/internal/v1/...`` on the service's own port, which the public proxy never routes to,
with a bearer token: the hub's internal token, or the run's gateway token where it says so.
"""

from typing import Any
from uuid import UUID

from pydantic import Field

from ovh_spawner.constants import DEFAULT_PROJECT
from ovh_spawner.contract.base import Message, UtcDatetime
from ovh_spawner.contract.sync import SyncJob, VolumeProgress
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.states import Door, NotebookState, RunState, Source


class ResolveRequest(Message):
    """``POST /internal/v1/notebooks/resolve``: turn a hub user's options into a stored record.

    ``options`` is one of: nothing (the notebook's current revision, or a new notebook with every default),
    a reference ``{"notebook": id, "revision": n}``, or a spec in the shape of the API.
    The answer is a :class:`NotebookReference`, the only thing that the hub keeps.
    """

    user: str
    server_name: str
    options: dict[str, Any] | None = None
    door: Door


class NotebookReference(Message):
    """What the hub stores in ``user_options``."""

    notebook: UUID
    revision: int


class OpenRun(Message):
    """``POST /internal/v1/runs``: take the hold and open the run, or adopt the one that the API opened.

    ``attempt`` is drawn by the spawner once per start, so that a repeated call gets the same run.
    """

    notebook: UUID
    revision: int
    user: str
    server_name: str
    hub: str
    attempt: UUID


class OpenedRun(Message):
    """The answer to :class:`OpenRun`: all that a spawner needs to start the notebook."""

    run: UUID
    notebook: UUID
    spec: NotebookSpec = Field(description="Complete: version, flavor and count are filled in.")
    environment: dict[str, str] = Field(
        description="The user's variables, then the platform's (NOTEBOOK_ID, NOTEBOOK_HOST, ...)."
    )
    gateway_token: str = Field(description="Bearer token of this run's gateway at the service.", repr=False)
    cookie_key: str = Field(
        description="Key that signs the notebook's cookies; stable over runs.", repr=False
    )
    pull: SyncJob | None = Field(description="What to bring before the editor starts.", repr=False)


class PreparedRun(Message):
    """The answer to ``POST /internal/v1/runs/{run}/prepare``: what the run's pod refers to; no secret is in it.

    Asked for as often as needed: everything has names that follow from the notebook and the run, and what is there
    already is left as it is.
    """

    run: UUID
    notebook: UUID
    claim: str = Field(default="", description="The claim that holds the notebook's files.")
    run_secret: str = Field(default="", description="The Secret with gateway.json and perhaps pull.json.")
    environment_secret: str = Field(default="", description="The Secret with the user's variables, if any.")
    has_pull: bool = Field(default=False, description="True: the data container has something to bring.")
    project: str = Field(default=DEFAULT_PROJECT, description="Whose hold on the quota the run is; a label.")


class TransitionReport(Message):
    """``POST /internal/v1/runs/{run}/transitions``: one state was reached at one time.

    Sent as often as needed and in any order; the ledger keeps one row per run, state and source.
    """

    state: RunState
    source: Source
    at: UtcDatetime
    code: str = ""
    message: str = Field(default="", description="One plain sentence for the notebook's user.")
    launched: bool = Field(
        default=True,
        description="False in an end: no process of the user ever ran, so there is nothing to push.",
    )


class PullReport(Message):
    """``PUT /internal/v1/runs/{run}/pull``: how the pull before the start goes."""

    finished: bool
    volumes: list[VolumeProgress]


class Heartbeat(Message):
    """``POST /internal/v1/runs/{run}/heartbeat``: the notebook lives; from a gateway also when it was last used."""

    last_active_at: UtcDatetime | None = None


class RunStatus(Message):
    """The answer to reports and heartbeats (``POST /internal/v1/runs/{run}/heartbeat``, hub or gateway token)."""

    run: UUID
    state: RunState
    notebook_state: NotebookState
    should_stop: bool = Field(description="True: the run is over in the books, its processes must end.")
    pull: list[VolumeProgress] = Field(
        default_factory=list,
        description="How the pull before the start goes, where the service sees it and not the hub.",
    )
