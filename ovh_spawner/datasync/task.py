"""What pull and push share: one volume of a data store, its rclone, its manifest and its line on the
board.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovh_spawner.contract.sync import SyncState, SyncVolume
from ovh_spawner.datasync.failures import VolumeFailedError
from ovh_spawner.datasync.manifests import ManifestFile
from ovh_spawner.datasync.patience import Patience
from ovh_spawner.datasync.rclone import Listing, Rclone, Stats
from ovh_spawner.domain.volumes import Permission


@dataclass(frozen=True, slots=True)
class StoreTask:
    """One volume to pull or push."""

    volume: SyncVolume
    folder: Path
    rclone: Rclone
    manifest: ManifestFile
    others: Collection[str]
    """Folders of other volumes, which may lie in this one's."""
    update: Callable[..., None]
    """Change fields of this volume on the board."""
    patience: Patience

    @property
    def may_write(self) -> bool:
        return self.volume.permission is not Permission.RO

    def listing(self) -> Listing:
        """List the store; a container that a volume may write to is created on demand."""
        try:
            return self.rclone.look(hashes=self.volume.permission is Permission.RWD)
        except VolumeFailedError as exc:
            if exc.state is not SyncState.NOT_FOUND or not self.may_write:
                raise
        self.rclone.make_container()
        return Listing()

    def show_stats(self, skipped: int) -> Callable[[Stats], None]:
        """Return what puts rclone's counters on the board."""

        def show(stats: Stats) -> None:
            done, failed = int(stats.get("transfers", 0)), int(stats.get("errors", 0))
            changes: dict[str, Any] = {
                "completed": done,
                "failed": failed,
                "processed": done + failed + skipped,
                "transferred_bytes": int(stats.get("bytes", 0)),
                "rate": float(stats.get("speed") or 0.0),
                "eta": stats.get("eta"),
            }
            self.update(**changes)

        return show
