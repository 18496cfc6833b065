"""Names of hub users who are application tokens."""

from uuid import UUID, uuid4

import pytest

from ovh_spawner.contract.accounts import ACCOUNT_NAME, problem_of_name
from ovh_spawner.domain.token_users import is_token_user, parse_token_user, token_user
from ovh_spawner.hub.sign_in.openid import person_name


def test_a_name_tells_token_and_version():
    for token in (uuid4(), UUID(int=0), UUID(int=2**128 - 1)):
        name = token_user(token, 999_999_999)

        assert ACCOUNT_NAME.fullmatch(name)
        assert is_token_user(name)
        assert parse_token_user(name) == (token, 999_999_999)


def test_one_token_has_one_name():
    name = token_user(UUID(int=0), 1)
    other = name.replace("a-1", "b-1")

    assert is_token_user(other)
    assert parse_token_user(other) is None


@pytest.mark.parametrize("name", ["", "ann", "token-", "token-ann-1", "token-" + "a" * 26 + "-0"])
def test_other_names_are_no_tokens(name):
    assert not is_token_user(name)
    assert parse_token_user(name) is None


def test_nobody_else_can_have_such_a_name():
    assert "application token" in problem_of_name(token_user(uuid4(), 1))
    assert not is_token_user(person_name("https://id.example.org", "ann"))
