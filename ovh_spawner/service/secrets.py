"""The service's secrets, read from the environment at start, and the vault that seals them in the ledger."""

import os
import secrets as random_source
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ovh_spawner.constants import (
    ENV_ENCRYPTION_KEYS,
    ENV_INTERNAL_TOKEN,
    ENV_SERVICE_TOKEN,
    ENV_SSH_TOKEN,
)
from ovh_spawner.errors import ConfigError
from ovh_spawner.settings import S3StoreSettings, Settings, SwiftStoreSettings


class Vault:
    """Seals texts for the database. The first key seals, every key opens, so that keys can be rotated."""

    def __init__(self, keys: str) -> None:
        try:
            found = [Fernet(key.strip()) for key in keys.split(",") if key.strip()]
            self._first, self._fernet = found[0], MultiFernet(found)
        except (ValueError, IndexError) as exc:
            raise ConfigError(
                f"{ENV_ENCRYPTION_KEYS} must hold one or more Fernet keys, separated by commas. Make one: "
                'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
            ) from exc

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Return the sealed text.

        Raises:
            ConfigError: no key of this service opens it.

        """
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken as exc:
            raise _lost_key() from exc

    def is_current(self, sealed: str) -> bool:
        """Say whether the first key sealed it."""
        try:
            self._first.decrypt(sealed.encode())
        except InvalidToken:
            return False
        return True

    def seal_anew(self, sealed: str) -> str:
        """Return the same secret, sealed with the first key.

        Raises:
            ConfigError: no key of this service opens it.

        """
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken as exc:
            raise _lost_key() from exc


def _lost_key() -> ConfigError:
    return ConfigError(
        f"The ledger holds a secret that no key in {ENV_ENCRYPTION_KEYS} opens. "
        "Add the key that sealed it to the end of that list."
    )


class HiddenText(Protocol):
    """A secret, open or sealed; pydantic's SecretStr is one."""

    def get_secret_value(self) -> str: ...


class SealedText:
    """A secret of the ledger, opened when somebody needs it: a page of notebooks needs none of its two hundred."""

    def __init__(self, sealed: str, vault: Vault) -> None:
        self._sealed = sealed
        self._vault = vault

    def get_secret_value(self) -> str:
        return self._vault.open(self._sealed)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Everything that this service knows and must not show."""

    service_token: str = field(repr=False)
    """The service's token at the hub."""
    internal_token: str = field(repr=False)
    """The hub's token at the service."""
    vault: Vault = field(repr=False)
    store_keys: Mapping[str, str] = field(repr=False)
    """Values of the environment variables that the settings' data stores name."""
    ssh_token: str = field(default="", repr=False)
    """The SSH endpoint's token at the service; empty: there is no endpoint."""


def load_secrets(settings: Settings, environment: Mapping[str, str] = os.environ) -> Secrets:
    """Read the secrets that these settings need.

    Raises:
        ConfigError: naming every variable that is missing.

    """
    store_names = _store_variables(settings)
    needed = [ENV_SERVICE_TOKEN, ENV_INTERNAL_TOKEN, ENV_ENCRYPTION_KEYS, *store_names]
    if settings.ssh.enabled:
        needed.append(ENV_SSH_TOKEN)
    missing = [name for name in needed if not environment.get(name)]
    if missing:
        raise ConfigError(f"Set these environment variables before the service starts: {', '.join(missing)}.")
    return Secrets(
        service_token=environment[ENV_SERVICE_TOKEN],
        internal_token=environment[ENV_INTERNAL_TOKEN],
        vault=Vault(environment[ENV_ENCRYPTION_KEYS]),
        store_keys={name: environment[name] for name in store_names},
        ssh_token=environment[ENV_SSH_TOKEN] if settings.ssh.enabled else "",
    )


def new_secret() -> str:
    """Return a text that nobody can guess: 256 random bits."""
    return random_source.token_urlsafe(32)


def _store_variables(settings: Settings) -> list[str]:
    names: list[str] = []
    for store in settings.data_stores.values():
        match store:
            case S3StoreSettings():
                names += [store.access_key_env, store.secret_key_env]
            case SwiftStoreSettings():
                names.append(store.key_env)
            case _:
                pass
    return list(dict.fromkeys(names))
