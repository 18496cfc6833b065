"""What the endpoint knows and must not show: its host key and its token at the service."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from ovh_spawner.constants import ENV_SSH_HOST_KEY, ENV_SSH_TOKEN
from ovh_spawner.errors import ConfigError
from ovh_spawner.settings_ssh import SshSettings

HOST_KEY_HELP = "Make one: ssh-keygen -t ed25519 -N '' -f ssh_host_key"


@dataclass(frozen=True, slots=True)
class SshSecrets:
    """Both."""

    token: str = field(repr=False)
    host_key: asyncssh.SSHKey = field(repr=False)
    """The same over restarts and in every replica: clients refuse a host whose key has changed."""


def load_secrets(settings: SshSettings, environment: Mapping[str, str] = os.environ) -> SshSecrets:
    """Read them.

    Raises:
        ConfigError: one is missing, or is no key.

    """
    if not settings.enabled:
        raise ConfigError("ssh.enabled is false in the settings. Set it to true to run the SSH endpoint.")
    token = environment.get(ENV_SSH_TOKEN, "")
    if not token:
        raise ConfigError(
            f"Set {ENV_SSH_TOKEN} before the SSH endpoint starts, to the service's value of that name."
        )
    return SshSecrets(token, _host_key(settings.host_key_file, environment.get(ENV_SSH_HOST_KEY, "")))


def _host_key(path: str, text: str) -> asyncssh.SSHKey:
    try:
        if path:
            return asyncssh.import_private_key(Path(path).read_bytes())
        if text:
            return asyncssh.import_private_key(text.strip() + "\n")
    except OSError as exc:
        raise ConfigError(f"The host key {path} cannot be read: {exc.strerror}. {HOST_KEY_HELP}") from exc
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as exc:
        where = path or ENV_SSH_HOST_KEY
        raise ConfigError(f"{where} holds no private key without a passphrase. {HOST_KEY_HELP}") from exc
    raise ConfigError(f"Name the host key: ssh.hostKeyFile, or {ENV_SSH_HOST_KEY}. {HOST_KEY_HELP}")
