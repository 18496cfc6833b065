"""What the hub asks about notebooks: options into a record, the spawn page, the state, the deletion."""

from pydantic import Field

from ovh_spawner.contract.notebooks import HomePage, NotebookBrief, SpawnPage
from ovh_spawner.contract.runs import NotebookReference, ResolveRequest
from ovh_spawner.domain.access import Person
from ovh_spawner.errors import NotFoundError
from ovh_spawner.service.api.handlers import path_id
from ovh_spawner.service.api.json_body import read_message
from ovh_spawner.service.api.parameters import Parameters
from ovh_spawner.service.api.routes import Call, Caller, NoParameters, Routes

ROUTES = Routes("hub", caller=Caller.HUB)


class UserParameters(Parameters):
    """A user of the hub."""

    user: str = Field(max_length=255)


class ServerParameters(UserParameters):
    """A server of the hub."""

    server: str = Field(default="", max_length=255)


class SpawnPageParameters(ServerParameters):
    """A spawn page, with what was chosen on it."""

    project: str | None = Field(default=None, max_length=255)


@ROUTES.route(
    "POST",
    "/internal/v1/notebooks/resolve",
    answer=NotebookReference,
    body=ResolveRequest,
    errors=(400, 404),
)
async def resolve(call: Call[NoParameters]) -> NotebookReference:
    """Turn a hub user's options into a stored record."""
    return await call.service.operations.notebooks.resolve(read_message(ResolveRequest, call.body))


@ROUTES.route(
    "GET",
    "/internal/v1/spawn-page",
    answer=SpawnPage,
    query=SpawnPageParameters,
)
async def get_spawn_page(call: Call[SpawnPageParameters]) -> SpawnPage:
    """Get what the spawn page shows."""
    asked = call.query
    return await call.service.operations.capabilities.spawn_page(asked.user, asked.server, asked.project)


@ROUTES.route("GET", "/internal/v1/home-page", answer=HomePage, query=UserParameters)
async def get_home_page(call: Call[UserParameters]) -> HomePage:
    """Say where all notebooks of a person stand."""
    return await call.service.operations.token_sign_in.home_page(call.query.user)


@ROUTES.route(
    "GET",
    "/internal/v1/notebooks",
    answer=NotebookBrief,
    query=ServerParameters,
    errors=(404,),
)
async def find_notebook(call: Call[ServerParameters]) -> NotebookBrief:
    """Say where the notebook of a server stands."""
    return await _of_server(call)


@ROUTES.route(
    "POST",
    "/internal/v1/notebooks/save",
    query=ServerParameters,
    errors=(400, 404),
)
async def save_notebook(call: Call[ServerParameters]) -> None:
    """Push the notebook of a server now, for its owner; what is being saved already goes on."""
    found = await _of_server(call)
    if not found.is_syncing:
        # The hub has let them in; files are to be saved whatever became of their role.
        person = Person(call.query.user, is_platform_admin=True)
        await call.service.operations.sync.request(person, found.notebook, {"direction": "push"})


async def _of_server(call: Call[ServerParameters]) -> NotebookBrief:
    found = await call.service.operations.notebooks.find_by_server(call.query.user, call.query.server)
    if found is None:
        raise NotFoundError("notebook of the server", call.query.server)
    return found


@ROUTES.route("DELETE", "/internal/v1/notebooks/{notebook}", errors=(404,))
async def delete_notebook(call: Call[NoParameters]) -> None:
    """Delete a notebook that the hub forgets."""
    await call.service.operations.notebooks.delete_by_hub(path_id(call.path["notebook"], "notebook"))
