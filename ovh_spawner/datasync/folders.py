"""What a volume's folder holds: its files, and everything that is not one, by name and reason."""

import os
import re
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ovh_spawner.contract.sync import SyncState, SyncVolume
from ovh_spawner.datasync.failures import VolumeFailedError

UNFINISHED_SUFFIX = ".ovh-part"
"""Ending of rclone's unfinished downloads (it allows 16 characters), so that we know our own remains."""

_UNFINISHED = re.compile(rf"\.[0-9a-f]{{8}}{re.escape(UNFINISHED_SUFFIX)}$")

_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells that a file has changed."""

    size: int
    mtime_ns: int


@dataclass(slots=True)
class Scan:
    """One look at a folder. All names are relative, with slashes."""

    files: dict[str, Stamp] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    empty_folders: set[str] = field(default_factory=set)
    """Those of them that have nothing in them."""
    left_out: dict[str, str] = field(default_factory=dict)
    """What is no regular file, with the reason that people read."""
    unreadable: dict[str, str] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    """Remains of downloads that were cut off."""


def scan(folder: Path, *, without: Collection[str] = ()) -> Scan:
    """Look at everything below a folder without following links; ``without`` are folders of other volumes."""
    found = Scan()
    waiting = [""]
    while waiting:
        above = waiting.pop()
        is_empty = True
        for entry in _entries(folder, above, found):
            is_empty = False
            name = f"{above}/{entry.name}" if above else entry.name
            if entry.is_dir(follow_symlinks=False):
                if os.path.join(folder, name) not in without:  # noqa: PTH118 - a hundred thousand times
                    found.folders.add(name)
                    waiting.append(name)
            else:
                _look(entry, name, found)
        if is_empty and above and above not in found.unreadable:
            found.empty_folders.add(above)
    return found


def _entries(folder: Path, above: str, found: Scan) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder / above) as entries:
            yield from entries
    except FileNotFoundError:
        return  # Gone since its parent was read: it is as if we had come later.
    except OSError as exc:
        found.unreadable[above or "."] = exc.strerror or "cannot be read"


def _look(entry: os.DirEntry[str], name: str, found: Scan) -> None:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return
    except OSError as exc:
        found.unreadable[name] = exc.strerror or "cannot be read"
        return
    if not stat.S_ISREG(status.st_mode):
        found.left_out[name] = next((kind for is_it, kind in _KINDS if is_it(status.st_mode)), "no file")
    elif _UNFINISHED.search(name):
        found.unfinished.append(name)
    elif not os.access(entry.path, os.R_OK):
        found.unreadable[name] = "permission denied"
    else:
        found.files[name] = Stamp(status.st_size, status.st_mtime_ns)


def finished_name(name: str) -> str:
    """Return what an unfinished download would have been called; other names as they are."""
    return _UNFINISHED.sub("", name)


def stamp_of(path: Path) -> Stamp | None:
    """Return a regular file's stamp; nothing for anything else."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Stamp(status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def make_read_only(path: Path) -> None:
    """Take everybody's right to write from a regular file."""
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode) and mode & 0o222:
        path.chmod(mode & 0o555)


def check_place(volume: SyncVolume) -> Path:
    """Return the volume's folder, unless a link on its way leads out of the notebook's home.

    What belongs to the notebook is the end that path and mount path have in common, below the home itself.
    """
    path = Path(volume.path)
    mount_parts = PurePosixPath(volume.mount_path).parts[2:]  # without "/" and "workspace"
    candidate = path
    for part in reversed(mount_parts or path.parts[-1:]):
        if candidate.is_symlink():
            raise VolumeFailedError(
                SyncState.FAILED,
                f"{volume.mount_path}: {candidate.name} is a symbolic link, and data is never written "
                "through one. Remove the link, then start again.",
            )
        if candidate.name != part:
            break
        candidate = candidate.parent
    return path
