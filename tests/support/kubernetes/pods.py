"""A kubelet's simulation: pods are scheduled, run their containers, become ready, are ended, disappear."""

import asyncio
import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.kubernetes import statuses
from tests.support.kubernetes.objects import ApiError, Change, Key, Object, Objects, now_text
from tests.support.kubernetes.stubs import Stubs

STAGES = ("created", "scheduled", "data", "containers", "ready")
"""How far a pod comes. ``data``: its init containers run; ``containers``: they run and are not ready."""


@dataclass
class PodLife:
    """How one pod fares. A test changes it while the pod lives; the pod follows."""

    until: str = "ready"
    """It does not come further than this stage of STAGES."""
    ready_after: float = 0.0
    """Seconds between its containers' start and Ready."""
    stop_takes: float = 0.0
    """Seconds between SIGTERM and the end of the last container: what it saves then is lost if it is killed before."""
    unschedulable: str = ""
    """The scheduler's words when no node fits."""
    image_error: str = ""
    """What pulling the editor's image says."""
    container_error: tuple[str, str] | None = None
    """Reason and message with which the editor's container waits instead of running."""
    data_exit: int = 0
    data_message: str = ""
    """The termination message of the init container."""
    is_stuck: bool = False
    """Deleted, it never goes: its node does not answer."""


@dataclass
class Record:
    """What became of pods, for tests to read."""

    killed: list[str] = field(default_factory=list)
    """Names of pods that were cut short while they still saved."""
    ended: list[str] = field(default_factory=list)


class Kubelet:
    """All of it happens on the server's loop."""

    def __init__(self, objects: Objects, stubs: Stubs) -> None:
        self.objects, self.stubs = objects, stubs
        self.life = PodLife()
        """Of pods that have none of their own."""
        self.lives: dict[str, PodLife] = {}
        self.logs: dict[tuple[str, str], list[str]] = {}
        self.record = Record()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        objects.listeners.append(self._notice)

    def life_of(self, name: str) -> PodLife:
        if name not in self.lives:
            self.lives[name] = replace(self.life)
        return self.lives[name]

    async def stop(self) -> None:
        tasks = [*self._tasks.values(), *self._ending.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def read_log(self, key: Key, container: str) -> str:
        pod = self.objects.get(key)
        known = statuses.find(pod, container)
        if known is None or "waiting" in known["state"]:
            raise ApiError(
                400,
                "BadRequest",
                f'container "{container}" in pod "{key.name}" is waiting to start: PodInitializing',
            )
        return "".join(line + "\n" for line in self.logs.get((key.name, container), []))

    def uses_claim(self, claim: Key) -> bool:
        for _, pod in self.objects.of("pods", claim.namespace):
            for volume in pod["spec"].get("volumes") or []:
                if (volume.get("persistentVolumeClaim") or {}).get("claimName") == claim.name:
                    return True
        return False

    def delete(self, key: Key, grace: int | None) -> Object:
        """Order the end of a pod: a shorter grace shortens, a longer one is ignored."""
        pod = self.objects.get(key)
        meta, default = pod["metadata"], pod["spec"].get("terminationGracePeriodSeconds", 30)
        seconds = default if grace is None else grace
        if not pod["spec"].get("nodeName") or pod["status"]["phase"] in {"Succeeded", "Failed"}:
            seconds = 0
        if "deletionTimestamp" in meta:
            seconds = min(seconds, meta["deletionGracePeriodSeconds"])
            if seconds and seconds == meta["deletionGracePeriodSeconds"]:
                return pod
        meta["deletionGracePeriodSeconds"] = seconds
        meta["deletionTimestamp"] = now_text(datetime.now(UTC) + timedelta(seconds=seconds))
        pod = self.objects.replace(key, pod)
        if task := self._ending.pop(key.name, None):
            task.cancel()
        if not seconds:
            return self._end_at_once(key, pod)
        if not self.life_of(key.name).is_stuck:
            self._ending[key.name] = asyncio.ensure_future(self._end(key, seconds))
        return pod

    def finish(self, key: Key, container: str, *, exit_code: int, reason: str = "") -> None:
        """End one container by itself; restartPolicy Never, so the pod ends with its last one."""
        pod = self.objects.get(key)
        statuses.terminate(pod, container, exit_code=exit_code, reason=reason)
        if statuses.all_ended(pod):
            codes = [s["state"]["terminated"]["exitCode"] for s in pod["status"]["containerStatuses"]]
            pod["status"]["phase"] = "Failed" if any(codes) else "Succeeded"
            self.stubs.close(key.name)
        self.objects.replace(key, pod)

    def fail(self, key: Key, *, reason: str, message: str, condition: Object | None = None) -> None:
        """End the whole pod, as an eviction or a lost node does."""
        pod = self.objects.get(key)
        for status in pod["status"].get("containerStatuses", []):
            if "running" in status["state"]:
                statuses.terminate(pod, status["name"], exit_code=137, reason="Error")
        pod["status"] |= {"phase": "Failed", "reason": reason, "message": message}
        if condition:
            pod["status"]["conditions"].append(condition)
        self.stubs.close(key.name)
        self.objects.replace(key, pod)

    def event(self, pod: Object, reason: str, message: str, *, kind: str = "Normal") -> None:
        meta = pod["metadata"]
        name = f"{meta['name']}.{self.objects.version:x}"
        self.objects.create(
            Key("events", meta["namespace"], name),
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": name},
                "involvedObject": {
                    "kind": "Pod",
                    "namespace": meta["namespace"],
                    "name": meta["name"],
                    "uid": meta["uid"],
                },
                "reason": reason,
                "message": message,
                "type": kind,
                "firstTimestamp": now_text(),
                "lastTimestamp": now_text(),
                "count": 1,
                "source": {"component": "fake-kubelet"},
            },
        )

    def _notice(self, change: Change) -> None:
        if change.key.resource != "pods" or change.type != "ADDED":
            return
        self._tasks[change.key.name] = asyncio.ensure_future(self._live(change.key))

    async def _live(self, key: Key) -> None:
        uid = self.objects.get(key)["metadata"]["uid"]
        for stage in STAGES[1:]:
            while not await self._reach(key, uid, stage):
                if self._alive(key, uid) is None:
                    return
                await self.objects.wait(0.1)

    def _alive(self, key: Key, uid: str) -> Object | None:
        pod = self.objects.find(key)
        if pod is None or pod["metadata"]["uid"] != uid or "deletionTimestamp" in pod["metadata"]:
            return None
        return None if pod["status"]["phase"] in {"Failed", "Succeeded"} else pod

    async def _reach(self, key: Key, uid: str, stage: str) -> bool:
        """Take a pod to a stage; false: not yet."""
        life, pod = self.life_of(key.name), self._alive(key, uid)
        if pod is None:
            return False
        if stage == "scheduled" and life.unschedulable:
            statuses.condition(pod, "PodScheduled", "False", "Unschedulable", life.unschedulable)
            if self.objects.find(key) != pod:
                self.objects.replace(key, pod)
                self.event(pod, "FailedScheduling", life.unschedulable, kind="Warning")
            return False
        if STAGES.index(life.until) < STAGES.index(stage):
            return False
        if stage == "ready":
            await asyncio.sleep(life.ready_after)
            pod = self._alive(key, uid)
            if pod is None:
                return False
        return await _ADVANCE[stage](self, key, pod, life)

    async def _schedule(self, key: Key, pod: Object, life: PodLife) -> bool:
        pod["spec"]["nodeName"] = "node-1"
        statuses.begin(pod)
        self.objects.replace(key, pod)
        self.event(pod, "Scheduled", f"Successfully assigned {key.namespace}/{key.name} to node-1")
        self.event(pod, "Pulling", f'Pulling image "{pod["spec"]["containers"][-1]["image"]}"')
        return True

    async def _run_data(self, key: Key, pod: Object, life: PodLife) -> bool:
        for status in pod["status"].get("initContainerStatuses", []):
            statuses.run(status)
        self.objects.replace(key, pod)
        return True

    async def _run_containers(self, key: Key, pod: Object, life: PodLife) -> bool:
        for status in pod["status"].get("initContainerStatuses", []):
            code, text = life.data_exit, life.data_message
            statuses.terminate(pod, status["name"], exit_code=code, message=text)
        if life.data_exit and pod["status"].get("initContainerStatuses"):
            pod["status"]["phase"] = "Failed"
            self.objects.replace(key, pod)
            return False
        waiting = ("ImagePullBackOff", life.image_error) if life.image_error else life.container_error
        for status in pod["status"]["containerStatuses"]:
            if waiting and status["name"] != "gateway":
                status["state"] = {"waiting": {"reason": waiting[0], "message": waiting[1]}}
            elif "running" not in status["state"]:
                statuses.run(status)
        if waiting:
            if self.objects.find(key) != pod:
                self.objects.replace(key, pod)
                self.event(pod, "Failed", waiting[1], kind="Warning")
            return False
        pod["status"] |= {"phase": "Running", "podIP": await self.stubs.address(key.name, pod)}
        pod["status"]["podIPs"] = [{"ip": pod["status"]["podIP"]}]
        statuses.condition(pod, "Initialized", "True")
        self.objects.replace(key, pod)
        return True

    async def _make_ready(self, key: Key, pod: Object, life: PodLife) -> bool:
        await self.stubs.open(key.name)
        for status in pod["status"]["containerStatuses"]:
            status["ready"] = status["started"] = True
        statuses.condition(pod, "ContainersReady", "True")
        statuses.condition(pod, "Ready", "True")
        self.objects.replace(key, pod)
        return True

    async def _end(self, key: Key, seconds: float) -> None:
        life = self.life_of(key.name)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while loop.time() - begun < min(seconds, life.stop_takes) or life.is_stuck:
            await asyncio.sleep(0.02)
        pod = self.objects.find(key)
        if pod is None:
            return
        if seconds < life.stop_takes:
            self.record.killed.append(key.name)
        for status in pod["status"].get("containerStatuses", []):
            if "running" in status["state"]:
                statuses.terminate(pod, status["name"], exit_code=143, reason="Error")
        self.stubs.close(key.name)
        self.objects.replace(key, pod)
        # The kubelet reports the end, then takes the object away.
        await asyncio.sleep(0.05)
        self._remove(key)

    def _end_at_once(self, key: Key, pod: Object) -> Object:
        running = [s for s in pod["status"].get("containerStatuses", []) if "running" in s["state"]]
        if running and self.life_of(key.name).stop_takes:
            self.record.killed.append(key.name)
        self._remove(key)
        return copy.deepcopy(pod)

    def _remove(self, key: Key) -> None:
        self.stubs.close(key.name)
        self.record.ended.append(key.name)
        pod = self.objects.find(key)
        if pod and pod["metadata"].get("finalizers"):
            return
        if pod:
            self.objects.remove(key)
        self._release_claims(key.namespace)

    def _release_claims(self, namespace: str) -> None:
        for key, claim in list(self.objects.of("persistentvolumeclaims", namespace)):
            if claim["metadata"].get("deletionTimestamp") and not self.uses_claim(key):
                self.objects.remove(key)


_ADVANCE: dict[str, Any] = {
    "scheduled": Kubelet._schedule,
    "data": Kubelet._run_data,
    "containers": Kubelet._run_containers,
    "ready": Kubelet._make_ready,
}
