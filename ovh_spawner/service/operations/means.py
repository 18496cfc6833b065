"""What the operations work with; made once by the factory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ovh_spawner.contract.runs import NotebookReference
from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.service.db.ledger import Ledger
from ovh_spawner.service.hub_client import HubServer, HubUser
from ovh_spawner.service.operations.background import Background
from ovh_spawner.service.runners.base import Runner
from ovh_spawner.settings import Settings


class Hub(Protocol):
    """What the operations ask of JupyterHub. All raise HubError when it does not answer or refuses."""

    async def find_user(self, name: str) -> HubUser | None: ...

    async def find_server(self, user: str, server_name: str) -> HubServer | None: ...

    async def start_server(
        self, user: str, server_name: str, *, reference: NotebookReference, display_name: str
    ) -> None: ...

    async def stop_server(self, user: str, server_name: str) -> None: ...

    async def delete_server(self, user: str, server_name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Patience:
    """Pauses and limits of background work, in seconds."""

    poll: float = 0.5
    """Between two looks at a running data sync: progress on a page feels live."""
    hub: float = 2.0
    """Before the hub is asked again."""
    lock: float = 3.0
    """Before a data sync that met another one is tried again."""
    retries: tuple[float, ...] = (5.0, 20.0, 60.0)
    """Before a push that failed for a passing reason is tried again; then it has failed."""
    stop: float = 60.0
    """How long the hub may take to stop a notebook before its processes are ended from here."""
    check: float = 5.0
    """How long a creation waits for a data store to tell whether a bucket is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Everything that the operations share."""

    settings: Settings
    capabilities: Callable[[], Capabilities]
    """Read anew each time: what is installed on the machine can change."""
    ledger: Ledger
    runner: Runner
    hub: Hub
    background: Background
    now: Callable[[], datetime]
    store_keys: Mapping[str, str] = field(repr=False)
    patience: Patience = Patience()
