"""The service's calls to JupyterHub's API, with the service's own token."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from ovh_spawner.contract.runs import NotebookReference
from ovh_spawner.errors import HubError

REQUEST_SECONDS = 30.0
"""The hub answers a start or stop within its slow_spawn_timeout or slow_stop_timeout (10 s by default)."""

MAX_CLIENTS = 50
"""Starts and stops block for seconds each; this many may wait at a time."""

NOT_FOUND = 404
FIRST_WITH_DISPLAY_NAMES = 6
"""JupyterHub 5 takes the whole body as options; 6 knows a display name beside them."""


@dataclass(frozen=True, slots=True)
class HubServer:
    """A server as the hub sees it."""

    ready: bool
    pending: str
    """spawn, stop, or empty."""

    @property
    def is_active(self) -> bool:
        return self.ready or bool(self.pending)


@dataclass(frozen=True, slots=True)
class HubUser:
    """A person as the hub sees them."""

    name: str
    is_admin: bool
    groups: frozenset[str]


class HubClient:
    """JupyterHub's API."""

    def __init__(self, api_url: str, token: str) -> None:
        self._api_url = api_url.rstrip("/")
        self._token = token
        self._http: AsyncHTTPClient | None = None
        self._major: int | None = None

    async def find_user(self, name: str) -> HubUser | None:
        """Return the person with their groups, or None when the hub knows nobody of this name (any more).

        Raises:
            HubError: the hub did not answer.

        """
        try:
            model = await self._call("GET", f"/users/{_safe(name)}") or {}
        except _NotThereError:
            return None
        groups = model.get("groups") or ()
        return HubUser(name, bool(model.get("admin")), frozenset(str(group) for group in groups))

    async def find_server(self, user: str, server_name: str) -> HubServer | None:
        """Return the server, or None when the hub has none of this name (any more).

        Raises:
            HubError: the hub did not answer.

        """
        try:
            # The list works with hub 5 and 6; one server by its name is 6 only.
            model = await self._call("GET", f"/users/{_safe(user)}?include_stopped_servers=1")
        except _NotThereError:
            return None
        found = (model or {}).get("servers", {}).get(server_name)
        if found is None:
            return None
        return HubServer(ready=bool(found.get("ready")), pending=str(found.get("pending") or ""))

    async def start_server(
        self, user: str, server_name: str, *, reference: NotebookReference, display_name: str
    ) -> None:
        """Ask the hub to start the server.

        Raises:
            HubError: the hub did not answer, or refused; the message is the hub's.

        """
        options = reference.model_dump(mode="json", by_alias=True)
        body: dict[str, Any] = options
        if await self._major_version() >= FIRST_WITH_DISPLAY_NAMES:
            body = {"user_options": options, "display_name": display_name}
        await self._change("POST", _server(user, server_name), body)

    async def stop_server(self, user: str, server_name: str) -> None:
        """Ask the hub to stop the server; one that is not there is stopped.

        Raises:
            HubError: the hub did not answer, or cannot stop it now.

        """
        await self._change("DELETE", _server(user, server_name), None)

    async def delete_server(self, user: str, server_name: str) -> None:
        """Ask the hub to stop and forget the server; one that is not there is forgotten.

        Raises:
            HubError: as for a stop.

        """
        # The hub never removes a person's default server.
        body = {"remove": True} if server_name else None
        await self._change("DELETE", _server(user, server_name), body)

    def close(self) -> None:
        if self._http:
            self._http.close()

    async def _major_version(self) -> int:
        if self._major is None:
            answer = await self._call("GET", "/")
            self._major = int(str((answer or {}).get("version", "6")).split(".")[0])
        return self._major

    async def _change(self, method: str, path: str, body: dict[str, Any] | None) -> None:
        try:
            await self._call(method, path, body)
        except _NotThereError as exc:
            if method != "DELETE":
                raise HubError("JupyterHub does not know this person.") from exc

    async def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        if self._http is None:
            self._http = SimpleAsyncHTTPClient(force_instance=True, max_clients=MAX_CLIENTS)
        request = HTTPRequest(
            self._api_url + path,
            method=method,
            headers={"Authorization": f"token {self._token}", "Content-Type": "application/json"},
            body=None if body is None else json.dumps(body),
            allow_nonstandard_methods=True,
            follow_redirects=False,
            connect_timeout=REQUEST_SECONDS,
            request_timeout=REQUEST_SECONDS,
        )
        try:
            response = await self._http.fetch(request)
        except HTTPClientError as exc:
            raise _refusal(exc) from exc
        except OSError as exc:
            raise HubError("JupyterHub does not answer.") from exc
        return _json_of(response)


class _NotThereError(HubError):
    """The hub answered 404."""


def _refusal(error: HTTPClientError) -> HubError:
    if error.code == NOT_FOUND:
        return _NotThereError("JupyterHub does not know it.")
    if error.response is None:
        return HubError("JupyterHub does not answer.", status=error.code)
    message = str((_json_of(error.response) or {}).get("message") or error.response.reason)
    return HubError(f"JupyterHub says: {message}", status=error.code)


def _json_of(response: HTTPResponse) -> dict[str, Any] | None:
    try:
        found = json.loads(response.body or b"null")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _safe(name: str) -> str:
    return quote(name, safe="@")


def _server(user: str, server_name: str) -> str:
    path = f"servers/{_safe(server_name)}" if server_name else "server"
    return f"/users/{_safe(user)}/{path}"
