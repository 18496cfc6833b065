"""Sign-in with a local account: a name and a password that is kept as an Argon2id hash."""

import asyncio
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import ValidationError

from ovh_spawner.contract.accounts import AccountsFile, LocalAccount
from ovh_spawner.errors import ConfigError


class LocalAccounts:
    """The accounts in a file, read anew each time: a change acts at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hasher = PasswordHasher()
        # Compared with when there is no such name, so that the answer takes as long.
        self._nobody = self._hasher.hash("nobody's password")

    def find(self, name: str) -> LocalAccount | None:
        """Return an account; no file is no account.

        Raises:
            ConfigError: the file cannot be read, or holds something else.
        """
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise ConfigError(f"The accounts in {self._path} cannot be read: {exc.strerror}.") from exc
        try:
            return AccountsFile.model_validate_json(text).accounts.get(name)
        except ValidationError as exc:
            raise ConfigError(
                f"{self._path} is no file of accounts. Write it with `ovh-spawner accounts`."
            ) from exc

    async def authenticate(self, name: str, password: str) -> LocalAccount | None:
        """Return the account whose name and password these are."""
        account = self.find(name)
        stored = account.password_hash if account else self._nobody
        # Slow on purpose, so not in the hub's loop.
        is_right = await asyncio.to_thread(self._verify, stored, password)
        return account if is_right else None

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
