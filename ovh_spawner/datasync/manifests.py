"""The manifest: what store and folder both held at the end of the last verified sync.

It answers two questions. Has this file changed since (size and time of the file), so that 10 000 unchanged
files need no reading? And is this object still the one that we left or found (size, time and, where the store
tells it for free, MD5), so that an RWD push may delete it? A manifest that is missing, damaged or of another
source answers neither: everything is compared anew and nothing is deleted.
"""

import os
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from ovh_spawner.datasync.folders import Stamp


class Stored(BaseModel):
    """What tells that an object has changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    modified: str
    """The store's own time of the last write, as rclone prints it."""
    md5: str = ""

    def same_as(self, other: "Stored") -> bool:
        """Compare with what another listing said, which may have asked for no hashes."""
        known = bool(self.md5 and other.md5)
        return (
            self.size == other.size
            and self.modified == other.modified
            and (not known or self.md5 == other.md5)
        )


class Entry(BaseModel):
    """One file that was the same on both sides. Its size is the object's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stored: Stored
    mtime_ns: int

    def is_file(self, stamp: Stamp | None) -> bool:
        return stamp is not None and stamp == Stamp(self.stored.size, self.mtime_ns)


class Manifest(BaseModel):
    """All files of one volume by name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    """Which endpoint, container and prefix: a manifest of another source says nothing."""
    files: dict[str, Entry]


class ManifestFile:
    """Where a volume's manifest is kept: beside the notebook's home, out of its user's way."""

    def __init__(self, state_folder: Path, volume: UUID, *, source: str) -> None:
        self._path = state_folder / "manifests" / f"{volume}.json"
        self._source = source

    def read(self) -> Manifest | None:
        try:
            manifest = Manifest.model_validate_json(self._path.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        return manifest if manifest.source == self._source else None

    def write(self, files: dict[str, Entry]) -> None:
        """Replace the manifest. Call it only when every listed file was verified on both sides."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self._path, Manifest(source=self._source, files=files).model_dump_json())


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that, whatever happens, either the old or the new one is there; 0600."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
