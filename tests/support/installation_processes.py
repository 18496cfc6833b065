"""The processes of one local installation, told from every other one's on the machine."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from tests.support.waiting import wait_for

RUN = "OVH_SPAWNER_RUN"

PROGRAMS: dict[str, Callable[[list[str]], bool]] = {
    "supervisor": lambda words: "ovh_spawner.cli" in words,
    "data store": lambda words: "serve" in words and "s3" in words,
    "hub": lambda words: "jupyterhub" in words and "-m" in words,
    "service": lambda words: "ovh_spawner.service" in words,
    "proxy": lambda words: any(word.endswith("configurable-http-proxy") for word in words),
    "SSH endpoint": lambda words: "ovh_spawner.ssh" in words,
    "gateway": lambda words: "ovh_spawner.gateway" in words,
    "editor": lambda words: any("jupyterlab" in word or "jupyter-lab" in word for word in words),
    "data sync": lambda words: "ovh_spawner.datasync" in words,
}


def of_program(state: Path, program: str) -> list[psutil.Process]:
    """Return the installation's processes of one program."""
    found = []
    for process in psutil.process_iter():
        try:
            if PROGRAMS[program](process.cmdline()) and _is_ours(process, state):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def of_runs(runs: set[str]) -> list[psutil.Process]:
    """Return what carries the mark of one of these runs."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN, "-").replace("-", "") in runs:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def kill_all(state: Path) -> None:
    """Kill every process of the installation at once, and what they start meanwhile."""

    def is_empty() -> bool:
        left = list(_all(state))
        for process in left:
            try:
                process.kill()
            except psutil.Error:
                continue
        psutil.wait_procs(left, timeout=5)
        return not left

    wait_for(is_empty, what="every process of the installation to be gone")


def _all(state: Path) -> Iterator[psutil.Process]:
    spared = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    for process in psutil.process_iter():
        try:
            if process.pid not in spared and _is_ours(process, state) and _lives(process):
                yield process
        except (psutil.Error, OSError):
            continue


def _is_ours(process: psutil.Process, state: Path) -> bool:
    texts = (*process.cmdline(), *process.environ().values(), _cwd(process))
    return process.pid != os.getpid() and any(str(state) in text for text in texts)


def _lives(process: psutil.Process) -> bool:
    return process.status() != psutil.STATUS_ZOMBIE


def _cwd(process: psutil.Process) -> str:
    try:
        return process.cwd()
    except psutil.Error:
        return ""
