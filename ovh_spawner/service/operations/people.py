"""Who somebody is here: what the hub knows of them, and their role in each project.

The hub is asked with the service's own token and not for every request: an answer is used for a few seconds, so
that a role that was taken away acts soon on what is open. While the hub is away, what it said last stands.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from ovh_spawner.constants import DEFAULT_PROJECT
from ovh_spawner.domain.access import Person, Role
from ovh_spawner.domain.projects import GroupPattern, MemberKind, Membership, roles_of
from ovh_spawner.domain.token_users import is_token_user, parse_token_user
from ovh_spawner.errors import HubError
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.projects import settings_memberships

log = structlog.get_logger()

FRESH = timedelta(seconds=3)
"""How long an answer is used. With the gateways' own few seconds a lost role acts within ten."""

RULES_FRESH = timedelta(seconds=1)
"""How long another replica's change of members may stay unseen."""

MOST_KNOWN = 10_000
"""Persons remembered; the ones not asked for longest are forgotten first."""

OfToken = Callable[[UUID, int], Awaitable[Person | None]]
"""Who acts with this version of a token; None: it is not valid (any more)."""


@dataclass(frozen=True, slots=True)
class _Known:
    at: datetime
    person: Person


@dataclass(frozen=True, slots=True)
class _Rules:
    """What makes people members, beside the names of groups."""

    at: datetime
    memberships: tuple[Membership, ...]

    @property
    def ask_for_groups(self) -> bool:
        return any(membership.kind is MemberKind.GROUP for membership in self.memberships)


class People:
    """Asks hub, settings and ledger who somebody is."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._pattern = GroupPattern(means.settings.project.group_pattern)
        self._declared = settings_memberships(means.settings)
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._rules: _Rules | None = None
        self._of_token: OfToken | None = None

    def answer_for_tokens(self, of_token: OfToken) -> None:
        """Take the word of this for those who signed in at the hub with a token; before, they are nobody."""
        self._of_token = of_token

    async def person(self, name: str) -> Person:
        """Return somebody with their roles; whom the hub does not know (any more) has none.

        Raises:
            HubError: the hub does not answer, and has never told of this person.

        """
        if not name:
            return Person(name)
        if is_token_user(name):
            return await self._token_person(name)
        known = self._known.get(name)
        if known and self._is_fresh(known.at, FRESH):
            return known.person
        try:
            user = await self._means.hub.find_user(name)
        except HubError:
            if known is None:
                raise
            log.warning("person_not_asked_for", reason="the hub does not answer; what it said last stands")
            return known.person
        person = Person(name)
        if user is not None:
            roles = await self._roles(name, user.groups)
            person = Person(name, is_platform_admin=user.is_admin, roles=roles)
        self._keep(person)
        return person

    async def member(self, name: str) -> Person:
        """Return somebody whom the hub itself names, without what only an administrator of the hub may.

        The hub is asked only where groups play a part.
        """
        if is_token_user(name):
            return await self._token_person(name)
        known = self._known.get(name)
        if known and self._is_fresh(known.at, FRESH):
            return Person(name, roles=known.person.roles)
        if self._means.settings.project.group_pattern or (await self._current_rules()).ask_for_groups:
            return Person(name, roles=(await self.person(name)).roles)
        return Person(name, roles=await self._roles(name, frozenset()))

    def forget(self) -> None:
        """Look at everything anew: members have changed."""
        self._rules = None
        self._known = OrderedDict(
            (name, _Known(datetime.min.replace(tzinfo=known.at.tzinfo), known.person))
            for name, known in self._known.items()
        )

    async def _token_person(self, name: str) -> Person:
        """Return who acts with the token, whatever the hub says of its user: that is no person of its own."""
        token = parse_token_user(name)
        if token is None or self._of_token is None or not self._means.settings.sign_in.application_tokens:
            return Person(name)
        return await self._of_token(*token) or Person(name)

    async def _roles(self, name: str, groups: frozenset[str]) -> dict[str, Role]:
        rules = await self._current_rules()
        roles = roles_of(name, groups, (*rules.memberships, *self._pattern.memberships(groups)))
        if not self._means.settings.has_projects:
            roles.setdefault(DEFAULT_PROJECT, Role.OPERATOR)
        return roles

    async def _current_rules(self) -> _Rules:
        rules = self._rules
        if rules is None or not self._is_fresh(rules.at, RULES_FRESH):
            async with self._means.ledger.reading() as unit:
                members = await unit.projects.list_memberships()
                made = {project.name for project in await unit.projects.list_made()}
            there = made | self._means.settings.projects.keys()
            kept = (member for member in members if member.project in there)
            rules = self._rules = _Rules(self._means.now(), (*self._declared, *kept))
        return rules

    def _keep(self, person: Person) -> None:
        self._known[person.name] = _Known(self._means.now(), person)
        self._known.move_to_end(person.name)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)

    def _is_fresh(self, at: datetime, limit: timedelta) -> bool:
        # A clock that was set back would keep an answer for as long.
        return abs(self._means.now() - at) < limit
