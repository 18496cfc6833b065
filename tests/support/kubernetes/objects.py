"""What the API server keeps: objects of any kind by path, each change with a resource version, for watchers."""

import asyncio
import copy
import json
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

Object = dict[str, Any]


def now_text(at: datetime | None = None) -> str:
    return (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


class ApiError(Exception):
    """What is answered as a ``Status``."""

    def __init__(self, code: int, reason: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.headers = code, reason, message, headers

    def status(self) -> Object:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }


@dataclass(frozen=True)
class Key:
    """One object: ``pods``, ``batch/v1/jobs``; a namespace; a name."""

    resource: str
    namespace: str
    name: str


@dataclass(frozen=True)
class Change:
    """One line of the log that watchers read."""

    version: int
    at: float
    type: str
    key: Key
    object: Object


class Objects:
    """The store. All of it happens on the server's loop."""

    def __init__(self) -> None:
        self._objects: dict[Key, Object] = {}
        self._version = 1000
        self.log: list[Change] = []
        self.oldest = 1000
        """Watches from before this version are answered 410."""
        self.listeners: list[Callable[[Change], None]] = []
        self._grown = asyncio.Event()

    @property
    def version(self) -> int:
        return self._version

    def get(self, key: Key) -> Object:
        if key not in self._objects:
            kind = key.resource.rpartition("/")[2]
            raise ApiError(404, "NotFound", f'{kind} "{key.name}" not found')
        return copy.deepcopy(self._objects[key])

    def find(self, key: Key) -> Object | None:
        return copy.deepcopy(self._objects.get(key))

    def of(self, resource: str, namespace: str | None = None) -> Iterator[tuple[Key, Object]]:
        for key, found in sorted(self._objects.items(), key=lambda item: item[0].name):
            if key.resource == resource and namespace in {None, key.namespace}:
                yield key, copy.deepcopy(found)

    def create(self, key: Key, body: Object) -> Object:
        if key in self._objects:
            kind = key.resource.rpartition("/")[2]
            raise ApiError(409, "AlreadyExists", f'{kind} "{key.name}" already exists')
        made = copy.deepcopy(body)
        made["metadata"] |= {
            "namespace": key.namespace,
            "uid": str(uuid4()),
            # Given by tests only, which make an object older than it is.
            "creationTimestamp": body["metadata"].get("creationTimestamp", now_text()),
        }
        made["metadata"].setdefault("labels", {})
        return self._write("ADDED", key, made)

    def replace(self, key: Key, changed: Object) -> Object:
        """Store an object that exists; one that changes nothing makes no change."""
        if json.dumps(self.get(key), sort_keys=True) == json.dumps(changed, sort_keys=True):
            return changed
        meta = changed["metadata"]
        if key.resource != "pods" and meta.get("deletionTimestamp") and not meta.get("finalizers"):
            return self.remove(key, changed)
        return self._write("MODIFIED", key, copy.deepcopy(changed))

    def remove(self, key: Key, last: Object | None = None) -> Object:
        found = last or self.get(key)
        self._version += 1
        self._objects.pop(key, None)
        found["metadata"]["resourceVersion"] = str(self._version)
        self._tell(Change(self._version, _clock(), "DELETED", key, copy.deepcopy(found)))
        return found

    def forget_history(self) -> None:
        """Compact: whoever watches from before now is answered 410."""
        self.log.clear()
        self._version += 1
        self.oldest = self._version

    def changes_since(self, version: int) -> list[Change]:
        return self.log[bisect_right(self.log, version, key=lambda change: change.version) :]

    async def wait(self, seconds: float) -> None:
        """Return at the next change, or after the time."""
        grown = self._grown
        try:
            await asyncio.wait_for(grown.wait(), seconds)
        except TimeoutError:
            return

    def wake(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    def _write(self, change: str, key: Key, made: Object) -> Object:
        self._version += 1
        made["metadata"]["resourceVersion"] = str(self._version)
        self._objects[key] = made
        self._tell(Change(self._version, _clock(), change, key, copy.deepcopy(made)))
        return copy.deepcopy(made)

    def _tell(self, change: Change) -> None:
        self.log.append(change)
        self.wake()
        for listener in list(self.listeners):
            listener(change)


def _clock() -> float:
    return asyncio.get_running_loop().time()


def matches_labels(found: Object, selector: str) -> bool:
    """Tell whether the labels satisfy ``a=b,c!=d,e,!f``."""
    labels = found["metadata"].get("labels") or {}
    for part in filter(None, (p.strip() for p in selector.split(","))):
        name, unequal, value = part.partition("!=")
        if unequal:
            ok = labels.get(name) != value
        elif "=" in part:
            name, _, value = part.replace("==", "=").partition("=")
            ok = labels.get(name) == value
        else:
            ok = part.lstrip("!") not in labels if part.startswith("!") else part in labels
        if not ok:
            return False
    return True


def matches_fields(found: Object, selector: str) -> bool:
    for part in filter(None, selector.split(",")):
        path, _, value = part.replace("==", "=").partition("=")
        at: Any = found
        for step in path.split("."):
            at = at.get(step) if isinstance(at, dict) else None
        if str(at) != value:
            return False
    return True
