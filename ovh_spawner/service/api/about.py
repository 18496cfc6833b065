"""``health`` and ``openapi.json``: the service about itself, for anyone."""

import json

from ovh_spawner.constants import DEFAULT_PROJECT
from ovh_spawner.contract.api_v1_catalog import Health
from ovh_spawner.service.api.routes import Call, Caller, NoParameters, Routes, Text

ROUTES = Routes("about", caller=Caller.ANYONE)


@ROUTES.route("GET", "/health", answer=Health)
async def get_health(call: Call[NoParameters]) -> Health:
    """Say whether the service and its database answer."""
    # The cheapest read that goes through to the database.
    await call.service.operations.datastores.aliases("", DEFAULT_PROJECT)
    return Health(status="ok")


def describe_with(document: dict[str, object]) -> Routes:
    """Return the route that serves the finished OpenAPI document."""
    text = json.dumps(document, indent=2, sort_keys=False)
    routes = Routes("about", caller=Caller.ANYONE)

    @routes.route("GET", "/openapi.json", answer=Text)
    async def get_openapi(call: Call[NoParameters]) -> Text:
        """Get this description."""
        del call
        return Text(text, "application/json; charset=utf-8")

    return routes
