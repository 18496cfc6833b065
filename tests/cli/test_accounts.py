"""``ovh-spawner accounts``, as an operator types it."""

import stat

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner

from ovh_spawner.cli.main import cli
from ovh_spawner.contract.accounts import AccountsFile

GOOD = "correct horse battery"


@pytest.fixture
def accounts(tmp_path):
    settings = tmp_path / "settings.yaml"
    file = tmp_path / "deep" / "accounts.json"
    settings.write_text(f"signIn:\n  accountsFile: {file}\n")

    def run(*words, typed=""):
        return CliRunner().invoke(cli, ["accounts", "--settings", str(settings), *words], input=typed)

    run.file = file
    run.known = lambda: AccountsFile.model_validate_json(file.read_bytes()).accounts
    return run


def test_an_account_is_added_changed_listed_and_removed(accounts):
    assert "Account ann is added." in accounts("set", "ann", "--group", "ai", typed=f"{GOOD}\n").output
    first = accounts.known()["ann"]
    assert PasswordHasher().verify(first.password_hash, GOOD)
    assert (first.groups, first.administrator) == (["ai"], False)

    assert "is changed" in accounts("set", "ann", "--administrator", "--keep-password").output
    changed = accounts.known()["ann"]
    assert (changed.password_hash, changed.groups, changed.administrator) == (
        first.password_hash,
        ["ai"],
        True,
    )

    listed = accounts("list").output
    assert "ann" in listed
    assert "yes" in listed
    assert "argon2" not in listed
    assert "is removed" in accounts("remove", "ann").output
    assert accounts.known() == {}


def test_the_file_is_for_its_owner_only_and_holds_no_password(accounts):
    accounts("set", "ann", typed=f"{GOOD}\n")

    assert stat.S_IMODE(accounts.file.stat().st_mode) == 0o600
    assert GOOD not in accounts.file.read_text()


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (("set", "ann"), "short\n", "at least 12 characters; this one has 5"),
        (("set", "Ann"), f"{GOOD}\n", "'Ann' cannot be a name"),
        (("set", "../ann"), f"{GOOD}\n", "cannot be a name"),
        (("set", "u-abcdefghijklmnop"), f"{GOOD}\n", "looks like a name that a sign-in provider gives"),
        (("set", "ann", "--keep-password"), "", "ann"),
        (("remove", "ann"), "", "ann"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(accounts, words, typed, said):
    answer = accounts(*words, typed=typed)

    assert answer.exit_code != 0
    assert said in str(answer.exception)
    assert not accounts.file.exists()


def test_a_file_that_holds_something_else_is_kept(accounts):
    accounts.file.parent.mkdir()
    accounts.file.write_text("something else")
    answer = accounts("set", "ann", typed=f"{GOOD}\n")

    assert "is no file of accounts" in str(answer.exception)
    assert accounts.file.read_text() == "something else"
