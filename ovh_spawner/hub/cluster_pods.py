"""The hub's own requests to the API server: one pod, read and ordered directly, never from a cache.

KubeSpawner's reflectors say soon, not surely, what there is. Whether a pod is gone is asked here.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp
import structlog
from kubernetes_asyncio.client import V1DeleteOptions, V1Preconditions

from ovh_spawner.errors import ClusterUnavailableError

log = structlog.get_logger()

Pod = dict[str, Any]
"""A pod as the API server writes it."""

_LOOK_SECONDS = 0.2
"""Between two looks into the cache, which cost nothing."""
_READ_SECONDS = 10.0
"""Between two direct reads while nothing is heard: a watch that fell silent costs no more than this."""
_RETRY_SECONDS = 2.0
"""Between two tries while the API server is away."""

_GONE = "The cluster does not answer. Try again in a minute; if it happens again, tell the operator."


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said."""

    status: int
    text: bytes

    @property
    def body(self) -> dict[str, Any]:
        """The answer's object; empty when it is none."""
        try:
            body = json.loads(self.text)
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    @property
    def is_success(self) -> bool:
        return self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def message(self) -> str:
        """The API server's words; for the log, and for those who translate them."""
        return str(self.body.get("message", ""))


class ClusterPods:
    """Pods of one namespace."""

    def __init__(self, api: Any, namespace: str, *, request_seconds: float) -> None:
        self._api = api
        self._namespace = namespace
        self._seconds = request_seconds

    async def read(self, name: str) -> Pod | None:
        """Return the pod, or None when there is none.

        Raises:
            ClusterUnavailableError: Nobody can tell.
        """
        answer = await self._ask(self._api.read_namespaced_pod, name, self._namespace)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if not answer.is_success:
            raise _unavailable("read", name, answer)
        return answer.body

    async def create(self, pod: Any) -> Answer:
        """Create a pod and return what was answered.

        Raises:
            ClusterUnavailableError: No answer: perhaps it was created.
        """
        return await self._ask(self._api.create_namespaced_pod, self._namespace, pod)

    async def delete(self, pod: Pod) -> None:
        """Order the end of exactly this pod, with the whole grace that stands in it.

        Raises:
            ClusterUnavailableError: Nobody can tell whether it was heard.
        """
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        options = V1DeleteOptions(preconditions=V1Preconditions(uid=uid))
        answer = await self._ask(self._api.delete_namespaced_pod, name, self._namespace, body=options)
        # 404, 409: it is gone, or another pod has its name.
        if not answer.is_success and answer.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
            raise _unavailable("delete", name, answer)

    async def events_of(self, pod: Pod) -> list[dict[str, Any]]:
        """Return what happened around a pod, oldest first; nothing when it cannot be read."""
        name, selector = pod["metadata"]["name"], f"involvedObject.uid={pod['metadata']['uid']}"
        try:
            answer = await self._ask(
                self._api.list_namespaced_event, self._namespace, field_selector=selector
            )
        except ClusterUnavailableError:
            return []
        if not answer.is_success:
            log.warning("events_not_read", pod=name, status=answer.status, message=answer.message)
            return []
        return sorted(answer.body.get("items") or [], key=_moment)

    async def end(
        self, name: str, *, is_meant: Callable[[Pod], bool], look: Callable[[], Pod | None]
    ) -> Pod | None:
        """Delete a pod and return when it is gone, however long its grace and the API server's absence last.

        Args:
            name: The pod's name.
            is_meant: Tells whether a pod of that name is the one; another is not touched.
            look: The cache's pod; only a hint at when to read again.

        Returns:
            The pod as it was last seen; None when there was none.
        """
        clock = asyncio.get_running_loop().time
        last: Pod | None = None
        while True:
            try:
                pod = await self.read(name)
                if pod is None or not is_meant(pod) or not _is_same(pod, last or pod):
                    return last
                last = pod
                if "deletionTimestamp" not in pod["metadata"]:
                    await self.delete(pod)
            except ClusterUnavailableError:
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            again = clock() + _READ_SECONDS
            while clock() < again and _is_same(cached := look(), last):
                last = cached or last
                await asyncio.sleep(_LOOK_SECONDS)

    async def _ask(self, call: Callable[..., Awaitable[Any]], *arguments: Any, **keywords: Any) -> Answer:
        try:
            async with asyncio.timeout(self._seconds):
                response = await call(*arguments, **keywords, _preload_content=False)
                text = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as exc:
            log.info("cluster_unreachable", error=type(exc).__name__)
            raise ClusterUnavailableError(_GONE) from exc
        return Answer(response.status, text)


def _is_same(pod: Pod | None, known: Pod) -> bool:
    return pod is not None and pod["metadata"]["uid"] == known["metadata"]["uid"]


def _moment(event: dict[str, Any]) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def _unavailable(verb: str, name: str, answer: Answer) -> ClusterUnavailableError:
    log.warning("cluster_refused", verb=verb, pod=name, status=answer.status, message=answer.message)
    return ClusterUnavailableError(_GONE)
