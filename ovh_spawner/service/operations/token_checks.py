"""Whether a token is good, and who acts with it: at most one look at the database, none for a while after it.

A token acts for the person who made it, in one project, with the smaller of its role and that person's. So it ends
with their membership, whatever its own end is.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from ovh_spawner.domain.access import Person, Role, TokenScope
from ovh_spawner.domain.tokens import is_value_of, token_id
from ovh_spawner.errors import UnauthenticatedError
from ovh_spawner.service.db.records import TokenRecord
from ovh_spawner.service.operations.means import Means

KEPT = timedelta(seconds=4)
"""How long what the database said is taken for true. A deletion here acts at once, one of another replica within
this; with the gateway's own pause it is below the ten seconds that we promise."""

_MOST_KEPT = 10_000
"""Tokens remembered; more than are used within the seconds that they are kept."""

_USE_NOTED = timedelta(minutes=1)
"""How exact the time of the last use is: a program that asks each second writes once a minute."""

_REFUSAL = "This token is not valid (any more). Ask who gave it to you for a new one."


class PersonSource(Protocol):
    """Knows people's roles."""

    async def person(self, name: str) -> Person: ...


@dataclass(frozen=True, slots=True)
class _Kept:
    record: TokenRecord
    until: datetime


class TokenChecks:
    """Answers for credentials and for visitors who came in with one."""

    def __init__(self, means: Means, people: PersonSource) -> None:
        self._means = means
        self._people = people
        self._kept: dict[UUID, _Kept] = {}
        self._forgotten = 0
        self._noted: dict[UUID, datetime] = {}

    async def authenticate(self, value: str) -> Person:
        """Return who acts with this token.

        Raises:
            UnauthenticatedError: it is mistyped, unknown, renewed, deleted or expired, or its maker has left.
            HubError: the hub was never asked about its maker, and does not answer.

        """
        token = token_id(value)
        if token is None:
            raise UnauthenticatedError("This token is not complete. Copy all of it, from ovhn_ to its end.")
        record = await self._record_of(token, value)
        if record is None:
            raise UnauthenticatedError(_REFUSAL)
        if self._is_over(record):
            raise UnauthenticatedError(f"Token {record.name!r} has expired; renew it, or make a new one.")
        person = await self._person(record)
        if person is None:
            raise UnauthenticatedError(_REFUSAL)
        self._note_use(record)
        return person

    async def person_of_token(self, token: UUID, version: int) -> Person | None:
        """Return who acts with this version of a token; None: it is not valid any more."""
        record = await self._find(token)
        if record is None or record.version != version or self._is_over(record):
            return None
        return await self._person(record)

    def forget(self, token: UUID) -> None:
        """Look at the database again: the token has just changed. What is being read now is not kept."""
        self._forgotten += 1
        self._kept.pop(token, None)

    async def _record_of(self, token: UUID, value: str) -> TokenRecord | None:
        kept = self._kept.get(token)
        record = await self._find(token)
        if kept is not None and record is kept.record and not is_value_of(value, record.hash):
            # Another replica may have renewed it since.
            self._kept.pop(token, None)
            record = await self._find(token)
        return record if record is not None and is_value_of(value, record.hash) else None

    async def _find(self, token: UUID) -> TokenRecord | None:
        now = self._means.now()
        kept = self._kept.get(token)
        if kept is not None and kept.until > now:
            return kept.record
        forgotten = self._forgotten
        async with self._means.ledger.reading() as unit:
            record = await unit.tokens.find(token)
        if record is None:
            self._kept.pop(token, None)
        elif forgotten == self._forgotten:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[token] = _Kept(record, now + KEPT)
        return record

    async def _person(self, record: TokenRecord) -> Person | None:
        role = (await self._people.person(record.owner)).roles.get(record.project)
        if role is None:
            return None
        held: Role = record.role if role.covers(record.role) else role
        return Person(
            name=record.owner,
            roles={record.project: held},
            token=TokenScope(record.id, record.version, record.selector),
        )

    def _is_over(self, record: TokenRecord) -> bool:
        end = end_of(record, self._means.settings.tokens.longest)
        wrong_place = record.region != self._means.settings.deployment.region
        return wrong_place or (end is not None and end <= self._means.now())

    def _note_use(self, record: TokenRecord) -> None:
        now = self._means.now()
        before = self._noted.get(record.id)
        if before is not None and before > now - _USE_NOTED:
            return
        if len(self._noted) >= _MOST_KEPT:
            self._noted.clear()
        self._noted[record.id] = now

        async def note() -> None:
            async with self._means.ledger.writing() as unit:
                await unit.tokens.touch(record.id, now)

        # After the answer: nobody waits for this.
        self._means.background.ensure(f"token used {record.id}", note)


def end_of(record: TokenRecord, longest: timedelta | None) -> datetime | None:
    """Return when a token ends; the platform's limit also holds for those that were made before it was set."""
    latest = record.issued_at + longest if longest else None
    ends = [end for end in (record.expires_at, latest) if end is not None]
    return min(ends) if ends else None
