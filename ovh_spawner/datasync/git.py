"""git, driven by command line: with nobody's configuration, over http(s) only, and not for ever.

It runs without hooks, filters (LFS) or submodules, so that a repository runs nothing here. Credentials are in a
0600 file that git's own store helper reads; git keeps them for the host that they were given for.
"""

import os
import re
import shlex
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from ovh_spawner.contract.sync import GitSource, SyncState
from ovh_spawner.datasync.failures import VolumeFailedError, Words
from ovh_spawner.datasync.guard import NO_OTHER_PROXY, Guard
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

_CREDENTIALS = re.compile(r"(?<=//).*@", re.DOTALL)


def public_url(url: str) -> str:
    """Return a repository's address without user and password, also when it is no address at all."""
    parts = split_url(url)
    if parts is None:
        return _CREDENTIALS.sub("", url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def split_url(url: str) -> SplitResult | None:
    """Return an address in its parts; nothing when it has none, or a port that cannot be."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


class Git:
    """git for one repository. The time for all that it does runs from here."""

    def __init__(
        self,
        source: GitSource,
        *,
        children: Children,
        scratch: Path,
        stall_seconds: float,
        guard: Guard | None = None,
    ) -> None:
        parts = split_url(source.url)
        self._user = source.username or unquote((parts and parts.username) or "")
        self._password = source.password.get_secret_value() or unquote((parts and parts.password) or "")
        self.url = public_url(source.url)
        self._children = children
        self._scratch = scratch
        self._stall = max(1, round(stall_seconds))
        self._guard = guard
        self._seconds = source.clone_seconds
        self._deadline = time.monotonic() + source.clone_seconds
        self._last = ""
        self.words = Words(
            place=self.url,
            owner="this repository",
            secrets=[self._password, quote(self._password, safe=""), source.url if self._password else ""],
        )

    @property
    def has_credentials(self) -> bool:
        return bool(self._user or self._password)

    def succeed(self, *arguments: str, on_line: Callable[[str], bool] = lambda _: False) -> None:
        """Run git; raises VolumeFailedError with its last words. ``on_line`` says whether it took a line."""

        def listen(line: str) -> None:
            if not on_line(line):
                self._last = line if "fatal:" in line or "fatal:" not in self._last else self._last

        self._last = ""
        if self._run(arguments, listen):
            raise self.words.failure(self._last)

    def try_to(self, *arguments: str) -> bool:
        """Run git and say whether it worked."""
        return not self._run(arguments, lambda _: None)

    def _run(self, arguments: tuple[str, ...], on_line: Callable[[str], None]) -> int:
        if shutil.which("git") is None:
            raise VolumeFailedError(
                SyncState.ERROR, "The program git is not installed. Install it on this machine."
            )
        outcome = self._children.run(
            ["git", *self._options(), *arguments],
            output=self._scratch / "output",
            on_line=on_line,
            more_environment=_ENVIRONMENT | (NO_OTHER_PROXY if self._guard else {}),
            deadline=self._deadline,
        )
        if outcome.is_late:
            raise self._late()
        if self._guard:
            self._guard.check(self.words)
        return outcome.code

    def _options(self) -> list[str]:
        settings = [*_ALWAYS, "http.lowSpeedLimit=1", f"http.lowSpeedTime={self._stall}"]
        if self._guard:
            settings.append(f"http.proxy={self._guard.address}")
        if self.has_credentials:
            settings.append(f"credential.helper=store --file={shlex.quote(str(self._credentials()))}")
        return [part for setting in settings for part in ("-c", setting)]

    def _late(self) -> VolumeFailedError:
        return VolumeFailedError(
            SyncState.FAILED,
            f"{self.url}: the clone did not end within {self._seconds:g} seconds, so it was ended. "
            "Try again, or ask the operator for more time (setting git.cloneSeconds).",
        )

    def _credentials(self) -> Path:
        """Write the file of git's store helper, 0600. git empties it when the server refuses them."""
        path = self._scratch / "git-credentials"
        parts = urlsplit(self.url)
        line = (
            f"{parts.scheme}://{quote(self._user, safe='')}:{quote(self._password, safe='')}@{parts.netloc}\n"
        )
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(line)
        return path
