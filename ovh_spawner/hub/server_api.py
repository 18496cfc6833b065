"""The hub's REST door of servers, without its ways around the spawner.

JupyterHub writes the options that it receives into its database, and those of a PATCH into its log, before
any spawner sees them. Here they become a stored record's reference first; where no spawner would ever look at
them (PUT, PATCH), they are refused. So is a new name: a notebook's address never changes.
"""

from typing import Any

from jupyterhub.apihandlers.users import UserServerAPIHandler
from tornado import web

from ovh_spawner.errors import OVHSpawnerError
from ovh_spawner.hub import refusals

_OPTIONS_ELSEWHERE = (
    "Options are not accepted here, where JupyterHub would keep them unchecked and in clear. Give them when "
    "you start the server: POST to this address, or, with environment variables and credentials, "
    "'POST /services/ai/v1/notebook'."
)
_NAME_STAYS = (
    "A notebook's address never changes, so its server cannot be renamed. Leave 'name' out; "
    "'display_name' may be changed."
)


class ServerAPIHandler(UserServerAPIHandler):  # type: ignore[misc]
    """JupyterHub's own handler, with what it is given checked before it is stored."""

    # Both are called after the caller's right was checked, and before anything is stored.

    def get_server_json_body(self) -> dict[str, Any]:
        body: dict[str, Any] = super().get_server_json_body()
        if self.request.method == "PUT" and body["user_options"]:
            raise web.HTTPError(400, _OPTIONS_ELSEWHERE)
        return body

    def get_json_body(self) -> Any:
        body = super().get_json_body()
        if self.request.method == "PATCH" and isinstance(body, dict):
            if "user_options" in body:
                raise web.HTTPError(400, _OPTIONS_ELSEWHERE)
            if "name" in body:
                raise web.HTTPError(400, _NAME_STAYS)
        return body

    async def spawn_single_user(self, user: Any, server_name: str = "", *names: Any, **given: Any) -> None:
        if given.get("options"):
            spawner = user.spawners[server_name]
            try:
                reference = await spawner.resolve(given["options"])
            except OVHSpawnerError as error:
                raise refusals.refusal(error) from error
            if spawner.pending:
                return  # somebody else's start came first; the caller is told that it is on its way
            given["options"] = reference.model_dump(mode="json")
        await super().spawn_single_user(user, server_name, *names, **given)
