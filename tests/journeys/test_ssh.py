"""A remote editor's way through a whole local installation, with the real OpenSSH client."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.ssh.running import Key
from tests.support.installation_processes import of_program
from tests.support.stack import LocalStack, Person
from tests.support.waiting import wait_for

pytestmark = pytest.mark.journey

CPU = {
    "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
    "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
}


def _command(stack: LocalStack, key: Key, url: str, *words: str) -> list[str]:
    options = ["-F", "none", "-i", key.file, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
    options += ["-o", f"UserKnownHostsFile={stack.state}/known_hosts", "-o", "StrictHostKeyChecking=yes"]
    return ["ssh", *options, "-o", "BatchMode=yes", url, *words]


def _ssh(stack: LocalStack, key: Key, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = _command(stack, key, url, *words)
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=240, stdin=subprocess.DEVNULL
    )


def _know_the_host(stack: LocalStack, url: str) -> None:
    """As an operator publishes it: the public key that lies in the state folder."""
    host, port = re.search(r"@(.+):(\d+)$", url).groups()
    public = (stack.state / "ssh_host_key.pub").read_text()
    (stack.state / "known_hosts").write_text(f"[{host}]:{port} {public}")


def _create(person: Person, key: Key) -> str:
    keys = [key.file.with_suffix(".pub").read_text()]
    answer = person.api("POST", "notebook", json=CPU | {"sshPublicKeys": keys})
    assert answer.status_code == 200, answer.text
    return answer.json()["id"]


def test_a_person_works_in_a_notebook_over_ssh_until_the_key_is_removed_or_it_stops(stack, tmp_path):
    hal = stack.sign_in("hal")
    key, other = Key.new(tmp_path / "keys", "hal"), Key.new(tmp_path / "keys", "other")
    notebook = _create(hal, key)
    status = hal.wait_for_state(notebook, "RUNNING")["status"]
    url = status["sshUrl"]
    _know_the_host(stack, url)
    assert f"ssh -p {url.rpartition(':')[2]} <notebook id>@127.0.0.1" in stack.said()

    done = _ssh(stack, key, url, "pwd; echo $NOTEBOOK_ID; python -c 'import sys; print(sys.executable)'")

    folder, id_, python = done.stdout.splitlines()
    assert folder == str(stack.state / "notebooks" / notebook / "workspace"), done.stderr
    assert id_ == notebook
    assert "environments/conda" in python
    assert _ssh(stack, other, url, "true").returncode == 255
    assert hal.get("/hub/home").text.count(f"{notebook}@127.0.0.1") == 1

    (endpoint,) = of_program(stack.state, "SSH endpoint")
    endpoint.kill()
    wait_for(lambda: _ssh(stack, key, url, "true").returncode == 0, what="the endpoint to be back")

    with _session(stack, key, url) as session:
        assert hal.api("PUT", f"notebook/{notebook}", json={"sshPublicKeys": []}).is_success
        assert session.wait(120) == 255

    again = {"sshPublicKeys": [key.file.with_suffix(".pub").read_text()]}
    assert hal.api("PUT", f"notebook/{notebook}", json=again).is_success
    with _session(stack, key, url) as session:
        assert hal.api("PUT", f"notebook/{notebook}/stop").is_success
        assert session.wait(120) == 255

    hal.wait_for_state(notebook, "STOPPED")
    server = status["url"].rstrip("/").rpartition("/")[2]
    page = hal.get(f"/hub/spawn/hal/{server}").text
    assert f"ssh -p {url.rpartition(':')[2]} {notebook}@127.0.0.1" in page
    assert 'name="ssh-0-key"' in page
    assert "is STOPPED" in _ssh(stack, key, url, "true").stderr
    wait_for(
        lambda: not _processes_of(stack, notebook), what="no process of the notebook to be left", seconds=60
    )


@contextmanager
def _session(stack: LocalStack, key: Key, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Open a session that would go on for ever."""
    command = _command(stack, key, url, "echo ready; cat")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as session:
        try:
            assert session.stdout.readline() == b"ready\n"
            yield session
        finally:
            session.kill()


def _processes_of(stack: LocalStack, notebook: str) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if notebook in line and "inside_" in line]
