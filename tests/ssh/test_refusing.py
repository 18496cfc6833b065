"""Who does not come in over SSH, and when those who did have to leave."""

import os
import re
import signal
import subprocess

import pytest

from tests.ssh.fake_service import TOKEN
from tests.ssh.running import Key, Person, let_in, running_notebook
from tests.support.waiting import wait_for

UNKNOWN = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def open_session():
    """Open sessions that answer what they are told; those that are open at the end are ended."""
    opened = []

    def open_one(person: Person) -> subprocess.Popen[bytes]:
        opened.append(person.open("echo ready; cat"))
        assert opened[-1].stdout.readline() == b"ready\n"
        return opened[-1]

    yield open_one
    for session in opened:
        session.kill()
        session.communicate()


def _said(done) -> str:
    """Return what a client says, without the name that it was given."""
    return re.sub(r"\S+@127\.0\.0\.1", "SOMEBODY@HOST", done.stderr.decode())


@pytest.mark.parametrize("name", [UNKNOWN, "root", "admin", "../..", "x" * 900, "{notebook}\u00e9"])
def test_every_other_name_is_refused_just_like_a_wrong_key(ada, eve, name):
    assert ada.ssh("true").returncode == 0
    wrong_key = eve.ssh("true")

    done = ada.ssh("true", user=name.replace("{notebook}", ada.notebook))

    assert wrong_key.returncode == done.returncode == 255
    assert "Permission denied (publickey)." in _said(done)
    assert _said(done).splitlines()[-1] == _said(wrong_key).splitlines()[-1]


def test_names_that_are_no_notebook_s_are_not_even_looked_up(ada):
    ada.ssh("true", user="root")
    ada.ssh("true", user=ada.notebook.replace("-", ""))

    assert ada.endpoint.service.asked == []


def test_there_is_no_way_in_but_a_key(ada):
    more = ("-o", "PubkeyAuthentication=no")

    done = ada.ssh("true", more=more)

    assert done.returncode == 255
    assert "Permission denied (publickey)." in _said(done)


def test_a_key_that_is_only_known_and_not_held_does_not_come_in(ada, eve, tmp_path):
    """The client offers ada's public key and has eve's private one."""
    mixed = Key(tmp_path / "mixed")
    mixed.file.write_bytes(eve.key.file.read_bytes())
    mixed.file.chmod(0o600)
    mixed.file.with_suffix(".pub").write_text(ada.key.public + "\n")

    assert Person(ada.endpoint, mixed, ada.notebook).ssh("true").returncode == 255


def test_an_agent_full_of_other_people_s_keys_does_not_come_in(ada, eve, tmp_path):
    with _Agent(tmp_path, eve.key) as variables:
        more = ("-o", "IdentitiesOnly=no", "-o", f"IdentityAgent={variables['SSH_AUTH_SOCK']}")
        nobody = Person(ada.endpoint, Key(tmp_path / "none"), ada.notebook)

        assert nobody.ssh("true", more=more).returncode == 255
        # Nor do they keep out whoever has the right one as well.
        assert ada.ssh("true", more=more).returncode == 0


def test_nobody_s_agent_is_lent_to_a_notebook_that_others_use_too(ada, tmp_path):
    with _Agent(tmp_path, ada.key) as variables:
        done = ada.ssh("echo [$SSH_AUTH_SOCK]", more=("-o", f"ForwardAgent={variables['SSH_AUTH_SOCK']}"))

    assert done.stdout == b"[]\n"


def test_a_notebook_gets_no_port_of_the_client(ada):
    done = ada.ssh("true", more=("-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:9"))

    assert done.returncode == 255
    assert "remote port forwarding failed" in _said(done)


def test_a_key_that_was_removed_closes_its_session_and_no_other(ada, keys, notebook, open_session):
    second = Person(ada.endpoint, keys[1], let_in(ada.endpoint.service, notebook, *keys))
    removed, kept = open_session(ada), open_session(second)

    ada.endpoint.service.keys[ada.notebook].remove(ada.key.public)

    assert b"This key is not one of the notebook's any more." in _closed(removed)
    assert ada.ssh("true").returncode == 255
    assert kept.communicate(b"still here\n", timeout=120)[0] == b"still here\n"


def test_a_notebook_that_is_stopped_in_the_books_closes_its_sessions(ada, open_session):
    session = open_session(ada)

    ada.endpoint.service.ways[ada.notebook] = {"message": "Notebook 'n' is STOPPED. Start it."}

    assert b"Notebook 'n' is STOPPED. Start it." in _closed(session)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_notebook_that_ends_closes_its_sessions_and_leaves_no_process(
    endpoint, keys, tmp_path, number, open_session
):
    with running_notebook(tmp_path / "notebook") as gateway:
        ada = Person(endpoint, keys[0], let_in(endpoint.service, gateway, keys[0]))
        session = open_session(ada)

        gateway.stop(number)

        assert b"The notebook has ended." in _closed(session)
        if number == signal.SIGTERM:
            assert gateway.leftovers() == []


def test_whoever_has_the_key_hears_why_a_notebook_does_not_answer(ada, eve, notebook):
    ways = ada.endpoint.service.ways
    ways[ada.notebook] = {"message": "Notebook 'n' is STOPPED. Start it, then connect again."}

    assert b"Notebook 'n' is STOPPED. Start it, then connect again." in ada.ssh("true").stderr
    assert b"STOPPED" not in eve.ssh("true").stderr

    let_in(ada.endpoint.service, notebook, ada.key)
    ways[ada.notebook] |= {"token": "f" * 64}
    done = ada.ssh("true")
    assert done.returncode == 255
    assert b"The notebook does not let SSH in." in done.stderr


def test_while_the_service_is_away_nobody_new_comes_in_and_nobody_has_to_leave(ada, open_session):
    session = open_session(ada)
    ada.endpoint.service.away = True

    refused = ada.ssh("true")

    assert refused.returncode == 255
    assert b"Nobody can be let in now" in refused.stderr
    wait_for(lambda: "ssh_not_rechecked" in ada.endpoint.log(), what="a question without an answer")
    assert session.communicate(b"still here\n", timeout=120)[0] == b"still here\n"


def test_the_host_key_is_the_same_after_a_restart(ada):
    assert ada.ssh("true").returncode == 0
    known = ada.endpoint.known_hosts.read_bytes()

    assert ada.endpoint.stop() == 0
    ada.endpoint.start()

    assert ada.ssh("true", more=("-o", "StrictHostKeyChecking=yes")).returncode == 0
    assert ada.endpoint.known_hosts.read_bytes() == known


def test_a_restart_of_the_endpoint_says_goodbye(ada, open_session):
    session = open_session(ada)

    ada.endpoint.stop()
    ada.endpoint.start()

    assert b"Connect again." in _closed(session)


def test_who_came_in_is_told_for_the_audit_log_and_who_was_refused_is_not(ada, eve):
    assert eve.ssh("true").returncode == 255
    assert ada.ssh("true").returncode == 0

    (told,) = wait_for(lambda: list(ada.endpoint.service.entered), what="an entry")
    assert told == {"notebook": ada.notebook, "key": ada.key.public, "address": "127.0.0.1"}


def test_no_secret_and_no_name_that_was_refused_is_in_the_log(ada, notebook):
    ada.ssh("true")
    ada.ssh("true", user="somebody-s-password")

    log = ada.endpoint.log() + notebook.log()

    assert ada.notebook in log
    for secret in (TOKEN, ada.endpoint.service.ways[ada.notebook]["token"], "somebody-s-password"):
        assert secret not in log


def _closed(session: subprocess.Popen[bytes]) -> bytes:
    """Wait until the other side closes a session; return what the client says of it."""
    try:
        # Its input stays open: at its end the session would end by itself.
        assert session.wait(120) == 255
    finally:
        session.kill()
        said = session.communicate()[1]
    return said


class _Agent:
    """An agent of its own that holds one key."""

    def __init__(self, folder, key: Key) -> None:
        self._socket, self._key = folder / "agent", key

    def __enter__(self) -> dict[str, str]:
        words = ["ssh-agent", "-D", "-a", self._socket]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._socket.exists, what="the agent")
        variables = {"SSH_AUTH_SOCK": str(self._socket)}
        subprocess.run(
            ["ssh-add", "-q", self._key.file], env=os.environ | variables, check=True, capture_output=True
        )
        return variables

    def __exit__(self, *_) -> None:
        self._process.terminate()
        self._process.wait(30)
