"""The door to a cluster's API server: JSON in, JSON out, and every outcome as one of a few errors.

Plain JSON instead of the client library's models: they cost ten times the time for the pods of 500 notebooks. The
library brings what is hard to get right, the ways to sign in.
"""

import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from kubernetes_asyncio import config
from kubernetes_asyncio.client import ApiClient, Configuration

from ovh_spawner.errors import ConfigError
from ovh_spawner.service.runners.cluster_errors import (
    AlreadyThereError,
    ClusterUnavailableError,
    HistoryGoneError,
    NotThereError,
    refusal_of,
)

Json = dict[str, Any]

REQUEST_SECONDS = 15.0
"""For one answer. A list of 500 pods takes a second on a busy server."""

LATE_SECONDS = 5.0
"""How much longer than it was asked to a watch may stay open before it is taken for dead."""

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True)
class Resource:
    """Where objects of one kind are."""

    prefix: str
    plural: str


PODS = Resource("/api/v1", "pods")
SECRETS = Resource("/api/v1", "secrets")
CLAIMS = Resource("/api/v1", "persistentvolumeclaims")
JOBS = Resource("/apis/batch/v1", "jobs")
POLICIES = Resource("/apis/networking.k8s.io/v1", "networkpolicies")


class Cluster:
    """One namespace of one cluster. All methods raise ClusterUnavailableError when the answer is not known."""

    def __init__(self, namespace: str = "") -> None:
        self._namespace = namespace
        self._client: ApiClient | None = None

    async def find(self, resource: Resource, name: str) -> Json | None:
        try:
            return await self._json("GET", self._path(resource, name))
        except NotThereError:
            return None

    async def list(self, resource: Resource, *, labels: str) -> Json:
        return await self._json("GET", self._path(resource), labelSelector=labels)

    async def create(self, resource: Resource, manifest: Json) -> Json:
        """Make an object.

        Raises:
            AlreadyThereError: one of this name is there.
            ClusterRefusedError: the cluster does not want it (a quota, a limit, a policy).

        """
        return await self._json("POST", self._path(resource), body=manifest)

    async def remove(self, resource: Resource, name: str, **options: Any) -> bool:
        """Order the end of an object; False: there is none."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", **options}
        try:
            await self._json("DELETE", self._path(resource, name), body=body)
        except NotThereError:
            return False
        return True

    async def last_log_line(self, pod: str, container: str, *, max_bytes: int) -> str:
        """Return the last line that a container printed; empty: none, or it has not begun."""
        path = f"{self._path(PODS, pod)}/log"
        try:
            async with self._answer("GET", path, container=container, tailLines=1, limitBytes=max_bytes) as a:
                text: str = await a.text()
        except NotThereError:
            return ""
        return text.splitlines()[-1] if text.strip() else ""

    async def watch(
        self, resource: Resource, *, labels: str, version: str, seconds: int
    ) -> AsyncGenerator[Json]:
        """Yield what changes after ``version``; ends when the server ends it.

        Raises:
            HistoryGoneError: the server does not remember that version any more.

        """
        query: Json = {
            "labelSelector": labels,
            "resourceVersion": version,
            "timeoutSeconds": seconds,
            "allowWatchBookmarks": "true",
            "watch": "true",
        }
        patience = seconds + LATE_SECONDS
        async with self._answer("GET", self._path(resource), patience=patience, **query) as answer:
            async for line in answer.content:
                if not line.strip():
                    continue
                event: Json = json.loads(line)
                if event["type"] == "ERROR":
                    raise _error(event["object"].get("code", 0), event["object"])
                yield event

    async def close(self) -> None:
        if self._client:
            client, self._client = self._client, None
            await client.close()

    async def _json(self, verb: str, path: str, *, body: Json | None = None, **query: Any) -> Json:
        async with self._answer(verb, path, body=body, **query) as answer:
            found: Json = json.loads(await answer.read())
            return found

    @asynccontextmanager
    async def _answer(
        self,
        verb: str,
        path: str,
        *,
        body: Json | None = None,
        patience: float = REQUEST_SECONDS,
        **query: Any,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Give a good answer; raises what another one means."""
        client = await self._signed_in()
        timeout = aiohttp.ClientTimeout(total=patience, sock_connect=REQUEST_SECONDS)
        try:
            answer = await client.call_api(
                path,
                verb,
                path_params={"namespace": self._namespace},
                query_params=list(query.items()),
                header_params={"Accept": "application/json", "Content-Type": "application/json"},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _request_timeout=timeout,
            )
            async with answer:
                if answer.status >= HTTPStatus.BAD_REQUEST:
                    raise _error(answer.status, _status_of(await answer.read()))
                yield answer
        except (aiohttp.ClientError, TimeoutError, OSError, json.JSONDecodeError) as exc:
            # The exception's own words may hold an address with a token in it: its kind says enough.
            raise ClusterUnavailableError(type(exc).__name__) from exc

    @staticmethod
    def _path(resource: Resource, name: str = "") -> str:
        # The namespace is known once we are signed in.
        path = f"{resource.prefix}/namespaces/{{namespace}}/{resource.plural}"
        return f"{path}/{name}" if name else path

    async def _signed_in(self) -> ApiClient:
        if self._client is None:
            configuration, namespace = await _load_configuration()
            self._namespace = self._namespace or namespace
            self._client = ApiClient(configuration)
        return self._client


async def _load_configuration() -> tuple[Configuration, str]:
    """Sign in as the pod that we are, or as KUBECONFIG says; return the namespace as well."""
    configuration = Configuration()
    if namespace := _pods_namespace():
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return configuration, namespace
    try:
        # Read now: the library has read the variable when it was imported.
        place = os.environ.get("KUBECONFIG")
        await config.load_kube_config(config_file=place, client_configuration=configuration)
        _contexts, active = config.list_kube_config_contexts(config_file=place)
    except config.ConfigException as exc:
        raise ConfigError(
            "There is no cluster to speak to: the service runs neither in a pod with a service account nor with a "
            "KUBECONFIG that names a context. Set one, or choose deployment.mode: local."
        ) from exc
    return configuration, (active or {"context": {}})["context"].get("namespace") or "default"


def _pods_namespace() -> str:
    """Return the namespace of the pod that we are; empty outside of a pod."""
    return NAMESPACE_FILE.read_text().strip() if NAMESPACE_FILE.exists() else ""


def _status_of(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _error(code: int, status: Mapping[str, Any]) -> Exception:
    message, reason = str(status.get("message", "")), str(status.get("reason", ""))
    match code:
        case HTTPStatus.NOT_FOUND:
            return NotThereError(message)
        case HTTPStatus.GONE:
            return HistoryGoneError(message)
        case HTTPStatus.CONFLICT if reason == "AlreadyExists":
            return AlreadyThereError(message)
        case HTTPStatus.FORBIDDEN | HTTPStatus.UNPROCESSABLE_ENTITY | HTTPStatus.BAD_REQUEST:
            return refusal_of(code, message)
        case _:
            return ClusterUnavailableError(f"{code} {reason}".strip())
