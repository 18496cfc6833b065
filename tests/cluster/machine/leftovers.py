"""Removes all that a cluster put on the machine, also after a kill: processes, mounts, bridge, cgroups, files.

Everything is found by the state folder's path, so nothing of anybody else is touched.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil

from tests.cluster.machine import cgroups
from tests.cluster.machine.network import Bridge
from tests.support.waiting import wait_for

PREFIX = "ovh-spawner-cluster-"
PROGRAMS = ("containerd", "etcd", "kube", "kwok", "runc", "setpriv", "versitygw")
LEGACY_LOGS = Path("/var/log/containers")


def new_state() -> Path:
    """Make a state folder and write down whose it is."""
    # Sockets live in it, and a socket's path may have 107 characters.
    state = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
    (state / "owner").write_text(_life(os.getpid()))
    (state / "logs").mkdir()
    return state


def remember_bridge(state: Path, bridge: Bridge) -> None:
    (state / "bridge").write_text(str(bridge.number))


def remove_dead() -> None:
    """Remove the clusters whose owner is gone."""
    for state in Path("/tmp").glob(f"{PREFIX}*"):
        owner = _text(state / "owner")
        if owner and _life(int(owner.split()[0])) != owner:
            remove(state)


def _life(pid: int) -> str:
    """A process and when it began: a number alone is given out again."""
    try:
        return f"{pid} {psutil.Process(pid).create_time()}"
    except psutil.NoSuchProcess:
        return ""


def remove(state: Path) -> None:
    """Remove one cluster; safe to call twice."""
    group = cgroups.name_for(state)
    wait_for(lambda: cgroups.end_processes(group), what="the pods' processes to end", seconds=30)
    wait_for(lambda: not _end_processes_of(state), what="the cluster's processes to end", seconds=30)
    for mount in sorted(_mounts_below(state), key=len, reverse=True):
        subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
    if number := _text(state / "bridge"):
        Bridge(int(number)).remove()
    cgroups.remove(group)
    _remove_legacy_logs(state)
    # Images are tens of thousands of files, and rm is several times as fast as shutil.
    subprocess.run(["rm", "-rf", "--one-file-system", state], check=False)


def _end_processes_of(state: Path) -> bool:
    """Kill every program of ours that names the state folder in its command; true when there was one."""
    found = False
    for process in Path("/proc").glob("[0-9]*"):
        pid = int(process.name)
        # Somebody may read our logs in an editor of theirs.
        is_ours = _text(process / "comm").strip().startswith(PROGRAMS)
        if not is_ours or str(state).encode() not in _bytes(process / "cmdline"):
            continue
        found = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


def _mounts_below(state: Path) -> list[str]:
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if point.startswith(f"{state}/")]


def _remove_legacy_logs(state: Path) -> None:
    """The kubelet links every container's log into one folder of the machine, whatever its settings say."""
    if not LEGACY_LOGS.is_dir():
        return
    for link in LEGACY_LOGS.iterdir():
        if link.is_symlink() and str(link.readlink()).startswith(f"{state}/"):
            link.unlink()


def _text(path: Path) -> str:
    return _bytes(path).decode()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
