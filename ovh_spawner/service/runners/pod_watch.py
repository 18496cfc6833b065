"""What the cluster says about our pods, kept up to date by a list and a watch.

A watch can be closed, told that its history is gone, or stay open and say nothing for ever. So it is only trusted for
as long as it speaks: whoever asks gets what was proven lately, and otherwise a new list is taken.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from ovh_spawner.errors import OVHSpawnerError
from ovh_spawner.pod.labels import NOTEBOOK, RUN, SYNC, selector
from ovh_spawner.service.runners.base import RunEvidence, RunLife
from ovh_spawner.service.runners.cluster import PODS, Cluster
from ovh_spawner.service.runners.cluster_errors import HistoryGoneError
from ovh_spawner.service.runners.pod_facts import evidence_of, label_id

logger = structlog.get_logger()

OURS = f"{selector()},{NOTEBOOK}"
"""Everything of a notebook's, and nothing of the installation's own."""

WATCH_SECONDS = 20
"""How long one watch lasts. A server says shortly before its end how far it came, even when nothing happened."""

FRESH_SECONDS = 45.0
"""How long what the cluster last said is believed: two watches."""

LATEST_ENDS = 20_000
"""Runs whose end is remembered after their pod's object is gone, until the ledger has it."""

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
"""Between two tries to reach a cluster that does not answer."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Proof:
    """When the cluster last said something: by the clock, and by one that nobody sets."""

    at: datetime
    tick: float


class PodWatch:
    """A picture of our pods."""

    def __init__(self, cluster: Cluster, *, now: Callable[[], datetime]) -> None:
        self._cluster = cluster
        self._now = now
        self._pods: dict[str, Json] = {}
        self._groups: dict[str, dict[str, Json]] = {}
        """The same pods by the id of the run or data sync that they are of."""
        self._ended: OrderedDict[UUID, RunEvidence] = OrderedDict()
        self._version = ""
        self._proof: _Proof | None = None
        self._listing = asyncio.Lock()
        self._changed: Callable[[UUID], None] = lambda _run: None

    async def follow(self, changed: Callable[[UUID], None]) -> None:
        """Keep the picture up to date for ever; tell the runs whose pods have changed."""
        self._changed = changed
        pause = FIRST_PAUSE
        while True:
            try:
                await self._look()
                pause = FIRST_PAUSE
            except HistoryGoneError:
                self._proof = None
            except OVHSpawnerError as exc:
                # Away, or a Role that is not there yet: neither is for ever.
                logger.warning("cluster_not_watched", error=exc.message, **exc.details)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def refresh(self) -> None:
        """See to it that the picture is one of this minute.

        Raises:
            ClusterUnavailableError: the cluster does not say.

        """
        if self._is_fresh():
            return
        async with self._listing:
            if not self._is_fresh():
                await self._list()

    def find(self, run: UUID) -> RunEvidence | None:
        """Return what is known of a run; None: no pod of it is or was seen."""
        pod = self.pod_of(run)
        if pod is not None and self._proof:
            return evidence_of(pod, seen_at=self._proof.at)
        return self._ended.get(run)

    def pod_of(self, run: UUID) -> Json | None:
        return next(iter(self._groups.get(str(run), {}).values()), None)

    def pods_of_sync(self, sync: UUID) -> list[Json]:
        return list(self._groups.get(str(sync), {}).values())

    def runs(self) -> dict[UUID, UUID]:
        """Return the notebooks of all runs that have a pod."""
        found = {}
        for pod in self._pods.values():
            run, notebook = _run_of(pod), label_id(pod, NOTEBOOK)
            if run and notebook:
                found[run] = notebook
        return found

    def _put(self, pod: Json) -> None:
        name = pod["metadata"]["name"]
        self._drop(name)
        self._pods[name] = pod
        self._groups.setdefault(_owner(pod), {})[name] = pod

    def _drop(self, name: str) -> None:
        pod = self._pods.pop(name, None)
        if pod is None:
            return
        group = self._groups[_owner(pod)]
        del group[name]
        if not group:
            del self._groups[_owner(pod)]

    def _is_fresh(self) -> bool:
        return self._proof is not None and time.monotonic() - self._proof.tick < FRESH_SECONDS

    async def _look(self) -> None:
        await self.refresh()
        # A watch that breaks off is followed by one that goes on where it stopped.
        watch = self._cluster.watch(PODS, labels=OURS, version=self._version, seconds=WATCH_SECONDS)
        async with aclosing(watch) as events:
            async for event in events:
                self._take_event(event)

    async def _list(self) -> None:
        asked = _Proof(self._now(), time.monotonic())
        found = await self._cluster.list(PODS, labels=OURS)
        before, self._pods, self._groups = self._pods, {}, {}
        for each in found["items"]:
            self._put(_trimmed(each))
        self._version = found["metadata"]["resourceVersion"]
        # What is not in the list was gone when it was asked for.
        self._proof = asked
        for name, pod in before.items():
            now = self._pods.get(name)
            if now is None or now["metadata"]["uid"] != pod["metadata"]["uid"]:
                self._bury(pod)
        for name, pod in self._pods.items():
            if before.get(name) != pod:
                self._tell(pod)

    def _take_event(self, event: Json) -> None:
        pod = event["object"]
        self._version = pod["metadata"]["resourceVersion"]
        self._proof = _Proof(self._now(), time.monotonic())
        match event["type"]:
            case "BOOKMARK":
                return
            case "DELETED":
                self._drop(pod["metadata"]["name"])
                self._bury(_trimmed(pod))
            case _:
                self._put(_trimmed(pod))
                self._tell(pod)

    def _bury(self, pod: Json) -> None:
        """Remember the last that was known of a pod whose object is gone."""
        run = _run_of(pod)
        if run is None or self._proof is None:
            return
        last = evidence_of(pod, seen_at=self._proof.at)
        self._ended[run] = replace(last, life=RunLife.GONE, remains=False)
        while len(self._ended) > LATEST_ENDS:
            self._ended.popitem(last=False)
        self._changed(run)

    def _tell(self, pod: Json) -> None:
        if run := _run_of(pod):
            self._changed(run)


def _owner(pod: Json) -> str:
    labels = pod["metadata"]["labels"]
    return str(labels.get(SYNC) or labels.get(RUN, ""))


def _run_of(pod: Json) -> UUID | None:
    """Return the run whose notebook a pod is; None for a data sync's."""
    return None if pod["metadata"]["labels"].get(SYNC) else label_id(pod, RUN)


def _trimmed(pod: Json) -> Json:
    """Return what is used of a pod's record: most of it is its specification, and there are many pods."""
    kept = ("name", "uid", "labels", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
    metadata = pod["metadata"]
    return {
        "metadata": {"labels": {}, **{name: metadata[name] for name in kept if name in metadata}},
        "spec": {key: [_limits_of(each) for each in pod["spec"].get(key) or ()] for key in _CONTAINERS},
        "status": pod.get("status", {}),
    }


_CONTAINERS = ("containers", "initContainers")


def _limits_of(container: Json) -> Json:
    """Return what sentences about a container name."""
    return {name: container[name] for name in ("name", "image", "resources") if name in container}
