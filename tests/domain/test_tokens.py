import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovh_spawner.domain.access import Role
from ovh_spawner.domain.tokens import hash_value, is_token, is_value_of, new_value, parse_terms, token_id
from ovh_spawner.errors import InvalidSpecError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def terms(data, longest=None):
    return parse_terms(data, region="GRA", now=NOW, longest=longest)


@given(st.uuids(), st.binary(min_size=32, max_size=40))
def test_a_value_is_one_word_of_a_fixed_form_that_tells_its_token(key, random_bytes):
    value = new_value(key, random_bytes)

    assert re.fullmatch(r"ovhn_[0-9A-Za-z]{71}", value)
    assert is_token(value)
    assert token_id(value) == key
    assert is_value_of(value, hash_value(value))


@given(st.integers(0, 75), st.characters(codec="ascii"))
def test_a_value_with_one_wrong_character_is_none(at, character):
    value = new_value(UUID(int=2**127 + 12345), bytes(range(32)))
    wrong = value[:at] + character + value[at + 1 :]

    assert (token_id(wrong) is None) == (wrong != value)


@pytest.mark.parametrize(
    "text",
    ["", "ovhn_", "ovhn_" + "z" * 71, "x" * 76, "ovhn_" + "0" * 70, "ovhn_" + "0" * 71 + "\n", "ü" * 76],
)
def test_what_is_no_value_names_no_token(text):
    assert token_id(text) is None


def test_a_value_needs_all_of_its_chance():
    with pytest.raises(ValueError, match="32"):
        new_value(uuid4(), b"short")


def test_the_hash_of_another_value_does_not_fit():
    key = uuid4()

    assert not is_value_of(new_value(key, b"a" * 32), hash_value(new_value(key, b"b" * 32)))


@pytest.mark.parametrize(
    ("word", "role"),
    [
        ("read", Role.READ),
        ("operator", Role.OPERATOR),
        ("ai_training_read", Role.READ),
        ("ai_training_operator", Role.OPERATOR),
    ],
)
def test_roles_are_said_in_the_vendors_words_or_in_short(word, role):
    assert terms({"name": "ci", "role": word}).role is role


def test_a_token_is_for_all_notebooks_and_for_ever_unless_it_says_otherwise():
    found = terms({"name": " ci ", "role": "read", "labelSelector": None, "region": None})

    assert (found.name, found.selector.pairs, found.expires_at) == ("ci", (), None)


def test_the_platforms_own_labels_may_select():
    found = terms({"name": "ci", "role": "read", "labelSelector": "ovh/type=notebook,team=red"})

    assert found.selector.pairs == (("ovh/type", "notebook"), ("team", "red"))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": None}, "name"),
        ({"role": "administrator"}, "role"),
        ({"role": "root"}, "role"),
        ({"labelSelector": "team"}, "labelSelector"),
        ({"labelSelector": "team=red,team=blue"}, "labelSelector"),
        ({"labelSelector": ",".join(f"a{n}=b" for n in range(11))}, "labelSelector"),
        ({"labelSelector": "a=" + "b" * 2000}, "labelSelector"),
        ({"region": "BHS"}, "region"),
        ({"expiresAt": "2026-11-22T11:59:59Z"}, "expiresAt"),
        ({"expiresAt": "2027-01-01"}, "expiresAt"),
        ({"expiresAt": "soon"}, "expiresAt"),
        ({"expiresAt": 1_900_000_000}, "expiresAt"),
        ({"value": "ovhn_mine"}, ""),
    ],
)
def test_what_breaks_a_rule_is_named(change, field):
    with pytest.raises(InvalidSpecError) as refused:
        terms({"name": "ci", "role": "read", **change})

    assert [p.field for p in refused.value.problems] == [field]


def test_every_problem_is_told_at_once():
    with pytest.raises(InvalidSpecError) as refused:
        terms(
            {
                "name": "",
                "role": "x",
                "region": "y",
                "labelSelector": "z",
                "expiresAt": "2000-01-01T00:00:00Z",
            }
        )

    assert len(refused.value.problems) == 5


def test_the_platforms_limit_is_the_end_where_none_is_asked_for():
    found = terms({"name": "ci", "role": "read"}, longest=timedelta(days=30))

    assert found.expires_at == NOW + timedelta(days=30)


def test_an_end_beyond_the_platforms_limit_is_refused_with_the_latest_one():
    with pytest.raises(InvalidSpecError, match="2026-12-22T12:00:00Z"):
        terms({"name": "ci", "role": "read", "expiresAt": "2027-11-22T12:00:00Z"}, longest=timedelta(days=30))
