"""Answers about application tokens, in the vendor's shape, and about the audit log."""

from uuid import UUID

from pydantic import Field

from ovh_spawner.contract.api_v1 import PageMetadata
from ovh_spawner.contract.api_v1_values import Absent, Instant
from ovh_spawner.contract.base import Message


class TokenSpecAnswer(Message):
    """What the token was made for."""

    name: str
    role: str = Field(description="ai_training_operator or ai_training_read.")
    label_selector: str = Field(description="name=value[,name=value]; empty: all notebooks of the project.")
    region: str
    project: str
    owner: str = Field(description="Who made it: it never may more than they may.")
    expires_at: Absent[Instant] = None


class TokenStatus(Message):
    """The token now."""

    value: str | None = Field(
        default=None, repr=False, description="Only in the answers to creation and renewal, never again."
    )
    version: int
    last_used_at: Absent[Instant] = None


class Token(Message):
    """An application token."""

    id: UUID
    created_at: Instant
    updated_at: Instant
    spec: TokenSpecAnswer
    status: TokenStatus


class TokenList(Message):
    """A page of tokens."""

    items: list[Token]
    metadata: PageMetadata


class AuditEntry(Message):
    """Who did what."""

    id: int
    at: Instant
    actor: str = Field(description="The person; of a token: who made it.")
    credential: str = Field(
        description="hub token, sign-in, token:<id>:<version>, hub, gateway, ssh or platform."
    )
    address: str = Field(description="Where the request came from.")
    request: str = Field(description="The request's number, which the service's log has, too.")
    action: str
    project: Absent[str] = None
    target: str = Field(description="Id of the notebook or token, name of the project or data store.")
    name: str
    details: dict[str, str | int | bool | None]


class AuditList(Message):
    """A page of entries, newest first."""

    items: list[AuditEntry]
    metadata: PageMetadata
