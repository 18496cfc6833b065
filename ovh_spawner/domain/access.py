"""Who may do what to a notebook: one pure table, asked by every door.

A project's roles are the vendor's (read, operator) and an administrator who looks after its members. What
somebody may not even know of is "not found" everywhere, so the answer has three values, not two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from uuid import UUID

from ovh_spawner.domain.labels import LabelSelector


class Role(StrEnum):
    """What a member is in a project; each may do what those before it may."""

    READ = "read"
    """Opens running notebooks."""
    OPERATOR = "operator"
    """Creates, starts, stops, changes and deletes them too."""
    ADMINISTRATOR = "administrator"
    """Looks after members, tokens and the audit log too."""

    def covers(self, needed: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Action(StrEnum):
    """What somebody wants to do to a notebook."""

    SEE = "see"
    OPEN = "open"
    """Enter the editor, its other ports, a terminal, SSH."""
    OPERATE = "operate"
    """Create, start, stop, change, save, delete."""


class Answer(IntEnum):
    """What somebody is told."""

    UNKNOWN = 0
    """There is no such notebook, as far as they may know."""
    FORBIDDEN = 1
    ALLOWED = 2


class Sharing(StrEnum):
    """Whose notebooks the members of a project see."""

    MEMBERS = "members"
    """Each other's, as the vendor has it."""
    OWNER = "owner"
    """Their own; the project's administrators see and operate all, and open their own."""


@dataclass(frozen=True, slots=True)
class TokenScope:
    """What an application token is limited to."""

    id: UUID
    version: int
    selector: LabelSelector = field(default_factory=LabelSelector)
    """Notebooks that it reaches: all that carry these labels, now or later."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody signed in, or an application token that acts for a project."""

    name: str
    """The hub's name; of a token: of the person who made it, under whom its notebooks are kept."""
    is_platform_admin: bool = False
    """Administers the hub: sees and operates everything, opens only what a role of their own opens."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    """By project."""
    token: TokenScope | None = None

    def has_role(self, project: str, needed: Role) -> bool:
        role = self.roles.get(project)
        return role is not None and role.covers(needed)


@dataclass(frozen=True, slots=True)
class Subject:
    """The notebook that it is about."""

    project: str
    owner: str
    sharing: Sharing
    labels: Mapping[str, str] = field(default_factory=dict)
    """With the platform's own."""


_NEEDED = {Action.SEE: Role.READ, Action.OPEN: Role.READ, Action.OPERATE: Role.OPERATOR}


def may(person: Person, action: Action, subject: Subject) -> Answer:
    """Return whether the person may do this to the notebook, and if not, whether they may know of it."""
    if not _sees(person, subject):
        return Answer.UNKNOWN
    is_allowed = _opens(person, subject) if action is Action.OPEN else _does(person, action, subject)
    return Answer.ALLOWED if is_allowed else Answer.FORBIDDEN


def _sees(person: Person, subject: Subject) -> bool:
    if person.token is not None:
        # It brings no platform rights of its maker, and never more than its maker has.
        is_reached = subject.sharing is Sharing.MEMBERS or person.name == subject.owner
        return (
            is_reached
            and person.has_role(subject.project, Role.READ)
            and person.token.selector.matches(subject.labels)
        )
    if person.is_platform_admin:
        return True
    if subject.sharing is Sharing.OWNER and not person.has_role(subject.project, Role.ADMINISTRATOR):
        return person.name == subject.owner and person.has_role(subject.project, Role.READ)
    return person.has_role(subject.project, Role.READ)


def _opens(person: Person, subject: Subject) -> bool:
    if not person.has_role(subject.project, _NEEDED[Action.OPEN]):
        return False
    return subject.sharing is Sharing.MEMBERS or person.name == subject.owner


def _does(person: Person, action: Action, subject: Subject) -> bool:
    if person.is_platform_admin and person.token is None:
        return True
    return person.has_role(subject.project, _NEEDED[action])
