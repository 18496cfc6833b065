"""Who may be in a running notebook: what its gateway asks, and the codes that bring a browser there."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from ovh_spawner.contract.policy import AccessPolicy, Admission
from ovh_spawner.domain.access import Action, Answer, Person, may
from ovh_spawner.domain.states import RunState
from ovh_spawner.domain.token_users import token_user
from ovh_spawner.domain.visitors import TokenVisitor, UserVisitor, parse_visitor
from ovh_spawner.errors import (
    HubError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
    WrongStateError,
)
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import AccessCodeRecord, NotebookRecord
from ovh_spawner.service.operations.audit import Act, record_notebook
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.standing import get_standing, subject_of
from ovh_spawner.service.secrets import new_secret

CODE_LIFETIME = timedelta(seconds=60)
"""The browser brings the code at once; a minute forgives a slow one."""

ADMISSION = timedelta(hours=12)
"""A working day, then the browser is sent through the hub's sign-in again, mostly unseen."""


class PersonSource(Protocol):
    """Knows people's roles."""

    async def person(self, name: str) -> Person: ...


class TokenSource(Protocol):
    """Knows application tokens."""

    async def authenticate(self, value: str) -> Person: ...

    async def person_of_token(self, token: UUID, version: int) -> Person | None: ...


class AccessOperations:
    """Use cases of signing in to a notebook, and of staying there."""

    def __init__(self, means: Means, people: PersonSource, tokens: TokenSource) -> None:
        self._means = means
        self._people = people
        self._tokens = tokens

    async def issue_code(self, actor: Person, notebook: UUID, run: UUID) -> str:
        """Return a code for this person, notebook and run.

        Raises:
            NotFoundError: there is no such notebook that this person may know of.
            PermissionDeniedError: this person may see it, not open it.
            WrongStateError: the run is not the notebook's, or over.

        """
        now = self._means.now()
        code = new_secret()
        # A token that signed in at the hub comes in as itself: it brings nothing else of its maker.
        user = token_user(actor.token.id, actor.token.version) if actor.token else actor.name
        async with self._means.ledger.writing() as unit:
            standing = await get_standing(
                unit, self._means.settings, notebook, person=actor, action=Action.OPEN
            )
            name = standing.notebook.spec.name
            current = standing.run
            if (
                current is None
                or current.id != run
                or current.state not in {RunState.STARTING, RunState.RUNNING}
            ):
                raise WrongStateError(f"Notebook {name!r} is {standing.state.value}; start it, then open it.")
            await unit.access_codes.forget_expired(now)
            await unit.access_codes.add(
                AccessCodeRecord(
                    hash=_hash(code),
                    notebook=notebook,
                    run=run,
                    user=user,
                    expires_at=now + CODE_LIFETIME,
                )
            )
            await record_notebook(unit, actor, Act.NOTEBOOK_OPEN, notebook=standing.notebook, now=now)
        return code

    async def redeem(self, run: UUID, code: str) -> Admission:
        """Use a code up.

        Raises:
            UnauthenticatedError: it is unknown, used, expired or another run's.

        """
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            user = await unit.access_codes.redeem(run=run, code_hash=_hash(code), now=now)
        if user is None:
            raise UnauthenticatedError("This sign-in is used up or too old. Open the notebook again.")
        return Admission(visitor=str(UserVisitor(user)), expires_at=now + ADMISSION)

    async def present_token(self, run: UUID, token: str) -> Admission:
        """Let in whoever shows an application token that opens this run's notebook.

        Raises:
            PermissionDeniedError: it is unknown, expired or deleted, or does not open this notebook.

        """
        try:
            person = await self._tokens.authenticate(token)
        except UnauthenticatedError as exc:
            raise PermissionDeniedError(exc.message) from exc
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            notebook = await self._notebook_of(unit, run)
            subject = await subject_of(unit, self._means.settings, notebook)
            if person.token is None or may(person, Action.OPEN, subject) is not Answer.ALLOWED:
                raise PermissionDeniedError("This token does not open this notebook.")
            await record_notebook(unit, person, Act.NOTEBOOK_OPEN, notebook=notebook, now=now)
        visitor = TokenVisitor(person.token.id, person.token.version)
        return Admission(visitor=str(visitor), expires_at=now + ADMISSION)

    async def policy(self, run: UUID, visitors: Sequence[str]) -> AccessPolicy:
        """Return which of these visitors may open the run's notebook now.

        Raises:
            NotFoundError: there is no such run.

        """
        settings = self._means.settings
        async with self._means.ledger.reading() as unit:
            notebook = await self._notebook_of(unit, run)
            subject = await subject_of(unit, settings, notebook)
        admitted, undecided = [], []
        for visitor in visitors:
            try:
                person = await self._person_of(visitor)
            except HubError:
                undecided.append(visitor)
                continue
            if person is not None and may(person, Action.OPEN, subject) is Answer.ALLOWED:
                admitted.append(visitor)
        is_open = notebook.spec.open_access and settings.allows_open_notebooks
        return AccessPolicy(
            notebook=notebook.id,
            access="open" if is_open else "restricted",
            visitors=admitted,
            undecided=undecided,
        )

    async def _person_of(self, visitor: str) -> Person | None:
        match parse_visitor(visitor):
            case UserVisitor(name):
                return await self._people.person(name)
            case TokenVisitor(identity, version):
                return await self._tokens.person_of_token(identity, version)
            case None:
                return None

    @staticmethod
    async def _notebook_of(unit: UnitOfWork, run: UUID) -> NotebookRecord:
        found = await unit.runs.find(run)
        notebook = await unit.notebooks.find(found.notebook) if found else None
        if notebook is None:
            raise NotFoundError("run", str(run))
        return notebook


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
