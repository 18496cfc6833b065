"""The network check: what a notebook reaches, said in a table and an exit code; the Job that runs it in a cluster."""

import json
import socket

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from ovh_spawner.cli import network_targets
from ovh_spawner.cli.check_network import EXIT_WRONG, check_network
from ovh_spawner.cli.reach import Finding, Outcome, Target, reach_all
from ovh_spawner.constants import ENV_SETTINGS
from ovh_spawner.pod.labels import COMPONENT, NOTEBOOK, PART_OF, RUN
from tests.pod.restricted import violations
from tests.support.kubernetes_shapes import mistakes


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def closed_door():
    """An address of loopback that answers "refused"."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{unused.getsockname()[1]}"


@pytest.fixture(autouse=True)
def only_local_addresses(monkeypatch, closed_door):
    """No packet leaves this machine; each sample of a forbidden network is a door that is closed."""
    host, port = closed_door.split(":")
    monkeypatch.setattr(network_targets, "PRIVATE_SAMPLES", ())
    monkeypatch.setattr(network_targets, "METADATA", host)
    monkeypatch.setattr(network_targets, "_HTTP", int(port))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv(ENV_SETTINGS, raising=False)


@pytest.fixture
def settings_file(tmp_path, listener):
    file = tmp_path / "settings.yaml"
    YAML().dump(
        {
            "deployment": {"mode": "kubernetes"},
            "service": {"url": f"http://{listener}", "hubApiUrl": f"http://{listener}/hub/api"},
            "database": {"url": "sqlite+aiosqlite:///ledger.sqlite"},
        },
        file,
    )
    return file


def _check(settings_file, listener, *words):
    options = ["--settings", str(settings_file), "--public", listener, "--proxy", listener]
    return CliRunner().invoke(check_network, [*options, "--timeout", "20", *words])


def test_a_network_as_it_should_be_ends_with_zero(settings_file, listener):
    answer = _check(settings_file, listener)

    assert answer.exit_code == 0, answer.output
    assert "keeps notebooks where they belong" in answer.output
    assert "WRONG" not in answer.output


def test_a_forbidden_address_that_answers_is_shown_and_ends_with_two(settings_file, listener):
    answer = _check(settings_file, listener, "--denied", listener)

    assert answer.exit_code == EXIT_WRONG
    (wrong,) = [line for line in answer.output.splitlines() if "WRONG" in line]
    assert "named by you" in wrong
    assert "not be reached" in wrong
    assert "enforce NetworkPolicies" in answer.output


def test_a_needed_address_that_is_refused_is_shown_and_ends_with_two(settings_file, listener, closed_door):
    answer = _check(settings_file, listener, "--proxy", closed_door)

    assert answer.exit_code == EXIT_WRONG
    (wrong,) = [line for line in answer.output.splitlines() if "WRONG" in line]
    assert "proxy" in wrong
    assert "refused" in wrong
    assert "do not reach what they need" in answer.output


def test_the_api_server_the_node_and_the_ledger_are_looked_for(settings_file, listener, monkeypatch):
    host, port = listener.split(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    monkeypatch.setenv(network_targets.NODE_VARIABLE, host)
    monkeypatch.setattr(network_targets, "KUBELET_PORT", int(port))
    settings_file.write_text(
        settings_file.read_text().replace(
            "sqlite+aiosqlite:///ledger.sqlite", f"postgresql+psycopg://me@{listener}/x"
        )
    )

    answer = _check(settings_file, listener)

    wrong = [line for line in answer.output.splitlines() if "WRONG" in line]
    assert answer.exit_code == EXIT_WRONG
    assert len(wrong) == 3
    for line, name in zip(wrong, ("API server", "kubelet", "database"), strict=True):
        assert name in line


async def test_a_name_that_is_not_known_is_not_reached():
    target = Target("DNS", "no-such-name.invalid", None, is_allowed=True)

    (finding,) = await reach_all([target], seconds=20)

    assert finding == Finding(target, Outcome.UNKNOWN_NAME)
    assert not finding.is_right


async def test_an_address_that_never_answers_is_silent():
    # A listener whose queue is full drops what comes: what a packet filter looks like.
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = server.getsockname()[1]
        waiting = []
        for _ in range(2):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
            waiting.append(client)
        target = Target("proxy", "127.0.0.1", port, is_allowed=False)

        (finding,) = await reach_all([target], seconds=0.2)

        for client in waiting:
            client.close()
    assert finding.outcome is Outcome.SILENT
    assert finding.is_right


def test_an_address_without_a_port_is_refused_in_words(settings_file, listener):
    answer = _check(settings_file, listener, "--denied", "10.0.0.1")

    assert answer.exit_code != 0
    assert "write host:port" in str(answer.exception)


def test_the_job_is_treated_as_a_notebook_and_has_a_policy_of_its_own(settings_file, listener):
    answer = _check(settings_file, listener, "--print-job", "--denied", "10.1.2.3:80")
    objects = {item["kind"]: item for item in json.loads(answer.output)["items"]}
    labels = objects["Job"]["spec"]["template"]["metadata"]["labels"]
    (container,) = objects["Job"]["spec"]["template"]["spec"]["containers"]

    chosen = objects["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]
    assert chosen == {key: labels[key] for key in (NOTEBOOK, RUN)}
    assert labels[COMPONENT] == "notebook"
    # The service finds its own objects by it; this is no run of its ledger.
    assert all(PART_OF not in (item["metadata"].get("labels") or {}) for item in objects.values())
    assert PART_OF not in labels
    assert violations(objects["Job"]["spec"]["template"]["spec"]) == []
    assert [found for item in objects.values() for found in mistakes(item)] == []
    assert "--denied" in container["command"]
    assert "10.1.2.3:80" in container["command"]
    assert objects["ConfigMap"]["data"]["settings.yaml"] == settings_file.read_text()
