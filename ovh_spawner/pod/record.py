"""Reading a pod's record as the API of a cluster gives it: plain JSON, in which anything may be absent."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

Record = dict[str, Any]


def read_time(value: Any) -> datetime | None:
    """Return an instant of the API; None for nothing, and for the year 1, which it writes for nothing."""
    if not isinstance(value, str) or value.startswith("0001"):
        return None
    return datetime.fromisoformat(value)


def condition(pod: Record, kind: str) -> Record:
    """Return a condition of the pod; empty when it is not there."""
    found = _part(pod, "status").get("conditions") or []
    return next((each for each in found if each.get("type") == kind), {})


def container_states(pod: Record) -> dict[str, Record]:
    """Return the state of every container by name: {"running": …}, {"waiting": …}, {"terminated": …}."""
    return {each["name"]: each.get("state") or {} for each in _statuses(pod)}


def _statuses(pod: Record) -> Iterator[Record]:
    status = _part(pod, "status")
    for key in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(key) or []


def reason(pod: Record) -> tuple[str, str]:
    """Return the pod's own reason and message, which stand there when a node gave the whole pod up."""
    status = _part(pod, "status")
    return status.get("reason") or "", status.get("message") or ""


def phase(pod: Record) -> str:
    """Return Pending, Running, Succeeded, Failed or Unknown."""
    return str(_part(pod, "status").get("phase") or "Unknown")


def is_over(pod: Record) -> bool:
    """Tell whether no container of a pod runs any more, and none will."""
    return phase(pod) in {"Succeeded", "Failed"}


def limit(pod: Record, container: str, resource: str) -> str:
    """Return how much of a resource a container may use, as it stands in the pod."""
    spec = _part(pod, "spec")
    for each in [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]:
        if each.get("name") == container:
            return str(((each.get("resources") or {}).get("limits") or {}).get(resource) or "")
    return ""


def image(pod: Record, container: str) -> str:
    """Return a container's image."""
    spec = _part(pod, "spec")
    known = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    return next((str(each.get("image")) for each in known if each.get("name") == container), "")


def label(pod: Record, key: str) -> str:
    """Return a label of the pod."""
    return str((_part(pod, "metadata").get("labels") or {}).get(key) or "")


def stop_order(pod: Record) -> datetime | None:
    """Return when the pod's deletion was asked for: the time that stands there is when its grace ends."""
    metadata = _part(pod, "metadata")
    end = read_time(metadata.get("deletionTimestamp"))
    if end is None:
        return None
    return end - timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)


def _part(pod: Record, name: str) -> Record:
    return pod.get(name) or {}
