"""The one table of who may do what to a notebook."""

from uuid import UUID

import pytest

from ovh_spawner.domain.access import Action, Answer, Person, Role, Sharing, Subject, TokenScope, may
from ovh_spawner.domain.labels import LabelSelector

UNKNOWN, FORBIDDEN, ALLOWED = Answer
ANNS = Subject("ai", "ann", Sharing.MEMBERS, {"team": "red"})
ALONE = Subject("ai", "ann", Sharing.OWNER, {"team": "red"})


def person(
    name: str = "bob", role: Role | None = None, *, admin: bool = False, token: str | None = None
) -> Person:
    scope = None if token is None else TokenScope(UUID(int=1), 1, LabelSelector.parse(token))
    return Person(
        name,
        is_platform_admin=admin,
        roles={"ai": role} if role else {"other": Role.ADMINISTRATOR},
        token=scope,
    )


@pytest.mark.parametrize(
    ("who", "see", "enter", "operate"),
    [
        (person(), UNKNOWN, UNKNOWN, UNKNOWN),
        (person("ann"), UNKNOWN, UNKNOWN, UNKNOWN),
        (person(role=Role.READ), ALLOWED, ALLOWED, FORBIDDEN),
        (person(role=Role.OPERATOR), ALLOWED, ALLOWED, ALLOWED),
        (person(role=Role.ADMINISTRATOR), ALLOWED, ALLOWED, ALLOWED),
        (person(admin=True), ALLOWED, FORBIDDEN, ALLOWED),
        (person(role=Role.READ, token=""), ALLOWED, ALLOWED, FORBIDDEN),
        (person(role=Role.OPERATOR, token="team=red"), ALLOWED, ALLOWED, ALLOWED),
        (person(role=Role.OPERATOR, token="team=blue"), UNKNOWN, UNKNOWN, UNKNOWN),
        (person(admin=True, token=""), UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_members_of_a_project_share_its_notebooks(who, see, enter, operate):
    assert [may(who, action, ANNS) for action in Action] == [see, enter, operate]


@pytest.mark.parametrize(
    ("who", "see", "enter", "operate"),
    [
        (person("ann", Role.OPERATOR), ALLOWED, ALLOWED, ALLOWED),
        (person("ann", Role.READ), ALLOWED, ALLOWED, FORBIDDEN),
        (person(role=Role.OPERATOR), UNKNOWN, UNKNOWN, UNKNOWN),
        (person(role=Role.ADMINISTRATOR), ALLOWED, FORBIDDEN, ALLOWED),
        (person("ann", Role.OPERATOR, token=""), ALLOWED, ALLOWED, ALLOWED),
        (person(role=Role.ADMINISTRATOR, token=""), UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_a_project_may_keep_notebooks_to_their_owners(who, see, enter, operate):
    assert [may(who, action, ALONE) for action in Action] == [see, enter, operate]
