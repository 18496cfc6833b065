"""Repositories: cloned once, then the user's own. Never pulled over, never pushed.

The clone is whole, not partial: a notebook works without the repository's credentials, so nothing may be left
to fetch later. git runs with nobody's configuration, over http(s) only, without hooks, filters (LFS) or
submodules, so that a repository runs nothing here; its credentials are in a 0600 file that git's own store
helper reads.
"""

import contextlib
import errno
import os
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from ovh_spawner.contract.sync import GitSource, SyncState, SyncVolume
from ovh_spawner.datasync.failures import VolumeFailedError, Words
from ovh_spawner.datasync.folders import check_place
from ovh_spawner.datasync.processes import Children

_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_ASKPASS": "",
}

_ALWAYS = (
    "protocol.allow=never", "protocol.http.allow=always", "protocol.https.allow=always",
    "core.hooksPath=/dev/null", "submodule.recurse=false", "advice.detachedHead=false",
    # No housekeeping in the background: it would outlive the sync.
    "gc.auto=0", "maintenance.auto=false",
    # A repository that moved is followed; objects that are said to lie elsewhere are not fetched from there.
    "http.followRedirects=initial",
    # The first helper of the list is the empty one, which forgets all others.
    "credential.helper=",
)  # fmt: skip

_REF = re.compile(r"[A-Za-z0-9_][\w./@+#-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PROGRESS = re.compile(r"Receiving objects: +\d+% \((\d+)/(\d+)\)(?:, ([\d.]+) (bytes|KiB|MiB|GiB))?")
_CREDENTIALS = re.compile(r"(?<=//).*@", re.DOTALL)
_UNITS = {"bytes": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def public_url(url: str) -> str:
    """Return a repository's address without user and password, also when it is no address at all."""
    parts = _split(url)
    if parts is None:
        return _CREDENTIALS.sub("", url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _split(url: str) -> SplitResult | None:
    """Return an address in its parts; nothing when it has none, or a port that cannot be."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


class Repository:
    """One repository of a job."""

    def __init__(
        self,
        volume: SyncVolume,
        source: GitSource,
        *,
        children: Children,
        scratch: Path,
        stall_seconds: float,
    ) -> None:
        parts = _split(source.url)
        self._user = source.username or unquote((parts and parts.username) or "")
        self._password = source.password.get_secret_value() or unquote((parts and parts.password) or "")
        self._volume = volume
        self._ref = source.ref
        self._url = public_url(source.url)
        self._children = children
        self._scratch = scratch
        self._stall = max(1, round(stall_seconds))
        self._last = ""
        self.words = Words(
            place=self._url,
            owner="this repository",
            secrets=[self._password, quote(self._password, safe=""), source.url if self._password else ""],
        )

    def clone(self, update: Callable[..., None]) -> None:
        """Clone unless it was cloned before; raises VolumeFailedError."""
        self._check()
        target = check_place(self._volume)
        if (target / ".git").exists():
            update(info=f"{self._url} (kept)")
            return
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise VolumeFailedError(
                SyncState.FAILED,
                f"{self._url}: {self._volume.mount_path} is not empty and is no clone. "
                "Move its files away, or choose another path, then start again.",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{self._volume.id.hex[:8]}.cloning")
        shutil.rmtree(beside, ignore_errors=True)
        try:
            self._fetch(beside, update)
            _move(beside, target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _check(self) -> None:
        parts = _split(self._url)
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
            raise VolumeFailedError(
                SyncState.FAILED,
                f"{self._url}: only http:// and https:// repositories can be cloned. Correct it.",
            )
        if self._ref and not (_REF.fullmatch(self._ref) and ".." not in self._ref and "@{" not in self._ref):
            raise VolumeFailedError(
                SyncState.FAILED, f"{self._url}: {self._ref!r} is no branch, tag or commit."
            )

    def _fetch(self, to: Path, update: Callable[..., None]) -> None:
        def on_line(line: str) -> None:
            if found := _PROGRESS.match(line):
                amount = float(found[3] or 0) * _UNITS[found[4] or "bytes"]
                update(processed=int(found[1]), total=int(found[2]), transferred_bytes=int(amount))
            else:
                self._last = line if "fatal:" in line or "fatal:" not in self._last else self._last

        command = ["clone", "--progress", "--no-checkout", "--no-recurse-submodules", "--template="]
        if self._run([*command, "--", self._url, str(to)], on_line=on_line):
            raise self.words.failure(self._last)
        update(completed=0)
        self._check_out(to)

    def _check_out(self, clone: Path) -> None:
        """Check the wanted branch, tag or commit out: a branch to work on, the others detached."""
        inside = ["-C", str(clone)]
        ref = self._ref
        if not ref:
            if self._knows(clone, "HEAD"):  # an empty repository has none
                self._succeed([*inside, "checkout", "--force", "--quiet", "HEAD"])
            return
        if self._knows(clone, f"refs/remotes/origin/{ref}"):
            track = ["checkout", "--force", "--quiet", "-B", ref, "--track", f"refs/remotes/origin/{ref}"]
            self._succeed([*inside, *track])
            return
        if self._knows(clone, f"refs/tags/{ref}"):
            self._succeed([*inside, "checkout", "--force", "--quiet", "--detach", f"refs/tags/{ref}"])
            return
        if not self._knows(clone, ref) and _COMMIT.fullmatch(ref):
            self._run([*inside, "fetch", "--quiet", "--no-recurse-submodules", "origin", ref])
        if not self._knows(clone, ref):
            raise VolumeFailedError(
                SyncState.NOT_FOUND,
                f"{self._url}: it has no branch, tag or commit {ref!r}. Correct the name, then start again.",
            )
        self._succeed([*inside, "checkout", "--force", "--quiet", "--detach", ref])

    def _knows(self, clone: Path, ref: str) -> bool:
        return not self._run(["-C", str(clone), "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"])

    def _succeed(self, arguments: list[str]) -> None:
        self._last = ""
        if self._run(arguments):
            raise self.words.failure(self._last)

    def _run(self, arguments: list[str], *, on_line: Callable[[str], None] | None = None) -> int:
        if shutil.which("git") is None:
            raise VolumeFailedError(
                SyncState.ERROR, "The program git is not installed. Install it on this machine."
            )
        settings = [*_ALWAYS, "http.lowSpeedLimit=1", f"http.lowSpeedTime={self._stall}"]
        if self._password or self._user:
            settings.append(f"credential.helper=store --file={shlex.quote(str(self._credentials()))}")
        options = [part for setting in settings for part in ("-c", setting)]
        outcome = self._children.run(
            ["git", *options, *arguments],
            output=self._scratch / "output",
            on_line=on_line or self._note,
            more_environment=_ENVIRONMENT,
        )
        return outcome.code

    def _note(self, line: str) -> None:
        self._last = line

    def _credentials(self) -> Path:
        """Write the file of git's store helper, 0600. git empties it when the server refuses them."""
        path = self._scratch / "git-credentials"
        parts = urlsplit(self._url)
        line = (
            f"{parts.scheme}://{quote(self._user, safe='')}:{quote(self._password, safe='')}@{parts.netloc}\n"
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(line)
        return path


def _move(clone: Path, target: Path) -> None:
    """Let the finished clone appear at once; a folder that is a mount point gets its content, .git last."""
    try:
        clone.rename(target)
    except OSError as exc:
        if exc.errno not in {errno.EBUSY, errno.EXDEV}:
            raise
        for child in sorted(clone.iterdir(), key=lambda path: path.name == ".git"):
            shutil.move(child, target / child.name)
        with contextlib.suppress(OSError):
            clone.rmdir()
