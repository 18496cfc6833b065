"""How far a data sync has come, read from what its container prints: one JSON line each second or so."""

import time
from typing import Any

from ovh_spawner.contract.sync import SyncProgress, VolumeProgress
from ovh_spawner.errors import OVHSpawnerError
from ovh_spawner.pod.containers import DATA
from ovh_spawner.service.runners.cluster import Cluster

PAUSE = 2.0
"""Between two looks at one log, whoever asks: a page shows progress that is as old."""

LINE_BYTES = 65_536
"""One line: ten volumes with a hundred names each."""

REMEMBERED = 1000
"""Pods of whom the last line is kept."""

Volumes = tuple[VolumeProgress, ...]


class ProgressLogs:
    """Last lines of logs, each read now and then."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._known: dict[str, tuple[float, Volumes]] = {}

    async def read(self, pod: dict[str, Any]) -> Volumes:
        """Return the last progress that a pod's data container has printed."""
        uid, name = pod["metadata"]["uid"], pod["metadata"]["name"]
        read_at, known = self._known.get(uid, (0.0, ()))
        if read_at and time.monotonic() - read_at < PAUSE:
            return known
        try:
            line = await self._cluster.last_log_line(name, DATA, max_bytes=LINE_BYTES)
        except OVHSpawnerError:
            # Not begun, gone, or not answered: nothing is decided by progress.
            line = ""
        found = _volumes_in(line) or known
        while len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[uid] = (time.monotonic(), found)
        return found


def _volumes_in(line: str) -> Volumes:
    try:
        return tuple(SyncProgress.model_validate_json(line).volumes)
    except ValueError:
        return ()
