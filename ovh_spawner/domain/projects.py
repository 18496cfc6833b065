"""Projects: what is billed together and has a quota together, and how people come to a role in one."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ovh_spawner.domain.access import Action, Answer, Person, Role, Sharing, Subject, may
from ovh_spawner.errors import Problem

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
NAME_RULE = "1 to 40 small letters, digits and '-', a letter or digit first and last"
MAX_MEMBER_NAME = 255

_ROLE_WORDS = {
    **dict.fromkeys(("read", "reader", "readers"), Role.READ),
    **dict.fromkeys(("operator", "operators"), Role.OPERATOR),
    **dict.fromkeys(("administrator", "administrators", "admin", "admins"), Role.ADMINISTRATOR),
}


class Origin(StrEnum):
    """Where a project or a membership comes from; only what the API made can be changed through it."""

    SETTINGS = "settings"
    GROUPS = "groups"
    """People's groups name it."""
    API = "api"


class MemberKind(StrEnum):
    """Who is meant by a membership."""

    USER = "user"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Project:
    """One project."""

    name: str
    """Its id: never changes, is never given again."""
    title: str
    gpu_quota: int
    sharing: Sharing
    origin: Origin
    price_list: str = ""
    """Prices that differ from the catalog's; empty: none do."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Membership:
    """A role for a person, or for everybody in the groups that a pattern names."""

    project: str
    kind: MemberKind
    name: str
    """Of a user; or a pattern of groups, in which ``*`` stands for anything."""
    role: Role
    origin: Origin = Origin.API

    def covers(self, person: str, groups: Collection[str]) -> bool:
        if self.kind is MemberKind.USER:
            return self.name == person
        return any(_matches(self.name, group) for group in groups)


def _matches(pattern: str, group: str) -> bool:
    # No regular expression: members are named through the API, and one of many stars would take for ever.
    first, *others = pattern.split("*")
    if not others:
        return group == first
    *inner, last = others
    if not group.startswith(first):
        return False
    end = len(first)
    for part in inner:
        begin = group.find(part, end)
        if begin < 0:
            return False
        end = begin + len(part)
    return group.endswith(last) and end + len(last) <= len(group)


def is_project_name(text: str) -> bool:
    """Tell whether a project may be called so."""
    return _NAME.fullmatch(text) is not None


def check_project_name(text: str) -> list[Problem]:
    """Return what is wrong with the name of a new project."""
    if is_project_name(text):
        return []
    return [Problem("name", f"{text[:60]!r} is no name of a project. Allowed: {NAME_RULE}.")]


class GroupPattern:
    """How the names of groups say project and role: ``ai-{project}-{role}``."""

    def __init__(self, text: str) -> None:
        named = re.escape(text).replace(r"\{project\}", "(?P<project>[a-z0-9-]+?)")
        named = named.replace(r"\{role\}", f"(?P<role>{'|'.join(_ROLE_WORDS)})")
        self._expression = re.compile(named, re.ASCII) if text else None

    def memberships(self, groups: Iterable[str]) -> list[Membership]:
        """Return what these groups say; without ``{role}`` their members are operators."""
        found = ((group, self._expression.fullmatch(group)) for group in groups) if self._expression else ()
        return [
            Membership(
                match["project"],
                MemberKind.GROUP,
                group,
                _ROLE_WORDS[match.groupdict().get("role") or "operator"],
                Origin.GROUPS,
            )
            for group, match in found
            if match and is_project_name(match["project"])
        ]


def roles_of(person: str, groups: Collection[str], memberships: Iterable[Membership]) -> dict[str, Role]:
    """Return the person's role in each project; of several the one that may do most."""
    roles: dict[str, Role] = {}
    for membership in memberships:
        known = roles.get(membership.project)
        if membership.covers(person, groups) and (known is None or membership.role.covers(known)):
            roles[membership.project] = membership.role
    return roles


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose notebooks somebody sees, project by project."""

    whole: frozenset[str] = frozenset()
    """Everybody's in these."""
    own: frozenset[str] = frozenset()
    """Only their own in these."""
    owner: str = ""

    @property
    def projects(self) -> frozenset[str]:
        return self.whole | self.own


def sight_of(person: Person, projects: Iterable[Project]) -> Sight:
    """Return what the one table of access says about listings."""
    whole, own = set(), set()
    # A token is asked about what it reaches; the selector itself is applied to the labels of each.
    labels = dict(person.token.selector.pairs) if person.token else {}
    for project in projects:
        others, theirs = (
            may(person, Action.SEE, Subject(project.name, owner, project.sharing, labels))
            for owner in ("", person.name)
        )
        if others is Answer.ALLOWED:
            whole.add(project.name)
        elif theirs is Answer.ALLOWED:
            own.add(project.name)
    return Sight(frozenset(whole), frozenset(own), person.name)
