"""A Job controller's simulation beside the misbehaving API server, and the data sync that its pods run."""

import asyncio
import copy
from collections import Counter
from datetime import UTC, datetime

from ovh_spawner.contract.sync import SyncJob, SyncProgress, SyncReport, SyncState, VolumeProgress
from tests.support.kubernetes import statuses
from tests.support.kubernetes.objects import Change, Key, Object, now_text
from tests.support.kubernetes.server import MisbehavingApiServer

JOBS = "batch/v1/jobs"
KILLED = "killed"
RUNNING = "running"
LOCKED = "locked"


class JobController:
    """Makes pods for Jobs, one at a time, as ``podReplacementPolicy: Failed`` wants it."""

    def __init__(self, api: MisbehavingApiServer) -> None:
        self.api = api
        self.outcomes: list[SyncState | str] = []
        """How the next pods go: a state, 'killed', 'running' or 'locked'; then ``usually``."""
        self.usually: SyncState | str = SyncState.DONE
        self.says_last_words = True
        """False: the termination message is lost, the log is left."""
        self.retries_wait = False
        """True: a pod that failed has no successor before ``retry``; a real controller takes ten seconds."""
        self.may_make_pods = True
        """False: a quota or limit of the namespace refuses each pod, as only the Job's own events tell."""
        self.jobs: list[SyncJob] = []
        """What each pod was told, in order."""
        self.together = 0
        """The most pods that ever used one claim at a time."""
        self._failures: Counter[str] = Counter()
        self.waiting: list[Object] = []
        """Jobs whose next pod waits for ``retry``."""
        self._tasks: set[asyncio.Task] = set()
        api.add_listener(self._notice)

    def finish(self, outcome: SyncState | str = SyncState.DONE) -> None:
        """Let the pods that run end."""
        for pod in self.api.all("pods"):
            if pod["metadata"]["name"].startswith("sync-"):
                self.api.call(lambda pod=pod: self._finish(self._key(pod), outcome))

    def retry(self) -> None:
        """Make the successors that wait."""
        while self.waiting:
            job = self.waiting.pop()
            self.api.call(lambda job=job: self._make_pod(job))

    def expire(self) -> None:
        """Let every Job's time be over."""
        for job in self.api.all(JOBS):
            self.api.call(lambda job=job: self._expire(job))

    def _notice(self, change: Change) -> None:
        if change.key.resource == JOBS:
            if change.type == "ADDED":
                if self.may_make_pods:
                    self._go(self._make_pod(change.object))
            elif change.type == "DELETED":
                self._go(self._collect(change.object))
        elif change.key.resource == "pods":
            self._count()
            if change.type == "ADDED" and change.key.name.startswith("sync-"):
                self._go(self._live(change.key))
            elif change.type == "DELETED" and change.key.name.startswith("sync-"):
                self._go(self._replace(change.object))

    def _go(self, work) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _count(self) -> None:
        users = Counter()
        for _, pod in self.api.objects.of("pods"):
            if pod["status"]["phase"] not in {"Succeeded", "Failed"}:
                for volume in pod["spec"].get("volumes") or []:
                    users[(volume.get("persistentVolumeClaim") or {}).get("claimName")] += 1
        users.pop(None, None)
        self.together = max(self.together, *users.values(), 0)

    async def _make_pod(self, job: Object) -> None:
        meta, template = job["metadata"], copy.deepcopy(job["spec"]["template"])
        name = f"{meta['name']}-{self._failures[meta['uid']]}{len(self.jobs)}"
        labels = {**template["metadata"]["labels"], "batch.kubernetes.io/controller-uid": meta["uid"]}
        for container in template["spec"]["containers"]:
            container.setdefault("ports", [])
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": labels, "ownerReferences": [{"uid": meta["uid"]}]},
            "spec": template["spec"],
            "status": {"phase": "Pending", "qosClass": "Guaranteed", "conditions": []},
        }
        self.api.objects.create(Key("pods", meta["namespace"], name), body)

    async def _live(self, key: Key) -> None:
        while (pod := self.api.objects.find(key)) and pod["status"]["phase"] == "Pending":
            await self.api.objects.wait(0.1)
        if pod is None:
            return
        outcome = self.outcomes.pop(0) if self.outcomes else self.usually
        self.jobs.append(self._told(key))
        self._say(key, SyncState.RUNNING)
        if outcome != RUNNING:
            await self._finish(key, outcome)

    async def _finish(self, key: Key, outcome: SyncState | str) -> None:
        pod = self.api.objects.find(key)
        if pod is None or pod["status"]["phase"] != "Running":
            return
        code = {KILLED: 137, LOCKED: 75, SyncState.DONE: 0}.get(outcome, 1)
        message = ""
        if outcome not in {KILLED, LOCKED}:
            self._say(key, SyncState(outcome))
            message = self._report(key, SyncState(outcome)) if self.says_last_words else ""
        statuses.terminate(pod, "data", exit_code=code, message=message)
        pod["status"]["phase"] = "Failed" if code else "Succeeded"
        self.api.objects.replace(key, pod)
        self._judge(pod, code)

    def _judge(self, pod: Object, code: int) -> None:
        job = self._job_of(pod)
        if job is None or job["status"].get("conditions"):
            return
        rules = job["spec"]["podFailurePolicy"]["rules"]
        final = [
            c for r in rules for c in r.get("onExitCodes", {}).get("values", []) if r["action"] == "FailJob"
        ]
        uid = job["metadata"]["uid"]
        if code == 0:
            self._conclude(job, "Complete", "CompletionsReached")
        elif code in final:
            self._conclude(job, "Failed", "PodFailurePolicy")
        elif self._failures[uid] >= job["spec"]["backoffLimit"]:
            self._conclude(job, "Failed", "BackoffLimitExceeded")
        else:
            self._failures[uid] += 1
            if self.retries_wait:
                self.waiting.append(job)
            else:
                self._go(self._make_pod(job))

    def _conclude(self, job: Object, kind: str, reason: str) -> None:
        ended = {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": now_text()}
        job["status"] = {"conditions": [ended]}
        self.api.objects.replace(Key(JOBS, job["metadata"]["namespace"], job["metadata"]["name"]), job)

    async def _expire(self, job: Object) -> None:
        self._conclude(job, "Failed", "DeadlineExceeded")
        await self._collect(job)

    async def _collect(self, job: Object) -> None:
        for key, pod in list(self.api.objects.of("pods")):
            is_stuck = self.api.kubelet.life_of(key.name).is_stuck
            if pod["metadata"].get("ownerReferences") == [{"uid": job["metadata"]["uid"]}] and not is_stuck:
                self.api.objects.remove(key)

    async def _replace(self, pod: Object) -> None:
        """Make a new pod for one that was deleted while it ran."""
        job = self._job_of(pod)
        if (
            job
            and not job["status"].get("conditions")
            and pod["status"]["phase"] not in {"Failed", "Succeeded"}
        ):
            await self._make_pod(job)

    def _job_of(self, pod: Object) -> Object | None:
        owner = pod["metadata"]["ownerReferences"][0]["uid"]
        for _, job in self.api.objects.of(JOBS):
            if job["metadata"]["uid"] == owner:
                return job | {"status": job.get("status") or {}}
        return None

    def _told(self, key: Key) -> SyncJob:
        """Read the job as the container does: from the Secret that is mounted."""
        pod = self.api.objects.get(key)
        [name] = [v["secret"]["secretName"] for v in pod["spec"]["volumes"] if "secret" in v]
        secret = self.api.objects.get(Key("secrets", key.namespace, name))
        return SyncJob.model_validate_json(secret["stringData"]["job.json"])

    def _volumes(self, key: Key, state: SyncState) -> list[VolumeProgress]:
        job = next(j for j in reversed(self.jobs) if str(j.id) in key.name)
        text = "" if state in {SyncState.DONE, SyncState.RUNNING} else f"bucket: {state.value}."
        return [
            VolumeProgress(volume=v.id, mount_path=v.mount_path, info="b@S", state=state, message=text)
            for v in job.volumes
        ]

    def _say(self, key: Key, state: SyncState) -> None:
        job = next(j for j in reversed(self.jobs) if str(j.id) in key.name)
        line = SyncProgress(job=job.id, at=datetime.now(UTC), volumes=self._volumes(key, state))
        self.api.kubelet.logs.setdefault((key.name, "data"), []).append(line.model_dump_json())

    def _report(self, key: Key, state: SyncState) -> str:
        job = next(j for j in reversed(self.jobs) if str(j.id) in key.name)
        now = datetime.now(UTC)
        volumes = self._volumes(key, state)
        final = state if state is SyncState.DONE else SyncState.FAILED
        report = SyncReport(job=job.id, state=final, started_at=now, ended_at=now, volumes=volumes)
        return report.model_dump_json()

    @staticmethod
    def _key(pod: Object) -> Key:
        return Key("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
