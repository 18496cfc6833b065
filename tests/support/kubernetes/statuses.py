"""A pod's status as a kubelet writes it. Changes the pod that it is given."""

from typing import Any

from tests.support.kubernetes.objects import Object, now_text


def begin(pod: Object) -> None:
    """The state right after the pod reached its node."""
    status = pod["status"]
    status |= {"hostIP": "127.0.0.1", "startTime": now_text()}
    condition(pod, "PodScheduled", "True")
    condition(pod, "Ready", "False", "ContainersNotReady")
    init = pod["spec"].get("initContainers") or []
    if init:
        status["initContainerStatuses"] = [_waiting(c, "PodInitializing") for c in init]
    reason = "PodInitializing" if init else "ContainerCreating"
    status["containerStatuses"] = [_waiting(c, reason) for c in pod["spec"]["containers"]]


def _waiting(container: Object, reason: str) -> Object:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": False,
        "started": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": reason}},
        "lastState": {},
    }


def run(status: Object) -> None:
    status["state"] = {"running": {"startedAt": now_text()}}
    status["imageID"] = f"{status['image']}@sha256:0"
    status["started"] = True


def terminate(pod: Object, container: str, *, exit_code: int, reason: str = "", message: str = "") -> None:
    status = find(pod, container)
    if status is None or "terminated" in status["state"]:
        return
    begun = status["state"].get("running", {}).get("startedAt") or now_text()
    ended: dict[str, Any] = {
        "exitCode": exit_code,
        "reason": reason or ("Error" if exit_code else "Completed"),
        "startedAt": begun,
        "finishedAt": now_text(),
        "containerID": "containerd://0",
    }
    if message:
        ended["message"] = message
    status["state"] = {"terminated": ended}
    is_init = status in pod["status"].get("initContainerStatuses", [])
    status["ready"] = is_init and exit_code == 0
    status["started"] = False
    if not is_init:
        condition(pod, "Ready", "False", "ContainersNotReady")


def find(pod: Object, container: str) -> Object | None:
    status = pod.get("status") or {}
    for known in (*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())):
        if known["name"] == container:
            return known
    return None


def all_ended(pod: Object) -> bool:
    return all("terminated" in s["state"] for s in pod["status"]["containerStatuses"])


def condition(pod: Object, kind: str, value: str, reason: str = "", message: str = "") -> None:
    """Set a condition; its transition time changes with its value only."""
    conditions = pod["status"].setdefault("conditions", [])
    for known in conditions:
        if known["type"] == kind:
            if known["status"] != value:
                known["lastTransitionTime"] = now_text()
            known |= {"status": value, "reason": reason, "message": message}
            return
    conditions.append(
        {
            "type": kind,
            "status": value,
            "reason": reason,
            "message": message,
            "lastTransitionTime": now_text(),
        }
    )
