"""``/v1/datastore``: named connections to object stores. Credentials go in and never come out."""

from pydantic import Field

from ovh_spawner.contract import api_v1_catalog as wire
from ovh_spawner.service.api.parameters import Parameters
from ovh_spawner.service.api.routes import Call, Routes
from ovh_spawner.service.operations.datastores import DataStoreRequest
from ovh_spawner.service.operations.views import DataStoreView

ROUTES = Routes("data store")


class StoreParameters(Parameters):
    """In which project."""

    project: str | None = Field(
        default=None, max_length=255, description="The project whose data store it is."
    )


class AddParameters(StoreParameters):
    """How to add."""

    skip_data_store_connection_check: bool = Field(
        default=False, description="True: do not ask the data store whether the credentials work."
    )


def _to_data_store(view: DataStoreView) -> wire.DataStore:
    return wire.DataStore(
        alias=view.alias,
        type=view.type,
        owner=view.owner,
        endpoint=view.endpoint or None,
        region=view.region or None,
        created_at=view.created_at,
    )


@ROUTES.route("GET", "/v1/datastore", answer=list[wire.DataStore], query=StoreParameters, errors=(404,))
async def list_data_stores(call: Call[StoreParameters]) -> list[wire.DataStore]:
    """List data stores."""
    found = await call.service.operations.datastores.list(call.actor, call.query.project)
    return [_to_data_store(view) for view in found]


@ROUTES.route(
    "POST",
    "/v1/datastore",
    answer=wire.DataStore,
    body=DataStoreRequest,
    query=AddParameters,
    errors=(400, 404),
)
async def add_data_store(call: Call[AddParameters]) -> wire.DataStore:
    """Add a data store."""
    return _to_data_store(
        await call.service.operations.datastores.add(
            call.actor,
            call.body,
            project=call.query.project,
            skip_check=call.query.skip_data_store_connection_check,
        )
    )


@ROUTES.route("GET", "/v1/datastore/{alias}", answer=wire.DataStore, query=StoreParameters, errors=(404,))
async def get_data_store(call: Call[StoreParameters]) -> wire.DataStore:
    """Get a data store."""
    stores = call.service.operations.datastores
    return _to_data_store(await stores.get(call.actor, call.path["alias"], call.query.project))


@ROUTES.route(
    "POST",
    "/v1/datastore/{alias}/check",
    answer=wire.DataStoreCheck,
    query=StoreParameters,
    errors=(404,),
)
async def check_data_store(call: Call[StoreParameters]) -> wire.DataStoreCheck:
    """Ask the data store whether its credentials work."""
    alias = call.path["alias"]
    found = await call.service.operations.datastores.check(call.actor, alias, call.query.project)
    return wire.DataStoreCheck(alias=alias, state=found.state.value, message=found.message)


@ROUTES.route("DELETE", "/v1/datastore/{alias}", query=StoreParameters, errors=(400, 404))
async def remove_data_store(call: Call[StoreParameters]) -> None:
    """Remove a data store; its objects stay."""
    await call.service.operations.datastores.remove(call.actor, call.path["alias"], call.query.project)
