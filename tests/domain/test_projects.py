"""How people come to a role in a project, and whose notebooks they then see."""

import pytest

from ovh_spawner.domain.access import Person, Role, Sharing
from ovh_spawner.domain.projects import (
    GroupPattern,
    MemberKind,
    Membership,
    Origin,
    Project,
    check_project_name,
    roles_of,
    sight_of,
)


def member(name: str, role: Role = Role.READ, kind: MemberKind = MemberKind.GROUP) -> Membership:
    return Membership("ai", kind, name, role)


@pytest.mark.parametrize(
    ("pattern", "groups", "is_in"),
    [
        ("ai", {"ai"}, True),
        ("ai", {"ai2", "AI"}, False),
        ("ai-*", {"ai-"}, True),
        ("*-ai", {"x-ai-y"}, False),
        ("/a*/b.c[1]", {"/anything/b.c[1]"}, True),
        ("/a*/b.c[1]", {"/anything/bxc1"}, False),
        ("*", set(), False),
        ("ab*ba", {"aba"}, False),
        ("*ab*ab*", {"xab"}, False),
        ("a**b\n*", {"a-b\n"}, True),
    ],
)
def test_a_star_stands_for_anything_and_nothing_else_is_special(pattern, groups, is_in):
    assert member(pattern).covers("bob", groups) is is_in


def test_a_pattern_of_many_stars_is_read_as_fast_as_another():
    """As a regular expression it would hold up everybody for ever."""
    assert not member("*a" * 100 + "*x").covers("bob", {"a" * 200})
    assert not member("*" * 200 + "x").covers("bob", {"ai-research-operators"})


def test_a_name_of_a_person_is_no_pattern():
    assert member("bob", kind=MemberKind.USER).covers("bob", set())
    assert not member("*", kind=MemberKind.USER).covers("bob", {"bob"})


def test_of_several_roles_the_strongest_counts():
    given = [member("g", Role.OPERATOR), member("bob", Role.READ, MemberKind.USER)]

    assert roles_of("bob", {"g"}, given) == {"ai": Role.OPERATOR}
    assert roles_of("bob", {"g"}, reversed(given)) == {"ai": Role.OPERATOR}
    assert roles_of("eve", {"x"}, given) == {}


@pytest.mark.parametrize(
    ("pattern", "group", "found"),
    [
        ("ai-{project}-{role}", "ai-physics-operators", ("physics", Role.OPERATOR)),
        ("ai-{project}-{role}", "ai-a-b-read", ("a-b", Role.READ)),
        ("ai-{project}-{role}", "ai-physics-admins", ("physics", Role.ADMINISTRATOR)),
        ("ai-{project}-{role}", "ai-physics-owners", None),
        ("ai-{project}-{role}", "ai-Physics-read", None),
        ("ai-{project}-{role}", "xai-physics-read", None),
        ("/ai/{project}", "/ai/physics", ("physics", Role.OPERATOR)),
        ("/ai/{project}", "/ai/-", None),
        ("a.c-{project}", "abc-physics", None),
    ],
)
def test_a_pattern_reads_project_and_role_in_a_groups_name(pattern, group, found):
    memberships = GroupPattern(pattern).memberships({group})

    assert [(m.project, m.role) for m in memberships] == ([found] if found else [])


def test_without_a_pattern_groups_say_nothing():
    assert GroupPattern("").memberships({"ai", ""}) == []


@pytest.mark.parametrize("name", ["", "A", "-a", "a-", "a b", "a/b", "ä", "x" * 41, "a\n"])
def test_a_bad_name_of_a_project_is_refused(name):
    (problem,) = check_project_name(name)

    assert "small letters" in problem.message


def test_what_somebody_sees_depends_on_how_the_project_shares():
    projects = [
        Project(name, name, 1, sharing, Origin.API)
        for name, sharing in (
            ("all", Sharing.MEMBERS),
            ("own", Sharing.OWNER),
            ("led", Sharing.OWNER),
            ("x", Sharing.MEMBERS),
        )
    ]
    roles = {"all": Role.READ, "own": Role.OPERATOR, "led": Role.ADMINISTRATOR}

    sight = sight_of(Person("bob", roles=roles), projects)

    assert (sight.whole, sight.own, sight.owner) == ({"all", "led"}, {"own"}, "bob")
