"""The audit log: who did what to which notebook, token, project or data store, from where, by which credential.

An entry is written in the transaction of what it tells of, so that there is none without the other. It holds names
and ids, never a value that somebody typed as a secret.
"""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ovh_spawner.domain.access import Person, Role
from ovh_spawner.errors import PermissionDeniedError
from ovh_spawner.service.db.audit import AuditFilter
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import AuditRecord, NotebookRecord
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.views import Page

MOST_EXPORTED = 100_000
"""Entries of one export, about 30 MB; who wants more asks for one span of time after the other."""

_MAX_NAME = 255


class Act(StrEnum):
    """What can be done."""

    NOTEBOOK_CREATE = "notebook.create"
    NOTEBOOK_CHANGE = "notebook.change"
    NOTEBOOK_START = "notebook.start"
    NOTEBOOK_STOP = "notebook.stop"
    NOTEBOOK_DELETE = "notebook.delete"
    NOTEBOOK_SYNC = "notebook.sync"
    NOTEBOOK_OPEN = "notebook.open"
    """A browser or a program was let in."""
    NOTEBOOK_SSH = "notebook.ssh"
    """An SSH session was let in."""
    TOKEN_CREATE = "token.create"
    TOKEN_RENEW = "token.renew"
    TOKEN_DELETE = "token.delete"
    TOKEN_SIGN_IN = "token.sign-in"
    """A browser was signed in at the hub with it."""
    PROJECT_CREATE = "project.create"
    PROJECT_CHANGE = "project.change"
    PROJECT_CLOSE = "project.close"
    MEMBER_SET = "member.set"
    MEMBER_REMOVE = "member.remove"
    STORE_ADD = "datastore.add"
    STORE_REMOVE = "datastore.remove"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from; set by the door, once per request."""

    address: str = ""
    credential: str = "platform"
    request: str = ""


ORIGIN: ContextVar[Origin] = ContextVar("origin", default=Origin())  # noqa: B039 - it is frozen
"""Of the request that is being answered."""


BY_HUB = Person("")
"""Of what happened at the hub, which does not tell on whose order: the owner's, mostly, or an administrator's."""


async def record(
    unit: UnitOfWork,
    who: Person | str,
    act: Act,
    *,
    project: str | None,
    target: str,
    name: str = "",
    now: datetime,
    **details: str | int | bool | None,
) -> None:
    """Write that somebody did something; ``who`` is a name where only the hub's word for it is known."""
    origin = ORIGIN.get()
    person = Person(who) if isinstance(who, str) else who
    token = person.token
    await unit.audit.add(
        AuditRecord(
            at=now,
            actor=person.name[:_MAX_NAME],
            credential=f"token:{token.id}:{token.version}" if token else origin.credential,
            address=origin.address,
            request=origin.request,
            action=act.value,
            project=project,
            target=target[:_MAX_NAME],
            name=name[:_MAX_NAME],
            details=details,
        )
    )


async def record_notebook(
    unit: UnitOfWork,
    who: Person | str,
    act: Act,
    *,
    notebook: NotebookRecord,
    now: datetime,
    **details: str | int | bool | None,
) -> None:
    """Write that somebody did something to a notebook."""
    await record(
        unit,
        who,
        act,
        project=notebook.project,
        target=str(notebook.id),
        name=notebook.spec.name,
        now=now,
        owner=notebook.owner,
        **details,
    )


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Filters and paging; None: all."""

    project: str | None = None
    actor: str | None = None
    action: str | None = None
    target: str | None = None
    after: datetime | None = None
    before: datetime | None = None
    page: int = 1
    size: int = 50


class AuditOperations:
    """Use cases of the audit log: administrators read it."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def list(self, person: Person, query: AuditQuery) -> Page[AuditRecord]:
        """Return one page, newest first.

        Raises:
            PermissionDeniedError: this person administers nothing, or not this project.

        """
        wanted = _filter(person, query)
        async with self._means.ledger.reading() as unit:
            total = await unit.audit.count(wanted)
            found = await unit.audit.list_page(wanted, skip=(query.page - 1) * query.size, limit=query.size)
        return Page(found, total, query.page, query.size)

    async def export(self, person: Person, query: AuditQuery) -> Sequence[AuditRecord]:
        """Return all entries that the filters find, newest first, up to the most of one export.

        Raises:
            PermissionDeniedError: this person administers nothing, or not this project.

        """
        wanted = _filter(person, query)
        async with self._means.ledger.reading() as unit:
            return await unit.audit.list_page(wanted, skip=0, limit=MOST_EXPORTED)


def _filter(person: Person, query: AuditQuery) -> AuditFilter:
    if person.token is not None:
        raise PermissionDeniedError("A token does not read the audit log; sign in as an administrator.")
    wanted = AuditFilter(
        projects=None if query.project is None else (query.project,),
        actor=query.actor,
        action=query.action,
        target=query.target,
        after=query.after,
        before=query.before,
    )
    if person.is_platform_admin:
        return wanted
    administered = [name for name in person.roles if person.has_role(name, Role.ADMINISTRATOR)]
    if not administered or (query.project is not None and query.project not in administered):
        raise PermissionDeniedError(
            "The audit log is for administrators; ask one of your project for what you want to know."
        )
    projects = administered if query.project is None else [query.project]
    return AuditFilter(
        projects=projects,
        actor=wanted.actor,
        action=wanted.action,
        target=wanted.target,
        after=wanted.after,
        before=wanted.before,
    )
