"""What keeps the endpoint from starting, in one sentence each, and how many strangers it attends to."""

import os
import socket
import subprocess
import sys

import pytest

from ovh_spawner.errors import ConfigError
from ovh_spawner.settings_ssh import SshSettings
from ovh_spawner.ssh.secrets import load_secrets
from tests.ssh.fake_service import TOKEN
from tests.ssh.running import Key
from tests.support.waiting import wait_for

ON = SshSettings(enabled=True)
KNOWN = {"OVH_SPAWNER_SSH_TOKEN": TOKEN}


@pytest.mark.parametrize(
    ("settings", "environment", "said"),
    [
        (SshSettings(), KNOWN, "ssh.enabled is false"),
        (ON, {}, "Set OVH_SPAWNER_SSH_TOKEN"),
        (ON, KNOWN, "Name the host key: ssh.hostKeyFile, or OVH_SPAWNER_SSH_HOST_KEY"),
        (ON, {**KNOWN, "OVH_SPAWNER_SSH_HOST_KEY": "none"}, "OVH_SPAWNER_SSH_HOST_KEY holds no private key"),
        (
            SshSettings(enabled=True, host_key_file="/nowhere"),
            KNOWN,
            "/nowhere cannot be read: No such file",
        ),
    ],
)
def test_what_is_missing_is_named(settings, environment, said):
    with pytest.raises(ConfigError, match=said):
        load_secrets(settings, environment)


def test_the_host_key_is_one_of_ssh_keygen_s_from_a_file_or_a_variable(tmp_path):
    key = Key.new(tmp_path / "keys", "host")
    variable = {**KNOWN, "OVH_SPAWNER_SSH_HOST_KEY": key.file.read_text()}

    from_file = load_secrets(SshSettings(enabled=True, host_key_file=str(key.file)), KNOWN)
    from_variable = load_secrets(ON, variable)

    for secrets in (from_file, from_variable):
        assert secrets.host_key.export_public_key().decode().startswith(key.public)
        assert TOKEN not in repr(secrets)


def test_a_key_with_a_passphrase_is_none_that_a_program_can_use(tmp_path):
    file = tmp_path / "host"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", file], check=True)

    with pytest.raises(ConfigError, match="holds no private key without a passphrase"):
        load_secrets(SshSettings(enabled=True, host_key_file=str(file)), KNOWN)


def test_a_port_that_is_taken_is_named(endpoint):
    second = subprocess.run(
        [sys.executable, "-m", "ovh_spawner.ssh", "--settings", endpoint.folder / "settings.yaml"],
        env={**os.environ, **KNOWN},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{endpoint.port}" in second.stderr
    assert "Traceback" not in second.stderr


def test_strangers_who_say_nothing_do_not_keep_others_out_for_ever(ada):
    address = ("127.0.0.1", ada.endpoint.port)
    strangers = [
        socket.create_connection(address, timeout=60) for _ in range(SshSettings().waiting_connections)
    ]
    try:
        for stranger in strangers:
            assert stranger.recv(4) == b"SSH-"

        assert ada.ssh("true").returncode == 255
    finally:
        for stranger in strangers:
            stranger.close()

    assert wait_for(lambda: ada.ssh("true").returncode == 0, what="a way in", seconds=60)
