"""``/v1/datastore``: named connections to object stores. Credentials go in and never come out."""

from pydantic import Field

from ovh_spawner.contract import api_v1_catalog as wire
from ovh_spawner.service.api.parameters import Parameters
from ovh_spawner.service.api.routes import Call, NoParameters, Routes
from ovh_spawner.service.operations.datastores import DataStoreRequest
from ovh_spawner.service.operations.views import DataStoreView

ROUTES = Routes("data store")


class AddParameters(Parameters):
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


@ROUTES.route("GET", "/v1/datastore", answer=list[wire.DataStore])
async def list_data_stores(call: Call[NoParameters]) -> list[wire.DataStore]:
    """List data stores."""
    return [_to_data_store(view) for view in await call.service.operations.datastores.list(call.actor)]


@ROUTES.route(
    "POST",
    "/v1/datastore",
    answer=wire.DataStore,
    body=DataStoreRequest,
    query=AddParameters,
    errors=(400,),
)
async def add_data_store(call: Call[AddParameters]) -> wire.DataStore:
    """Add a data store."""
    return _to_data_store(
        await call.service.operations.datastores.add(
            call.actor, call.body, skip_check=call.query.skip_data_store_connection_check
        )
    )


@ROUTES.route("GET", "/v1/datastore/{alias}", answer=wire.DataStore, errors=(404,))
async def get_data_store(call: Call[NoParameters]) -> wire.DataStore:
    """Get a data store."""
    return _to_data_store(await call.service.operations.datastores.get(call.actor, call.path["alias"]))


@ROUTES.route(
    "POST",
    "/v1/datastore/{alias}/check",
    answer=wire.DataStoreCheck,
    errors=(404,),
)
async def check_data_store(call: Call[NoParameters]) -> wire.DataStoreCheck:
    """Ask the data store whether its credentials work."""
    alias = call.path["alias"]
    found = await call.service.operations.datastores.check(call.actor, alias)
    return wire.DataStoreCheck(alias=alias, state=found.state.value, message=found.message)


@ROUTES.route("DELETE", "/v1/datastore/{alias}", errors=(400, 404))
async def remove_data_store(call: Call[NoParameters]) -> None:
    """Remove a data store; its objects stay."""
    await call.service.operations.datastores.remove(call.actor, call.path["alias"])
