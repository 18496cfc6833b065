"""What the service tells a gateway. A gateway asks with its run's gateway token."""

from typing import Literal
from uuid import UUID

from ovh_spawner.contract.base import Message, UtcDatetime


class AccessPolicy(Message):
    """``GET /internal/v1/runs/{run}/policy``: who may come in. Cached by the gateway."""

    notebook: UUID
    access: Literal["restricted", "open"]
    users: list[str]
    """Names of the hub users who may open the notebook (everyone else signs in again and is refused)."""


class RedeemCode(Message):
    """``POST /internal/v1/runs/{run}/redeem``: exchange the single-use code that a browser brought."""

    code: str


class Admission(Message):
    """The answer to :class:`RedeemCode`: who comes in, and until when without asking again."""

    user: str
    expires_at: UtcDatetime
