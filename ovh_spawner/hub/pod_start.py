"""Follows a pod that starts: says in plain words how far it is, and ends the wait for one that never will be ready."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ovh_spawner.domain.states import RunState
from ovh_spawner.errors import (
    ClusterUnavailableError,
    LaunchError,
    NoCapacityError,
    OVHSpawnerError,
    StartFailedError,
)
from ovh_spawner.hub.cluster_pods import ClusterPods, Pod
from ovh_spawner.hub.progress import ProgressFeed, Step
from ovh_spawner.pod.labels import FLAVOR
from ovh_spawner.pod.status import Ending, PodStatus, PodStep, read_pod
from ovh_spawner.pod.waiting import GROWING, NO_TROUBLE, event_trouble

_LOOK_SECONDS = 0.5
"""Between two looks into the cache."""
_READ_SECONDS = 10.0
"""Without news for so long, the pod is read directly: the watch may have fallen silent."""
_EVENTS_SECONDS = 5.0
"""Events are asked for when a start takes its time, not for each."""

_HOPELESS_SECONDS = 15.0
"""What a cluster often mends by itself: a Secret or a claim that its node has not heard of yet."""

_TOO_BIG_SECONDS = 60.0
"""An autoscaler says within that time that it makes a bigger node."""

_FOR_ROOM = frozenset({"no_capacity", "no_node", "too_big", "disk_held"})
"""What is waited for as long as for a free node."""

_REMOVED = "The notebook was removed from the cluster while it was starting. Start it again."

_STEPS = {
    PodStep.QUEUED: ("node", 5),
    PodStep.IMAGES: ("node", 8),
    PodStep.DATA: ("pull", 10),
    PodStep.EDITOR: ("editor", 90),
}


@dataclass(frozen=True, slots=True)
class Cache:
    """KubeSpawner's view of the pods; ``put`` mends it with what was read directly."""

    look: Callable[[], Pod | None]
    put: Callable[[Pod | None], None]
    all: Callable[[], Sequence[Pod]]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a start asks of the cluster."""

    name: str
    """The pod's."""
    editor: str
    card: str
    """What the flavor's GPU is called."""
    room_seconds: float
    """How long it waits for a free node."""
    pull_seconds: float
    """How long it waits for what the node tries again: an image that cannot be reached, a set-up that fails."""


class PodStart:
    """One start."""

    def __init__(self, pods: ClusterPods, cache: Cache, feed: ProgressFeed, *, wish: Wish) -> None:
        self._pods, self._cache, self._feed, self._wish = pods, cache, feed, wish
        self._since: tuple[str, float] = ("", 0.0)
        self.is_made = False
        """True once the API server has taken the pod."""
        self._was_seen = False
        self._is_bringing = False
        self._is_loading = False
        self._told = NO_TROUBLE
        """What its node's newest event complains of."""
        self._is_growing = False
        """True: an autoscaler makes a node for it."""

    def show_pull(self, step: Step) -> None:
        """Show how the pull goes, while there is one."""
        if self._is_bringing:
            self._feed.show(step)

    async def follow(self) -> Pod:
        """Return the pod when it is ready.

        Raises:
            OVHSpawnerError: The pod will never be ready.
        """
        clock = asyncio.get_running_loop().time
        version, read_at, events_at = "", clock() + _READ_SECONDS, clock() + _EVENTS_SECONDS
        while True:
            pod = self._cache.look()
            if pod and pod["metadata"]["resourceVersion"] != version:
                version, read_at = pod["metadata"]["resourceVersion"], clock() + _READ_SECONDS
            elif clock() >= read_at or (pod is None and self._was_seen):
                pod, read_at = await self._read(pod), clock() + _READ_SECONDS
            self._was_seen |= pod is not None
            if pod:
                status = read_pod(pod, card=self._wish.card)
                if clock() >= events_at and (
                    status.step is PodStep.IMAGES or status.trouble.code == "too_big"
                ):
                    await self._read_events(pod)
                    events_at = clock() + _EVENTS_SECONDS
                if status.step is PodStep.IMAGES and not status.trouble.code and self._told.code:
                    status = replace(status, trouble=self._told, message=self._told.message)
                if status.step is PodStep.READY and pod["status"].get("podIP"):
                    return pod
                self._judge(pod, status, clock())
            await asyncio.sleep(_LOOK_SECONDS)

    async def _read(self, cached: Pod | None) -> Pod | None:
        try:
            pod = await self._pods.read(self._wish.name)
        except ClusterUnavailableError:
            return cached
        self._cache.put(pod)
        if pod is None and (self._was_seen or self.is_made):
            raise LaunchError(_REMOVED)
        return pod

    async def _read_events(self, pod: Pod) -> None:
        events = await self._pods.events_of(pod)
        newest = events[-1] if events else {}
        self._is_loading = newest.get("reason") == "Pulling"
        self._told = event_trouble(newest)
        self._is_growing = any(event.get("reason") in GROWING for event in events)

    def _judge(self, pod: Pod, status: PodStatus, now: float) -> None:
        if status.end is not None:
            raise start_error(status.end, self._wish.editor)
        if status.stopping_at is not None:
            raise LaunchError(_REMOVED)
        words = self._words(pod, status)
        self._check(status, words, now)
        stage, percent = _STEPS.get(status.step, ("editor", 95))
        self._is_bringing = stage == "pull"
        if not (self._is_bringing and self._feed.stage == "pull"):
            self._feed.show(Step(stage, percent, words))

    def _words(self, pod: Pod, status: PodStatus) -> str:
        if status.step is PodStep.EDITOR:
            return f"Starting {self._wish.editor}"
        if status.step is PodStep.IMAGES and self._is_loading and not status.trouble.message:
            return "Loading the images onto the node"
        words = status.message.removesuffix(".")
        ahead = waiting_ahead(pod, self._cache.all()) if status.trouble.code == "no_capacity" else 0
        if ahead:
            words += f"; {ahead} notebook{'s wait' if ahead != 1 else ' waits'} ahead of yours"
        return words

    def _check(self, status: PodStatus, words: str, now: float) -> None:
        code = status.trouble.code
        if self._since[0] != code:
            self._since = (code, now)
        if code and now - self._since[1] >= self._patience(status):
            raise trouble_error(code, words, status.trouble.message)

    def _patience(self, status: PodStatus) -> float:
        trouble = status.trouble
        if trouble.is_hopeless:
            return 0.0 if trouble.code == "image_pull" else _HOPELESS_SECONDS
        if trouble.code in {"image_pull", "set_up", "no_disk"}:
            return self._wish.pull_seconds
        if trouble.code == "too_big" and not self._is_growing:
            return min(_TOO_BIG_SECONDS, self._wish.room_seconds)
        return self._wish.room_seconds if trouble.code in _FOR_ROOM else float("inf")


def trouble_error(code: str, words: str, message: str) -> OVHSpawnerError:
    """Return what a start fails with that has waited long enough."""
    if code == "too_big":
        return NoCapacityError(f"{message} Choose fewer units or another flavor, or tell the operator.")
    if code in {"no_capacity", "no_node"}:
        what, ahead = (
            message.split(". ", maxsplit=1)[0].removesuffix(".").removesuffix(" now"),
            words.partition("; ")[2],
        )
        sentence = f"{what}; {ahead}" if ahead else what
        return NoCapacityError(f"{sentence}. Try again later, or choose other hardware.")
    # A volume's place in the files is the owner's doing.
    error: OVHSpawnerError = StartFailedError(message) if code == "volume_place" else LaunchError(message)
    error.code = code
    return error


def start_error(end: Ending, editor: str) -> OVHSpawnerError:
    """Return what a start fails with whose pod has ended."""
    if end.state is RunState.STOPPED:
        return StartFailedError(
            f"{editor} ended while it was starting. Packages that you installed may be the cause; otherwise "
            "start the notebook again."
        )
    error: OVHSpawnerError = (
        StartFailedError(end.message) if end.state is RunState.FAILED else LaunchError(end.message)
    )
    error.code = end.code or error.code
    return error


def waiting_ahead(pod: Pod, others: Sequence[Pod]) -> int:
    """Return how many pods of the same hardware wait for a node and came before."""
    meta = pod["metadata"]
    flavor = (meta.get("labels") or {}).get(FLAVOR)
    return sum(
        1
        for other in others
        if (other["metadata"].get("labels") or {}).get(FLAVOR) == flavor
        and other["status"].get("phase") == "Pending"
        and not other["spec"].get("nodeName")
        and (other["metadata"]["creationTimestamp"], other["metadata"]["uid"])
        < (meta["creationTimestamp"], meta["uid"])
    )
