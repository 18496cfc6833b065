"""What the service tells a gateway. A gateway asks with its run's gateway token.

A visitor is a short text that the gateway keeps in its cookies and asks about: see ``domain.visitors``.
"""

from typing import Literal
from uuid import UUID

from pydantic import Field

from ovh_spawner.contract.base import Message, Secret, UtcDatetime

MAX_VISITORS = 1000
"""How many one gateway may ask about at a time: more than ever use one notebook in ten minutes."""


class VisitorsNow(Message):
    """``POST /internal/v1/runs/{run}/policy``: those who are there, or want to come in."""

    visitors: list[str] = Field(default_factory=list, max_length=MAX_VISITORS)


class AccessPolicy(Message):
    """The answer to :class:`VisitorsNow`: who may come in. Asked again every few seconds."""

    notebook: UUID
    access: Literal["restricted", "open"]
    visitors: list[str]
    """Those of the visitors asked about who may open the notebook now."""
    undecided: list[str] = Field(default_factory=list)
    """Those of whom nobody can tell now (the hub is away): what was decided last stands."""


class RedeemCode(Message):
    """``POST /internal/v1/runs/{run}/redeem``: exchange the single-use code that a browser brought."""

    code: str


class PresentToken(Message):
    """``POST /internal/v1/runs/{run}/token``: an application token that somebody showed at the notebook."""

    token: Secret


class Admission(Message):
    """The answer to :class:`RedeemCode` and :class:`PresentToken`: who comes in, and until when without asking."""

    visitor: str
    expires_at: UtcDatetime
