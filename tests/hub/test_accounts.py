"""Whose account a notebook's processes run in."""

import os

import pytest

from ovh_spawner.errors import LaunchError
from ovh_spawner.hub.accounts import account_of, open_log
from ovh_spawner.hub.local_process import LocalProcess
from tests.support.fake_hub import until

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can run processes in other accounts")


def test_without_system_users_everybody_shares_the_hubs_account():
    account = account_of("alice", system_users=False)

    assert account.name == "alice"
    assert account.process_options() == {}


def test_an_unknown_account_is_refused_in_a_sentence():
    with pytest.raises(LaunchError, match="no account 'no-such-person'"):
        account_of("no-such-person", system_users=True)


def test_nobody_works_as_root():
    with pytest.raises(LaunchError, match="never run as root"):
        account_of("root", system_users=True)


def test_nobody_works_as_a_program_of_the_machine():
    with pytest.raises(LaunchError, match="'daemon' is an account of this machine's own programs"):
        account_of("daemon", system_users=True)


def test_a_log_is_private_and_not_written_through_a_link(tmp_path):
    account = account_of("alice", system_users=False)
    (tmp_path / "link").symlink_to(tmp_path / "target")

    with pytest.raises(LaunchError, match="could not be started"):
        LocalProcess.launch(
            ["/bin/true"], environment={}, folder=tmp_path, log=tmp_path / "link", account=account
        )
    with open_log(tmp_path / "log"):
        pass

    assert not (tmp_path / "target").exists()
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


@needs_root
async def test_a_process_runs_as_its_person_with_their_groups_only(tmp_path):
    account = account_of("nobody", system_users=True)
    log = tmp_path / "log"

    process = LocalProcess.launch(
        ["/bin/sh", "-c", "id -u; id -G"], environment={}, folder="/", log=log, account=account
    )
    await until(lambda: not process.is_alive(), what="the process to end")

    assert log.read_text().splitlines()[0] == str(account.uid)
    assert "0" not in log.read_text().splitlines()[1].split()


@needs_root
def test_files_are_given_to_their_person(tmp_path):
    account, path = account_of("nobody", system_users=True), tmp_path / "file"
    path.touch()

    account.give(path)

    assert path.stat().st_uid == account.uid


async def test_a_program_that_cannot_be_started_is_a_sentence_without_its_path(tmp_path):
    with pytest.raises(LaunchError, match="could not be started") as failed:
        LocalProcess.launch(
            ["/nowhere/secret"], environment={}, folder=tmp_path, log=tmp_path / "log",
            account=account_of("alice", system_users=False),
        )  # fmt: skip

    assert "secret" not in str(failed.value)
