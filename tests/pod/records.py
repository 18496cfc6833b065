"""Pods as a cluster reports them: our own plan with a status laid on."""

from copy import deepcopy

from ovh_spawner.pod.plan import plan_pod
from tests.pod.building import request

SCHEDULED = {"type": "PodScheduled", "status": "True"}
READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-03-01T10:01:05Z"}
BEGUN, ENDED = "2026-03-01T10:01:00Z", "2026-03-01T12:30:00Z"
RUNNING = {"running": {"startedAt": BEGUN}}
PLAIN = plan_pod(request(has_pull=True))


def ended(exit_code, reason="", message="", at=ENDED):
    """Return the state of a container that has ended."""
    found = {"exitCode": exit_code, "reason": reason or ("Error" if exit_code else "Completed")}
    return {"terminated": {**found, "message": message, "startedAt": BEGUN, "finishedAt": at}}


def waiting(reason, message=""):
    return {"waiting": {"reason": reason, "message": message}}


def disruption(reason):
    return {"type": "DisruptionTarget", "status": "True", "reason": reason}


def unscheduled(message, reason="Unschedulable"):
    return {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}


def record(*conditions, phase="Pending", data=None, gateway=None, editor=None, is_stopping=False, **status):
    """Return a pod's record; containers that are not given have no status yet."""
    pod = deepcopy(PLAIN)
    if is_stopping:
        pod["metadata"]["deletionTimestamp"] = "2026-03-01T12:30:30Z"
        pod["metadata"]["deletionGracePeriodSeconds"] = 60
    states = {"data": data, "gateway": gateway, "editor": editor}
    known = [{"name": name, "state": state} for name, state in states.items() if state]
    pod["status"] = {
        "phase": phase,
        "conditions": list(conditions),
        "initContainerStatuses": [each for each in known if each["name"] == "data"],
        "containerStatuses": [each for each in known if each["name"] != "data"],
        **status,
    }
    return pod
