"""What the doors need of the service; ``factory`` builds it."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from ovh_spawner.service.operations.access import AccessOperations
from ovh_spawner.service.operations.administration import ProjectOperations
from ovh_spawner.service.operations.audit import AuditOperations
from ovh_spawner.service.operations.capabilities import CapabilityOperations
from ovh_spawner.service.operations.datastores import DataStoreOperations
from ovh_spawner.service.operations.notebooks import NotebookOperations
from ovh_spawner.service.operations.people import People
from ovh_spawner.service.operations.preparation import PreparationOperations
from ovh_spawner.service.operations.runs import RunOperations
from ovh_spawner.service.operations.ssh import SshOperations
from ovh_spawner.service.operations.statements import StatementOperations
from ovh_spawner.service.operations.sync import SyncOperations
from ovh_spawner.service.operations.token_checks import TokenChecks
from ovh_spawner.service.operations.token_sign_in import TokenSignInOperations
from ovh_spawner.service.operations.tokens import TokenOperations
from ovh_spawner.settings import Settings


class Secrets(Protocol):
    """The tokens that the doors check or use."""

    @property
    def service_token(self) -> str: ...

    @property
    def internal_token(self) -> str: ...

    @property
    def ssh_token(self) -> str: ...


class Operations(Protocol):
    """All that the service does."""

    @property
    def notebooks(self) -> NotebookOperations: ...

    @property
    def runs(self) -> RunOperations: ...

    @property
    def preparation(self) -> PreparationOperations: ...

    @property
    def people(self) -> People: ...

    @property
    def projects(self) -> ProjectOperations: ...

    @property
    def access(self) -> AccessOperations: ...

    @property
    def ssh(self) -> SshOperations: ...

    @property
    def token_checks(self) -> TokenChecks: ...

    @property
    def token_sign_in(self) -> TokenSignInOperations: ...

    @property
    def tokens(self) -> TokenOperations: ...

    @property
    def audit(self) -> AuditOperations: ...

    @property
    def statements(self) -> StatementOperations: ...

    @property
    def datastores(self) -> DataStoreOperations: ...

    @property
    def sync(self) -> SyncOperations: ...

    @property
    def capabilities(self) -> CapabilityOperations: ...


class Service(Protocol):
    """The running service, as handlers see it."""

    @property
    def settings(self) -> Settings: ...

    @property
    def secrets(self) -> Secrets: ...

    @property
    def operations(self) -> Operations: ...

    @property
    def now(self) -> Callable[[], datetime]: ...
