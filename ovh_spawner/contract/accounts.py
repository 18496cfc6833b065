"""The file of local accounts: written by ``ovh-spawner accounts``, read by the hub at each sign-in.

Passwords stand in it as Argon2id hashes only. It is written with mode 0600.
"""

import re

from pydantic import Field, field_validator

from ovh_spawner.contract.base import Message
from ovh_spawner.domain.token_users import is_token_user

ACCOUNT_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}", re.ASCII)
"""Safe in a path, as a folder and as an account of the machine."""

PROVIDER_NAME = re.compile(r"u-[a-z2-7]{16}", re.ASCII)
"""How people who come from an OpenID provider are named; no local account may look like one of them."""

MIN_PASSWORD = 12
"""Shortest password in characters, as NIST SP 800-63B-4 §3.1.1.2 asks of a password that stands alone (15), less for
a lock-out after repeated failures."""


class LocalAccount(Message):
    """One person's account."""

    password_hash: str = Field(repr=False)
    groups: list[str] = Field(default_factory=list)
    administrator: bool = False


class AccountsFile(Message):
    """All local accounts by name."""

    accounts: dict[str, LocalAccount] = Field(default_factory=dict)

    @field_validator("accounts")
    @classmethod
    def _names_are_safe(cls, accounts: dict[str, LocalAccount]) -> dict[str, LocalAccount]:
        for name in accounts:
            if problem := problem_of_name(name):
                raise ValueError(problem)
        return accounts


def problem_of_name(name: str) -> str:
    """Return why a local account cannot have this name; empty when it can."""
    if not ACCOUNT_NAME.fullmatch(name):
        return (
            f"{name!r} cannot be a name: use 1 to 63 lowercase letters, digits, '.', '_' and '-', and begin "
            "with a letter or a digit."
        )
    if PROVIDER_NAME.fullmatch(name):
        return f"{name!r} looks like a name that a sign-in provider gives. Choose another one."
    if is_token_user(name):
        return f"{name!r} looks like a name of an application token. Choose another one."
    return ""
