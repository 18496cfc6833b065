"""Notebooks on a cluster against plain KubeSpawner: a real control plane, and nodes that are fake (root)."""

import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cluster_books import Crowd
from bench.cluster_side import RECONCILE_SECONDS, Side, one_side, stub
from bench.measuring import Row
from tests.cluster.machine import programs
from tests.cluster.machine.cluster import own_cluster

AT_ONCE = {"quick": 50, "full": 200}
MANY = {"quick": 100, "full": 500}
SINGLES = 5
NODES = 4


@dataclass
class Found:
    """What one side took."""

    single: list[float]
    many: float
    cpu: float
    requests: float
    restart: float
    details: Counter[str]
    rounds: float = 0.0
    wrong: Sequence[str] = ()


def _measure(side: Side, at_once: int, many: int) -> Found:
    singles = [f"single-{number}" for number in range(SINGLES + 1)]
    crowd = [f"crowd-{number}" for number in range(at_once)]
    side.add_users([*singles, *crowd])
    took = [side.start([name]) for name in singles][1:]
    side.stop(singles)
    requests, cpu = side.requests(), side.cpu_seconds()
    crowds = [Crowd(crowd)]
    all_took = side.start(crowd)
    crowds[0].is_ready()
    cpu = side.cpu_seconds() - cpu
    asked = side.requests() - requests
    rest = [f"rest-{number}" for number in range(many - at_once)]
    if rest:
        crowds.append(Crowd(rest))
        side.add_users(rest)
        side.start(rest)
        crowds[1].is_ready()
    restart = side.restart_hub(many)
    lists = _lists_per_round(side)
    wrong = _stop(side, crowds)
    each = sum(count for what, count in asked.items() if what.split()[1] != "watch") / at_once
    return Found(took, all_took, cpu, each, restart, asked, lists, wrong)


def _stop(side: Side, crowds: Sequence[Crowd]) -> list[str]:
    """Stop everybody's notebook, and return what the books have wrong."""
    pods = side.installed.cluster.api.items("pods", namespace=side.installed.namespace)
    for crowd in crowds:
        crowd.is_about_to_stop()
    side.stop([owner for crowd in crowds for owner in crowd.owners])
    for crowd in crowds:
        crowd.has_stopped()
    if side.is_plain:
        return []
    ledger = side.installed.state / "ledger.sqlite"
    return [problem for crowd in crowds for problem in crowd.wrong(ledger, pods)]


def _lists_per_round(side: Side) -> float:
    """Return how many lists the service asks for in a round of reconcile."""
    if side.is_plain:
        return 0.0
    rounds, before = 4, side.requests()["ovh-spawner list"]
    time.sleep(rounds * RECONCILE_SECONDS)
    return (side.requests()["ovh-spawner list"] - before) / rounds


def measure(scale: str) -> list[Row]:
    """Measure both sides on one cluster, one after the other."""
    if reason := programs.why_not():
        sys.stderr.write(f"cluster: not measured: {reason}\n")
        return []
    found: dict[bool, Found] = {}
    with tempfile.TemporaryDirectory() as name, own_cluster(has_audit=True) as cluster:
        folder = Path(name)
        cluster.machine.fake_nodes.add(NODES, capacity={"cpu": "512", "pods": "1000", "memory": "4Ti"})
        with stub(cluster, folder) as address:
            for is_plain in (True, False):
                place = folder / ("plain" if is_plain else "ours")
                place.mkdir()
                with one_side(cluster, place, is_plain=is_plain, stub=address) as side:
                    found[is_plain] = _measure(side, AT_ONCE[scale], MANY[scale])
    return _rows(found[False], found[True], at_once=AT_ONCE[scale], many=MANY[scale])


def _rows(ours: Found, plain: Found, *, at_once: int, many: int) -> list[Row]:
    peer = "KubeSpawner, same cluster"
    single = statistics.median(ours.single), statistics.median(plain.single)
    return [
        _row("one notebook ready", peer, "≤ 1.10", single, unit="s"),
        _row(f"{at_once} notebooks at once ready", peer, "≤ 1.10", (ours.many, plain.many), unit="s"),
        _row(f"hub CPU, {at_once} starts", peer, "≤ 1.25", (ours.cpu, plain.cpu), unit="s"),
        Row(
            "requests to the API server per start",
            peer,
            f"{ours.requests - plain.requests:+.1f}",
            "≤ +3",
            f"{ours.requests:.1f} against {plain.requests:.1f}: {_asked(ours, at_once)}",
        ),
        _row(f"hub restarted with {many} running", peer, "≤ 1.2", (ours.restart, plain.restart), unit="s"),
        Row(f"lists per reconcile of {many}", "–", "–", "≤ 5", f"{ours.rounds:.1f}"),
        Row(
            f"lost or wrongly billed of {many}, with the hub killed meanwhile",
            "the times of orders and answers",
            "–",
            "0",
            f"{len(ours.wrong)}" + (f", first: {ours.wrong[0]}" if ours.wrong else ""),
        ),
    ]


def _asked(found: Found, starts: int) -> str:
    """Say what hub and service asked the API server for, per start."""
    return ", ".join(
        f"{count / starts:.1f} {what.removeprefix('ovh-spawner-')}"
        for what, count in found.details.most_common()
    )


def _row(what: str, peer: str, goal: str, pair: tuple[float, float], *, unit: str) -> Row:
    details = f"{pair[0]:.2f} {unit} against {pair[1]:.2f} {unit}"
    return Row(what, peer, f"{pair[0] / pair[1]:.2f}", goal, details)
