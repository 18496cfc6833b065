"""``python -m ovh_spawner.datasync.check <job file>``: can each volume's container be reached? Moves nothing.

Prints one :class:`SyncReport`. A volume is DONE when its container can be listed; otherwise its state and
message say why not. The service asks before it stores a notebook, so that a typing error is refused at once.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ovh_spawner.contract.sync import SyncJob, SyncReport, SyncState, SyncVolume, VolumeProgress
from ovh_spawner.datasync.failures import VolumeFailedError
from ovh_spawner.datasync.guard import NO_OTHER_PROXY, Guard, guarded
from ovh_spawner.datasync.rclone import rclone_binary, through
from ovh_spawner.datasync.remotes import SECTION, StoreSource, remote_of, write_config

AT_ONCE = 10
"""As many volumes as a notebook may have."""

QUICK = (
    "--retries", "1", "--low-level-retries", "1", "--contimeout", "5s", "--timeout", "10s",
    "--ask-password=false", "--max-depth", "1", "--log-level", "ERROR",
)  # fmt: skip


def check(job: SyncJob, scratch: Path) -> SyncReport:
    """Look at every volume of a data store, all at once; what is written meanwhile lies in ``scratch``."""
    started = datetime.now(UTC)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        volumes = list(pool.map(partial(_check_volume, scratch=scratch), job.volumes))
    bad = [volume for volume in volumes if volume.state is not SyncState.DONE]
    return SyncReport(
        job=job.id,
        state=SyncState.FAILED if bad else SyncState.DONE,
        message=" ".join(volume.message for volume in bad),
        started_at=started,
        ended_at=datetime.now(UTC),
        volumes=volumes,
    )


def _check_volume(volume: SyncVolume, scratch: Path) -> VolumeProgress:
    state, message = SyncState.DONE, ""
    if isinstance(volume.source, StoreSource):
        try:
            with guarded(volume.reach) as guard:
                _list(volume.source, guard, scratch)
        except VolumeFailedError as exc:
            state, message = exc.state, exc.message
    return VolumeProgress(
        volume=volume.id, mount_path=volume.mount_path, info=_info(volume), state=state, message=message
    )


def _list(source: StoreSource, guard: Guard | None, scratch: Path) -> None:
    remote = remote_of(source)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        config = Path(folder) / "rclone.conf"
        write_config(remote, config)
        command = [rclone_binary(), "lsf", f"{SECTION}:{remote.container}", "--config", str(config), *QUICK]
        done = subprocess.run(  # noqa: S603 - rclone, no shell
            [*command, *through(guard)],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, **(NO_OTHER_PROXY if guard else {})},
        )
    if guard:
        guard.check(remote.words)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise remote.words.failure(" ".join(lines[-3:]))


def _info(volume: SyncVolume) -> str:
    source = volume.source
    return f"{source.container}@{source.alias}" if isinstance(source, StoreSource) else source.type


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the job in a file, which is removed, and print the report.

    Credentials are written beside that file only: who made its folder removes it, even after ending this program.
    """
    path = Path((arguments if arguments is not None else sys.argv[1:])[0])
    text = path.read_bytes()
    path.unlink()
    sys.stdout.write(check(SyncJob.model_validate_json(text), path.parent).model_dump_json() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
