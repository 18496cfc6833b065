"""The local installation's own secrets: drawn once, kept in one file that only this account reads."""

import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from ovh_spawner.constants import (
    ENV_ENCRYPTION_KEYS,
    ENV_INTERNAL_TOKEN,
    ENV_SERVICE_TOKEN,
    ENV_SSH_TOKEN,
)
from ovh_spawner.errors import ConfigError

ENV_SIGN_IN_PASSWORD = "OVH_SPAWNER_SIGN_IN_PASSWORD"
ENV_ADMIN_PASSWORD = "OVH_SPAWNER_ADMIN_PASSWORD"
ENV_CRYPT_KEY = "JUPYTERHUB_CRYPT_KEY"
ENV_STORE_ACCESS_KEY = "OVH_SPAWNER_DEMO_ACCESS_KEY"
ENV_STORE_SECRET_KEY = "OVH_SPAWNER_DEMO_SECRET_KEY"

_FERNET_KEY_BYTES = 32
_ADMIN_PASSWORD_BYTES = 24
"""JupyterHub wants at least 32 characters of an administrator's shared password."""


def _fernet_key() -> str:
    return urlsafe_b64encode(os.urandom(_FERNET_KEY_BYTES)).decode()


_DRAW: dict[str, Callable[[], str]] = {
    ENV_SERVICE_TOKEN: lambda: secrets.token_hex(32),
    ENV_INTERNAL_TOKEN: lambda: secrets.token_hex(32),
    ENV_SSH_TOKEN: lambda: secrets.token_hex(32),
    ENV_ENCRYPTION_KEYS: _fernet_key,
    ENV_CRYPT_KEY: lambda: secrets.token_hex(32),
    ENV_SIGN_IN_PASSWORD: lambda: secrets.token_urlsafe(9),
    ENV_ADMIN_PASSWORD: lambda: secrets.token_urlsafe(_ADMIN_PASSWORD_BYTES),
    ENV_STORE_ACCESS_KEY: lambda: secrets.token_hex(8),
    ENV_STORE_SECRET_KEY: lambda: secrets.token_hex(16),
}


def load_or_draw(path: Path) -> dict[str, str]:
    """Return the secrets as environment variables, drawing those that the file does not have yet."""
    known = _read(path)
    missing = {name: draw() for name, draw in _DRAW.items() if name not in known}
    if missing:
        _write(path, known | missing)
    return known | missing


def prepend_key(path: Path) -> str:
    """Draw a new encryption key, which seals from now on; return all keys, in the form of the variable."""
    known = load_or_draw(path)
    keys = f"{_fernet_key()},{known[ENV_ENCRYPTION_KEYS]}"
    _write(path, known | {ENV_ENCRYPTION_KEYS: keys})
    return keys


def drop_old_keys(path: Path) -> None:
    """Keep the first encryption key alone."""
    known = load_or_draw(path)
    first = known[ENV_ENCRYPTION_KEYS].partition(",")[0]
    _write(path, known | {ENV_ENCRYPTION_KEYS: first})


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        name, equals, value = line.partition("=")
        if not equals or not value:
            raise ConfigError(
                f"{path}:{number} is not NAME=value. Mend the line, or remove it to draw a new secret."
            )
        found[name] = value
    return found


def _write(path: Path, values: dict[str, str]) -> None:
    draft = path.with_suffix(".new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in values.items())
        file.flush()
        # What they seal is on the disk soon after: it must not outlive them when the machine goes down.
        os.fsync(file.fileno())
    draft.rename(path)
