"""``/v1/notebook/{id}/datasync``: pull or push by hand."""

from ovh_spawner.contract import api_v1
from ovh_spawner.service.api.handlers import path_id
from ovh_spawner.service.api.routes import Call, NoParameters, Routes
from ovh_spawner.service.api.v1.datasync_json import to_data_sync

ROUTES = Routes("data sync")


@ROUTES.route(
    "POST",
    "/v1/notebook/{notebook}/datasync",
    answer=api_v1.DataSync,
    body=api_v1.DataSyncRequest,
    errors=(400, 404),
)
async def request_data_sync(call: Call[NoParameters]) -> api_v1.DataSync:
    """Pull or push a notebook's data now."""
    notebook = path_id(call.path["notebook"], "notebook")
    return to_data_sync(
        await call.service.operations.sync.request(call.actor, notebook, call.body), volumes={}, statuses={}
    )
