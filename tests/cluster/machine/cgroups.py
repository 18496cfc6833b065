"""The cluster's own part of the machine's control groups: two clusters on one machine do not end each other's pods."""

import contextlib
import hashlib
import os
import signal
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
NAME_PREFIX = "ovh-spawner-"


def name_for(state: Path) -> str:
    return NAME_PREFIX + hashlib.sha256(str(state).encode()).hexdigest()[:12]


def make(name: str) -> None:
    """Make the group in every hierarchy that the machine has (one on version 2)."""
    for hierarchy in _hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):
            if (hierarchy / setting).exists() and (group / setting).exists():
                (group / setting).write_text((hierarchy / setting).read_text())


def end_processes(name: str) -> bool:
    """Kill what still runs in the group; true when nothing did."""
    pids = {
        int(pid)
        for hierarchy in _hierarchies()
        for tasks in (hierarchy / name).rglob("cgroup.procs")
        for pid in _read(tasks).split()
    }
    for pid in pids - {0}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return not pids


def remove(name: str) -> None:
    """Remove the group and all below it, deepest first."""
    for hierarchy in _hierarchies():
        groups = [group for group in (hierarchy / name).rglob("*") if group.is_dir()]
        for group in [*sorted(groups, key=lambda g: -len(g.parts)), hierarchy / name]:
            with contextlib.suppress(OSError):
                group.rmdir()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _hierarchies() -> list[Path]:
    if (ROOT / "cgroup.controllers").exists():
        return [ROOT]
    return [path for path in ROOT.iterdir() if path.is_dir() and (path / "cgroup.procs").exists()]
