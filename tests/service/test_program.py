import os
import signal
import subprocess
import sys
import urllib.request
from contextlib import closing
from socket import socket

import pytest
from cryptography.fernet import Fernet

from ovh_spawner.constants import ENV_ENCRYPTION_KEYS, ENV_INTERNAL_TOKEN, ENV_SERVICE_TOKEN
from ovh_spawner.loopback import free_port
from tests.support.waiting import wait_for


@pytest.fixture
def settings(tmp_path):
    port = free_port()
    path = tmp_path / "settings.yaml"
    path.write_text(
        f"service: {{port: {port}, reconcileSeconds: 0.2, hubApiUrl: 'http://127.0.0.1:9/hub/api'}}\n"
        f"database: {{url: 'sqlite+aiosqlite:///{tmp_path}/ledger.sqlite'}}\n"
        f"local: {{stateFolder: '{tmp_path}'}}\n"
    )
    return path, port


def _environment(**changes):
    secrets = {
        ENV_SERVICE_TOKEN: "one",
        ENV_INTERNAL_TOKEN: "two",
        ENV_ENCRYPTION_KEYS: Fernet.generate_key().decode(),
        **changes,
    }
    return {
        **{k: v for k, v in os.environ.items() if k not in secrets},
        **{k: v for k, v in secrets.items() if v},
    }


def _command(path):
    return [sys.executable, "-m", "ovh_spawner.service", "--settings", str(path)]


def test_the_service_runs_until_it_is_told_to_end(settings, tmp_path):
    path, port = settings
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(_command(path), env=_environment(), stderr=log)
    try:
        wait_for(lambda: _answers(port), what="the service")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    text = (tmp_path / "log").read_text()
    assert "service_started" in text
    assert "Traceback" not in text


@pytest.mark.parametrize("missing", [ENV_SERVICE_TOKEN, ENV_INTERNAL_TOKEN, ENV_ENCRYPTION_KEYS])
def test_a_missing_secret_is_named_at_start(settings, missing):
    done = subprocess.run(
        _command(settings[0]), env=_environment(**{missing: ""}), capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert missing in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_told_in_one_sentence(settings):
    path, port = settings
    with closing(socket()) as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        done = subprocess.run(_command(path), env=_environment(), capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_that_is_none_is_refused_without_showing_it(settings):
    done = subprocess.run(
        _command(settings[0]),
        env=_environment(**{ENV_ENCRYPTION_KEYS: "not-a-key"}),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "Fernet" in done.stderr
    assert "not-a-key" not in done.stderr


def _answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/services/ai/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
