"""The API server's HTTP side: paths, verbs, lists, watches, deletes with grace."""

import asyncio
import copy
import json
from typing import Any

from aiohttp import web

from tests.support.kubernetes.misfortunes import Misfortunes, Mishap
from tests.support.kubernetes.objects import (
    ApiError,
    Change,
    Key,
    Object,
    Objects,
    matches_fields,
    matches_labels,
    now_text,
)
from tests.support.kubernetes.pods import Kubelet

_VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Requests:
    """Answers requests."""

    def __init__(self, objects: Objects, misfortunes: Misfortunes, kubelet: Kubelet) -> None:
        self.objects, self.misfortunes, self.kubelet = objects, misfortunes, kubelet
        self.seen: list[tuple[str, str, str]] = []
        """Every request: verb, resource, name."""
        self.watchers: set[asyncio.Transport] = set()
        self._transports: set[asyncio.BaseTransport] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path in {"/version", "/readyz", "/livez"}:
            return web.json_response({"major": "1", "minor": "36", "gitVersion": "v1.36.2"})
        resource, namespace, name, sub = _parts(request.path)
        verb = _VERBS[request.method]
        if verb == "get" and not name:
            verb = "watch" if request.query.get("watch") in {"1", "true", "True"} else "list"
        body = await request.json() if request.can_read_body else {}
        if verb == "create":
            name = body["metadata"].setdefault("name", body["metadata"].get("generateName", "") + "x7x7x")
        self.seen.append((verb, f"{resource}/{sub}" if sub else resource, name))
        mishap = self.misfortunes.next(verb, resource, name)
        if request.transport is not None:  # its client has gone already
            self._transports.add(request.transport)
        try:
            await self.misfortunes.before(mishap)
            key = Key(resource, namespace or "", name)
            if verb == "watch":
                return await self._watch(request, resource, namespace)
            answer = self._answer(request, verb, key, sub, body)
        except ApiError as error:
            return web.json_response(error.status(), status=error.code, headers=error.headers)
        return await _reply(request, mishap, answer, created=verb == "create")

    def drop_connections(self) -> None:
        """Cut every connection, watches too."""
        for transport in self._transports:
            transport.abort()
        self._transports.clear()

    def drop_watches(self) -> None:
        """Close every watch in the middle."""
        for watcher in list(self.watchers):
            watcher.abort()

    def _answer(self, request: web.Request, verb: str, key: Key, sub: str, body: Object) -> Any:
        if sub == "log":
            return self.kubelet.read_log(key, request.query.get("container", ""))
        if verb == "list":
            return self._list(request, key.resource, key.namespace or None)
        if verb == "get":
            return self.objects.get(key)
        if verb == "create":
            present = [found for _, found in self.objects.of(key.resource, key.namespace)]
            if self.objects.find(key) is None:
                self.misfortunes.check_admission(key.resource, body, present)
            return self.objects.create(key, _completed(key.resource, body))
        if verb == "delete":
            return self._delete(request, key, body)
        return self.objects.replace(key, _changed(self.objects.get(key), body, sub, patch=verb == "patch"))

    def _list(self, request: web.Request, resource: str, namespace: str | None) -> Object:
        items = [found for _, found in self.objects.of(resource, namespace) if _selected(request, found)]
        return {
            "kind": "List",
            "apiVersion": "v1",
            "metadata": {"resourceVersion": str(self.objects.version)},
            "items": items,
        }

    def _delete(self, request: web.Request, key: Key, body: Object) -> Object:
        if not key.name:
            for each, found in self.objects.of(key.resource, key.namespace):
                if _selected(request, found):
                    self._delete_one(each, None)
            return {"kind": "Status", "apiVersion": "v1", "status": "Success"}
        wanted = (body.get("preconditions") or {}).get("uid")
        if wanted and wanted != self.objects.get(key)["metadata"]["uid"]:
            raise ApiError(409, "Conflict", f"the UID in the precondition ({wanted}) does not match")
        grace = body.get("gracePeriodSeconds", request.query.get("gracePeriodSeconds"))
        return self._delete_one(key, None if grace is None else int(grace))

    def _delete_one(self, key: Key, grace: int | None) -> Object:
        found = self.objects.get(key)
        if key.resource == "pods":
            return self.kubelet.delete(key, grace)
        if key.resource == "persistentvolumeclaims" and self.kubelet.uses_claim(key):
            found["metadata"].setdefault("finalizers", ["kubernetes.io/pvc-protection"])
        if found["metadata"].get("finalizers"):
            found["metadata"].setdefault("deletionTimestamp", now_text())
            return self.objects.replace(key, found)
        return self.objects.remove(key)

    async def _watch(self, request: web.Request, resource: str, namespace: str | None) -> web.StreamResponse:
        asked = int(request.query.get("resourceVersion") or 0)
        version = asked or self.objects.version
        seconds = float(request.query.get("timeoutSeconds") or 300)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        transport = request.transport
        self.watchers.add(transport)
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        silent = False
        try:
            for _, found in [] if asked else list(self.objects.of(resource, namespace)):
                if _selected(request, found):
                    await _line(response, {"type": "ADDED", "object": found})
            while loop.time() < end or silent:
                silent = silent or self.misfortunes.are_watches_silent
                if not silent:
                    version = await self._tell(request, response, (resource, namespace, version))
                await self.objects.wait(min(0.2, self.misfortunes.watch_lag or 0.2))
                if transport.is_closing():
                    break
        except ConnectionError:
            return response
        finally:
            self.watchers.discard(transport)
        return response

    async def _tell(
        self, request: web.Request, response: web.StreamResponse, place: tuple[str, str | None, int]
    ) -> int:
        resource, namespace, version = place
        if version < self.objects.oldest:
            gone = ApiError(410, "Expired", f"too old resource version: {version} ({self.objects.oldest})")
            await _line(response, {"type": "ERROR", "object": gone.status()})
            raise ConnectionResetError
        known = asyncio.get_running_loop().time() - self.misfortunes.watch_lag
        for change in self.objects.changes_since(version):
            if change.at > known:
                break
            version = change.version
            if _is_wanted(change, resource, namespace) and _selected(request, change.object):
                await _line(response, {"type": change.type, "object": change.object})
        return version


def _parts(path: str) -> tuple[str, str | None, str, str]:
    """Return resource, namespace, name and sub-resource of ``/apis/batch/v1/namespaces/x/jobs/y/status``."""
    steps = path.strip("/").split("/")
    group = "" if steps[0] == "api" else f"{steps[1]}/{steps[2]}/"
    rest = steps[2 if steps[0] == "api" else 3 :]
    namespace = None
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    rest += [""] * (3 - len(rest))
    return group + rest[0], namespace, rest[1], rest[2]


def _selected(request: web.Request, found: Object) -> bool:
    labels, fields = request.query.get("labelSelector", ""), request.query.get("fieldSelector", "")
    return matches_labels(found, labels) and matches_fields(found, fields)


def _is_wanted(change: Change, resource: str, namespace: str | None) -> bool:
    return change.key.resource == resource and namespace in {None, change.key.namespace}


def _completed(resource: str, body: Object) -> Object:
    made = copy.deepcopy(body)
    if resource == "secrets":
        # A real server takes stringData and keeps data; the fake keeps both, for tests to read.
        made.setdefault("type", "Opaque")
    if resource == "pods":
        for container in made["spec"]["containers"] + (made["spec"].get("initContainers") or []):
            container.setdefault("ports", [])
        made["status"] = {"phase": "Pending", "qosClass": "Guaranteed", "conditions": []}
    if resource == "persistentvolumeclaims":
        made["status"] = {"phase": "Bound"}
    return made


def _changed(found: Object, body: Object, sub: str, *, patch: bool) -> Object:
    if sub == "status" and not patch:
        return found | {"status": body["status"]}
    if not patch:
        kept = {k: found["metadata"][k] for k in ("uid", "creationTimestamp", "namespace")}
        return body | {"metadata": body["metadata"] | kept}
    return _merged(found, body)


def _merged(found: Any, change: Any) -> Any:
    """Return a JSON merge patch's result (lists are replaced whole)."""
    if not isinstance(change, dict):
        return change
    result = dict(found) if isinstance(found, dict) else {}
    for name, value in change.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result


async def _reply(
    request: web.Request, mishap: Mishap | None, answer: Any, *, created: bool
) -> web.StreamResponse:
    if mishap:
        await asyncio.sleep(mishap.late)
        if mishap.lose_reply:
            request.transport.abort()
    if isinstance(answer, str):
        return web.Response(text=answer)
    return web.json_response(answer, status=201 if created else 200)


async def _line(response: web.StreamResponse, event: Object) -> None:
    await response.write(json.dumps(event).encode() + b"\n")
