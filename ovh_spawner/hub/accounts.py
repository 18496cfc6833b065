"""Whose account of the machine a notebook's processes run in."""

import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ovh_spawner.errors import LaunchError

FIRST_PERSON = 1000 if sys.platform == "linux" else 500
"""Below are the accounts of databases and web servers, whose files are nobody's notebook."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the machine; without ids, the hub's own."""

    name: str
    shell: str
    uid: int | None = None
    gid: int | None = None
    groups: tuple[int, ...] = ()

    def process_options(self) -> dict[str, Any]:
        """Return what a new process needs to run in this account."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": list(self.groups)}

    def give(self, *paths: Path) -> None:
        """Make the account own files that the hub wrote for it."""
        if self.uid is None or self.gid is None:
            return
        for path in paths:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_of(user: str, *, system_users: bool) -> Account:
    """Return the account of a hub user: of the same name when the settings say so, else the hub's.

    Raises:
        LaunchError: The machine has no such account, or only root's.
    """
    if not system_users:
        # The name that programs show; no account of that name need exist.
        return Account(name=user, shell=_shell(os.getuid()))
    try:
        entry = pwd.getpwnam(user)
    except KeyError as exc:
        raise LaunchError(f"This machine has no account {user!r}. Ask the operator to add it.") from exc
    if entry.pw_uid == 0:
        raise LaunchError("Notebooks never run as root. Sign in under another name.")
    if entry.pw_uid < FIRST_PERSON:
        raise LaunchError(
            f"{user!r} is an account of this machine's own programs. Sign in under another name."
        )
    groups = tuple(os.getgrouplist(user, entry.pw_gid))
    return Account(user, entry.pw_shell or "/bin/sh", entry.pw_uid, entry.pw_gid, groups)


def open_log(path: Path) -> BinaryIO:
    """Open a private log in a folder that the account may write to: never through a link of theirs."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "ab")


def _shell(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_shell or "/bin/sh"
    except KeyError:
        return "/bin/sh"
