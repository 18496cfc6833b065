"""Timing commands in turn, and comparing them pair by pair: what the machine does meanwhile hits all alike."""

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    peer: str
    ratio: str
    goal: str
    details: str


@dataclass(frozen=True, slots=True)
class Contender:
    """Something to time: ``prepare`` is not timed, ``run`` is."""

    name: str
    run: Callable[[], None]
    prepare: Callable[[], None] = lambda: None


def run_command(command: list[str], environment: Mapping[str, str] | None = None) -> None:
    """Run a command to its end; its output matters only when it fails."""
    done = subprocess.run(
        command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")


def in_turn(contenders: list[Contender], rounds: int) -> dict[str, list[float]]:
    """Time all contenders in each round, after a round that is not counted."""
    times: dict[str, list[float]] = {c.name: [] for c in contenders}
    for number in range(rounds + 1):
        for contender in contenders:
            contender.prepare()
            began = time.perf_counter()
            contender.run()
            if number:
                times[contender.name].append(time.perf_counter() - began)
    return times


def ratio(ours: list[float], theirs: list[float]) -> str:
    """Return the median of the pairwise ratios, with the range."""
    pairs = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    return f"{statistics.median(pairs):.2f} ({pairs[0]:.2f}–{pairs[-1]:.2f})"


def seconds(times: list[float]) -> str:
    return f"{statistics.median(times):.2f} s"


def machine() -> str:
    """Say what this ran on."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"{system}, {memory:.0f} GiB, Python {platform.python_version()}"


def memory_of(pid: int) -> float:
    """Return a process's own memory (USS) in MiB."""
    return psutil.Process(pid).memory_full_info().uss / 2**20


CHECKOUT = Path(__file__).parents[1]
