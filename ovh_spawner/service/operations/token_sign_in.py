"""Signing in at the hub with an application token: the hub's user is the token, with the token's rights only."""

from dataclasses import replace
from ipaddress import ip_address

from ovh_spawner.contract.notebooks import HomePage, ReachedNotebook
from ovh_spawner.domain.states import NotebookState
from ovh_spawner.domain.token_users import is_token_user, token_user
from ovh_spawner.errors import PermissionDeniedError, UnauthenticatedError
from ovh_spawner.service.operations.audit import ORIGIN, Act, record
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.notebooks import NotebookOperations
from ovh_spawner.service.operations.people import People
from ovh_spawner.service.operations.token_checks import TokenChecks
from ovh_spawner.service.operations.views import ListQuery

MOST_SHOWN = 100
"""Notebooks on the hub's home page; the API lists all of them."""

_REFUSAL = "This application token is not valid here (any more)."
"""One sentence for all that can be wrong with it: it tells nothing about tokens."""


class TokenSignInOperations:
    """Use cases of hub users who are tokens."""

    def __init__(
        self, means: Means, checks: TokenChecks, *, people: People, notebooks: NotebookOperations
    ) -> None:
        self._means = means
        self._checks = checks
        self._people = people
        self._notebooks = notebooks

    async def sign_in(self, value: str, *, address: str) -> str:
        """Return the hub's name of who shows this token.

        Raises:
            PermissionDeniedError: it is not valid, or tokens do not sign in here.

        """
        if not self._means.settings.sign_in.application_tokens:
            raise PermissionDeniedError(_REFUSAL)
        try:
            person = await self._checks.authenticate(value)
        except UnauthenticatedError as exc:
            raise PermissionDeniedError(_REFUSAL) from exc
        scope = person.token
        if scope is None:
            raise PermissionDeniedError(_REFUSAL)
        # The request is the hub's; the audit log wants to know where the person is.
        ORIGIN.set(replace(ORIGIN.get(), address=_checked(address)))
        async with self._means.ledger.writing() as unit:
            known = await unit.tokens.find(scope.id)
            if known is None or known.version != scope.version:
                raise PermissionDeniedError(_REFUSAL)
            await record(
                unit,
                person,
                Act.TOKEN_SIGN_IN,
                project=known.project,
                target=str(known.id),
                name=known.name,
                now=self._means.now(),
            )
        return token_user(scope.id, scope.version)

    async def may_stay(self, user: str) -> bool:
        """Tell whether the token behind a hub user is still good."""
        return (await self._people.person(user)).token is not None

    async def home_page(self, user: str) -> HomePage:
        """Return what the hub's home page shows this user: own notebooks, or those that a token reaches."""
        if not is_token_user(user):
            return HomePage(notebooks=await self._notebooks.find_of_user(user))
        person = await self._people.person(user)
        found = await self._notebooks.list(person, ListQuery(sort="name", order="asc", size=MOST_SHOWN))
        reached = [
            ReachedNotebook(
                name=view.spec.name,
                owner=view.owner,
                state=view.state,
                url=view.url if view.state is NotebookState.RUNNING else "",
            )
            for view in found.items
        ]
        return HomePage(notebooks={}, reached=reached, reached_in_all=found.total)


def _checked(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        return ""
