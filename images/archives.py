"""Docker archives of the built images, kept by key: what a cluster without a registry imports."""

import fcntl
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ARCHIVE, FACTS = "image.tar", "image.json"
_KEPT_SECONDS = 3600
"""Long enough for a cluster that is importing one."""


@dataclass(frozen=True, slots=True)
class Archives:
    """The folder of the archives."""

    folder: Path

    def path(self, key: str) -> Path:
        return self.folder / key / ARCHIVE

    def has(self, key: str) -> bool:
        return self.path(key).exists()

    @contextmanager
    def adding(self, key: str, image: str) -> Iterator[Path]:
        """Give a path to write the archive to; it appears in its place at once or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=self.folder))
        try:
            yield draft / ARCHIVE
            (draft / FACTS).write_text(json.dumps({"image": image}), encoding="utf-8")
            draft.replace(self.folder / key)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        self._forget_older(key, image)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Build in one process at a time: a second one would only do the same."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _forget_older(self, key: str, image: str) -> None:
        """Remove archives of the same image that were made before this one."""
        limit = time.time() - _KEPT_SECONDS
        for facts in self.folder.glob(f"*/{FACTS}"):
            same = json.loads(facts.read_text(encoding="utf-8"))["image"] == image
            if same and facts.parent.name != key and facts.stat().st_mtime < limit:
                shutil.rmtree(facts.parent)
