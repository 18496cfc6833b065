"""What can go wrong with a volume, as a state and one plain sentence.

rclone and git say what happened in their own words, for themselves. People get a sentence that names the
bucket and what to do next; no line of a log passes without :meth:`Words.scrub`.
"""

import re
from collections.abc import Iterable, Sequence

from ovh_spawner.contract.sync import SyncState
from ovh_spawner.datasync.names import show
from ovh_spawner.errors import UpstreamError


class VolumeFailedError(UpstreamError):
    """A volume could not be synced."""

    code = "sync_failed"

    def __init__(self, state: SyncState, message: str) -> None:
        super().__init__(message)
        self.state = state


class SyncInterruptedError(VolumeFailedError):
    """The sync was told to end."""

    def __init__(self) -> None:
        super().__init__(
            SyncState.INTERRUPTED, "The sync was interrupted. Sync again: it continues where it was."
        )


_CREDENTIALS = re.compile(
    r"InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|ExpiredToken|AuthFailure|Authorization Failed"
    r"|StatusCode: 401|\b401 Unauthorized|Bad username or password"
    r"|Authentication failed|could not read (Username|Password)|requested URL returned error: 401",
    re.IGNORECASE,
)
_NO_SWIFT = re.compile(
    r"Response didn't have storage url|Failed to create file system for \".*\": (HTTP Error: 40[45]\b|Bad Request)",
    re.IGNORECASE,
)
"""What rclone says of a Swift sign-in that was answered, but not with an account to store in."""
_FORBIDDEN = re.compile(
    r"AccessDenied|Forbidden|StatusCode: 403|Operation not permitted|returned error: 403", re.IGNORECASE
)
_MISSING = re.compile(
    r"directory not found|NoSuchBucket|Container Not Found|StatusCode: 404"
    r"|repository '.*' not found|not valid: is this a git repository|returned error: 404",
    re.IGNORECASE,
)
_DISK_FULL = re.compile(
    r"no space left on device|disk quota exceeded|File too large|remaining disk space", re.IGNORECASE
)
_TRANSIENT = re.compile(
    r"connection refused|no such host|timed? ?out|connection reset|SlowDown|InternalError|ServiceUnavailable"
    r"|transport connection broken|malformed HTTP"
    r"|StatusCode: (0|429|5\d\d)\b|HTTP Error: (408|429|5\d\d)\b|\bEOF\b|TLS handshake|broken pipe"
    r"|deadline exceeded|Timeout when reading"
    r"|network is unreachable|no route to host|TooManyRequests|could not resolve host|failed to connect"
    r"|couldn't connect|too slow|hung up unexpectedly|returned error: (429|5\d\d)|early EOF"
    r"|host unreachable|general SOCKS server failure|complete SOCKS5 connection"
    # Swift's address is unknown for a moment while one transfer signs in anew and another one begins.
    r"|unsupported protocol scheme \"\"",
    re.IGNORECASE,
)
_CHANGED = re.compile(r"source file is being updated|corrupted on transfer", re.IGNORECASE)


_SHORTEST_SECRET = 4
"""Shorter ones would blot out words that are no secret; no store gives keys like that."""


class Words:
    """Sentences about one volume's source."""

    def __init__(self, *, place: str, owner: str, secrets: Iterable[str] = ()) -> None:
        self.place = place
        """What people call it: bucket@ALIAS, or a repository's address."""
        self.owner = owner
        """Whose credentials they are: data store 'ALIAS', or this repository."""
        self._secrets = sorted((s for s in secrets if len(s) >= _SHORTEST_SECRET), key=len, reverse=True)

    def scrub(self, text: str) -> str:
        """Return a text of another program without secrets and control characters, and short."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        text = re.sub(r"://[^/@\s]*@", "://***@", text)
        return show(" ".join(text.split()))[:300]

    def failure(self, text: str, *, files: Sequence[str] = ()) -> VolumeFailedError:
        """Return what a program's last words mean; ``files`` are those that it could not take."""
        sentences = (
            (_CREDENTIALS, SyncState.INVALID_CREDENTIALS, self._credentials()),
            (_NO_SWIFT, SyncState.INVALID_CREDENTIALS, self._no_swift()),
            (_FORBIDDEN, SyncState.FORBIDDEN, self._forbidden()),
            (_MISSING, SyncState.NOT_FOUND, self._missing()),
            (_DISK_FULL, SyncState.FAILED, self._disk_full()),
            (_CHANGED, SyncState.TRANSIENT_ERROR, self.changed()),
            (_TRANSIENT, SyncState.TRANSIENT_ERROR, self._silent()),
        )
        for pattern, state, sentence in sentences:
            if pattern.search(text):
                return VolumeFailedError(state, sentence + _example(files))
        said = self.scrub(text) or "no reason was given"
        return VolumeFailedError(
            SyncState.UNKNOWN_ERROR,
            f"{self.place}: the transfer failed ({said}). Sync again, or ask for help.{_example(files)}",
        )

    def changed(self, files: Sequence[str] = ()) -> str:
        sentence = f"{self.place}: files changed while they were copied. Sync again when they are at rest."
        return sentence + _example(files)

    def _credentials(self) -> str:
        return (
            f"{self.place}: the credentials of {self.owner} are not accepted. Correct them, then sync again."
        )

    def _no_swift(self) -> str:
        return (
            f"{self.place}: the sign-in of {self.owner} does not lead to a Swift account. "
            "Correct its address, authVersion, tenant, domains or region, then sync again."
        )

    def _forbidden(self) -> str:
        return (
            f"{self.place}: access is denied to the credentials of {self.owner}. "
            "Ask its owner for the right to read and, for RW and RWD, to write; then sync again."
        )

    def _missing(self) -> str:
        return (
            f"{self.place}: it does not exist in {self.owner}. Create it, or correct its name in the volume."
        )

    def _disk_full(self) -> str:
        return f"{self.place}: the disk is full. Free some space or take less data, then sync again."

    def _silent(self) -> str:
        return f"{self.place}: {self.owner} did not answer, also when tried again."


def _example(files: Sequence[str]) -> str:
    if not files:
        return ""
    return f" It concerns '{show(files[0])}'" + (f" and {len(files) - 1} more." if len(files) > 1 else ".")
