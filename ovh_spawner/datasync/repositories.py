"""Repositories: cloned once, then the user's own. Never pulled over, never pushed.

A public repository comes with all its commits, and with the contents of its files as they are now: older contents
are what makes repositories large, and git fetches them from the same address when somebody looks. One that needs
credentials comes whole: the notebook works without them, so nothing may be left to fetch later.
"""

import contextlib
import errno
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from ovh_spawner.contract.sync import GitSource, SyncState, SyncVolume
from ovh_spawner.datasync.failures import VolumeFailedError
from ovh_spawner.datasync.folders import check_place
from ovh_spawner.datasync.git import Git, split_url

_REF = re.compile(r"[A-Za-z0-9_][\w./@+#-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PROGRESS = re.compile(r"Receiving objects: +\d+% \((\d+)/(\d+)\)(?:, ([\d.]+) (bytes|KiB|MiB|GiB))?")
_UNITS = {"bytes": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_WITHOUT_OLD_CONTENTS = "--filter=blob:none"


class Repository:
    """One repository of a job."""

    def __init__(self, volume: SyncVolume, source: GitSource, *, git: Git) -> None:
        self._volume = volume
        self._ref = source.ref
        self._git = git
        self._url = git.url
        self._full = source.full or git.has_credentials

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
            self._bring(beside, update)
            _move(beside, target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _check(self) -> None:
        parts = split_url(self._url)
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
            raise VolumeFailedError(
                SyncState.FAILED,
                f"{self._url}: only http:// and https:// repositories can be cloned. Correct it.",
            )
        if self._ref and not (_REF.fullmatch(self._ref) and ".." not in self._ref and "@{" not in self._ref):
            raise VolumeFailedError(
                SyncState.FAILED, f"{self._url}: {self._ref!r} is no branch, tag or commit."
            )

    def _bring(self, to: Path, update: Callable[..., None]) -> None:
        if not self._full:
            try:
                self._fetch(to, update, _WITHOUT_OLD_CONTENTS)
            except VolumeFailedError as exc:
                if exc.state is not SyncState.UNKNOWN_ERROR:
                    raise
                # Servers that know no filters ignore them as a rule; this one trips over it.
                shutil.rmtree(to, ignore_errors=True)
            else:
                return
        self._fetch(to, update)

    def _fetch(self, to: Path, update: Callable[..., None], *options: str) -> None:
        def show(line: str) -> bool:
            if found := _PROGRESS.match(line):
                amount = float(found[3] or 0) * _UNITS[found[4] or "bytes"]
                update(processed=int(found[1]), total=int(found[2]), transferred_bytes=int(amount))
            return bool(found)

        command = ["clone", "--progress", "--no-checkout", "--no-recurse-submodules", "--template=", *options]
        self._git.succeed(*command, "--", self._url, str(to), on_line=show)
        update(completed=0)
        self._check_out(to)

    def _check_out(self, clone: Path) -> None:
        """Check the wanted branch, tag or commit out: a branch to work on, the others detached."""
        checkout = ["-C", str(clone), "checkout", "--force", "--quiet"]
        ref = self._ref
        if not ref:
            if self._knows(clone, "HEAD"):  # an empty repository has none
                self._git.succeed(*checkout, "HEAD")
            return
        if self._knows(clone, f"refs/remotes/origin/{ref}"):
            self._git.succeed(*checkout, "-B", ref, "--track", f"refs/remotes/origin/{ref}")
            return
        if self._knows(clone, f"refs/tags/{ref}"):
            self._git.succeed(*checkout, "--detach", f"refs/tags/{ref}")
            return
        if not self._knows(clone, ref) and _COMMIT.fullmatch(ref):
            self._git.try_to("-C", str(clone), "fetch", "--quiet", "--no-recurse-submodules", "origin", ref)
        if not self._knows(clone, ref):
            raise VolumeFailedError(
                SyncState.NOT_FOUND,
                f"{self._url}: it has no branch, tag or commit {ref!r}. Correct the name, then start again.",
            )
        self._git.succeed(*checkout, "--detach", ref)

    def _knows(self, clone: Path, ref: str) -> bool:
        return self._git.try_to("-C", str(clone), "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")


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
