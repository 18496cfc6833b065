"""Whose account a notebook's data sync runs in: the one that owns the notebook's folder.

As root we would read and write through whatever links a person put into their own folders.
"""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypedDict

from ovh_spawner.errors import RunnerError


class ProcessOptions(TypedDict, total=False):
    """Arguments of subprocess.Popen."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Owner:
    """An account of the machine; without ids, our own."""

    uid: int | None = None
    gid: int = 0

    def process_options(self) -> ProcessOptions:
        """Return what a new process needs to run in this account."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": _groups(self.uid, self.gid)}

    def make_folder(self, path: Path) -> None:
        """Make a private folder of this account.

        Raises:
            RunnerError: a link is in its place.

        """
        if path.is_symlink():
            raise RunnerError(f"The data sync cannot be started: {path.name} is a symbolic link.")
        if not path.is_dir():
            path.mkdir(mode=0o700, parents=True)
            self.give(path)

    def give(self, path: Path) -> None:
        """Make the account own a file that we wrote for it."""
        if self.uid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def owner_of(folder: Path) -> Owner:
    """Return the account that a notebook's folder belongs to, when it is not ours and we may act for it."""
    if os.geteuid() != 0 or not folder.is_dir():
        return Owner()
    status = folder.lstat()
    return Owner(status.st_uid, status.st_gid) if status.st_uid else Owner()


def open_log(path: Path) -> BinaryIO:
    """Open a log in a folder that somebody else may write to."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    return os.fdopen(os.open(path, flags, 0o600), "ab")


def _groups(uid: int, gid: int) -> list[int]:
    try:
        return os.getgrouplist(pwd.getpwuid(uid).pw_name, gid)
    except KeyError:
        return [gid]
