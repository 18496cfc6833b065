"""Application tokens: make, list, renew, delete. A token never does any of it: a stolen one must end with itself."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid4

import structlog

from ovh_spawner.domain.access import Person, Role
from ovh_spawner.domain.tokens import TokenTerms, hash_value, new_value, parse_terms, selector_text
from ovh_spawner.errors import NotFoundError, PermissionDeniedError, WrongStateError
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import TokenRecord
from ovh_spawner.service.db.tokens import TokenFilter
from ovh_spawner.service.operations.audit import Act, record
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.projects import choose_project
from ovh_spawner.service.operations.token_checks import TokenChecks, end_of
from ovh_spawner.service.operations.views import Page

logger = structlog.get_logger()

MAX_TOKENS = 200
"""Of one person, so that a program gone wild fills no table."""

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token without its value."""

    id: UUID
    project: str
    owner: str
    region: str
    name: str
    role: Role
    selector: str
    version: int
    created_at: datetime
    issued_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token with its value, which is never shown again."""

    view: TokenView
    value: str = field(repr=False)


class TokenOperations:
    """Use cases of tokens. People see their own; a project's administrators see, and may delete, all of it."""

    def __init__(self, means: Means, checks: TokenChecks) -> None:
        self._means = means
        self._checks = checks

    async def create(self, person: Person, data: object, *, project: str | None = None) -> IssuedToken:
        """Make a token for a project.

        Raises:
            InvalidSpecError: naming everything that is wrong.
            NotFoundError: this person is not in the project asked for.
            PermissionDeniedError: they are no operator there, or have too many tokens.

        """
        _refuse_tokens(person)
        now = self._means.now()
        settings = self._means.settings
        terms = parse_terms(data, region=settings.deployment.region, now=now, longest=settings.tokens.longest)
        key = uuid4()
        value = new_value(key, os.urandom(_SECRET_BYTES))
        async with self._means.ledger.writing() as unit:
            chosen = await choose_project(unit, settings, person, asked=project, needed=Role.OPERATOR)
            await unit.projects.lock(chosen.name, now)
            if await unit.tokens.count_of(person.name) >= MAX_TOKENS:
                raise PermissionDeniedError(
                    f"You have {MAX_TOKENS} tokens, the most that one person may have; delete some first."
                )
            made = self._record(terms, key, value, project=chosen.name, owner=person.name)
            await unit.tokens.add(made)
            await self._write_down(unit, person, Act.TOKEN_CREATE, of=made)
        logger.info("token_created", id=str(key), owner=person.name, project=chosen.name)
        return IssuedToken(self._view(made), value)

    async def list(
        self, person: Person, *, project: str | None = None, page: int = 1, size: int = 50
    ) -> Page[TokenView]:
        """Return one page, newest first."""
        _refuse_tokens(person)
        wanted = TokenFilter(
            owner=person.name,
            projects=[name for name in person.roles if person.has_role(name, Role.ADMINISTRATOR)],
            everything=person.is_platform_admin,
            project=project,
        )
        async with self._means.ledger.reading() as unit:
            total = await unit.tokens.count(wanted)
            found = await unit.tokens.list_page(wanted, skip=(page - 1) * size, limit=size)
        return Page(self._views(found), total, page, size)

    async def get(self, person: Person, token: UUID) -> TokenView:
        """Return a token that this person may see.

        Raises:
            NotFoundError: there is none that they may know of.
            PermissionDeniedError: a token asks.

        """
        _refuse_tokens(person)
        async with self._means.ledger.reading() as unit:
            return self._view(await _visible(unit, person, token))

    async def renew(self, person: Person, token: UUID) -> IssuedToken:
        """Give the token a new value and the same time to live; the old value ends at once.

        Raises:
            NotFoundError: there is none that this person may know of.
            PermissionDeniedError: it is somebody else's, who would be acted for.
            WrongStateError: it was renewed at the same time.

        """
        _refuse_tokens(person)
        now = self._means.now()
        value = new_value(token, os.urandom(_SECRET_BYTES))
        async with self._means.ledger.writing() as unit:
            before = await _visible(unit, person, token)
            if before.owner != person.name:
                raise PermissionDeniedError(
                    f"Only {before.owner!r}, for whom it acts, may renew token {before.name!r}. "
                    "Delete it, and make one of your own."
                )
            await choose_project(
                unit, self._means.settings, person, asked=before.project, needed=Role.OPERATOR
            )
            end = before.expires_at
            renewed = replace(
                before,
                version=before.version + 1,
                hash=hash_value(value),
                issued_at=now,
                expires_at=now + (end - before.issued_at) if end else None,
            )
            if not await unit.tokens.renew(renewed):
                raise WrongStateError(f"Token {before.name!r} was renewed just now, too; look at it again.")
            await self._write_down(unit, person, Act.TOKEN_RENEW, of=renewed)
        self._checks.forget(token)
        return IssuedToken(self._view(renewed), value)

    async def delete(self, person: Person, token: UUID) -> None:
        """End a token for good, at once.

        Raises:
            NotFoundError: there is none that this person may know of.
            PermissionDeniedError: a token asks.

        """
        _refuse_tokens(person)
        async with self._means.ledger.writing() as unit:
            found = await _visible(unit, person, token)
            await unit.tokens.remove(token)
            await self._write_down(unit, person, Act.TOKEN_DELETE, of=found)
        self._checks.forget(token)

    def _record(self, terms: TokenTerms, key: UUID, value: str, *, project: str, owner: str) -> TokenRecord:
        now = self._means.now()
        return TokenRecord(
            id=key,
            project=project,
            owner=owner,
            region=self._means.settings.deployment.region,
            name=terms.name,
            role=terms.role,
            selector=terms.selector,
            version=1,
            hash=hash_value(value),
            created_at=now,
            issued_at=now,
            expires_at=terms.expires_at,
        )

    async def _write_down(self, unit: UnitOfWork, person: Person, act: Act, *, of: TokenRecord) -> None:
        await record(
            unit,
            person,
            act,
            project=of.project,
            target=str(of.id),
            name=of.name,
            now=self._means.now(),
            owner=of.owner,
            role=of.role.value,
            selector=selector_text(of.selector.pairs),
            version=of.version,
        )

    def _views(self, found: Sequence[TokenRecord]) -> Sequence[TokenView]:
        return [self._view(each) for each in found]

    def _view(self, found: TokenRecord) -> TokenView:
        return TokenView(
            id=found.id,
            project=found.project,
            owner=found.owner,
            region=found.region,
            name=found.name,
            role=found.role,
            selector=selector_text(found.selector.pairs),
            version=found.version,
            created_at=found.created_at,
            issued_at=found.issued_at,
            expires_at=end_of(found, self._means.settings.tokens.longest),
            last_used_at=found.last_used_at,
        )


def _refuse_tokens(person: Person) -> None:
    if person.token is not None:
        raise PermissionDeniedError(
            "A token cannot see, make or change tokens; sign in as yourself for this."
        )


async def _visible(unit: UnitOfWork, person: Person, token: UUID) -> TokenRecord:
    found = await unit.tokens.find(token)
    if found is None or not (
        found.owner == person.name
        or person.is_platform_admin
        or person.has_role(found.project, Role.ADMINISTRATOR)
    ):
        raise NotFoundError("token", str(token))
    return found
