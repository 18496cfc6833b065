"""``/v1/me`` and ``/v1/project``: who asks, and in which project."""

from ovh_spawner.contract import api_v1_catalog as wire
from ovh_spawner.service.api.routes import Call, NoParameters, Routes
from ovh_spawner.service.api.v1.capabilities import to_quotas

ROUTES = Routes("me")


@ROUTES.route("GET", "/v1/me", answer=wire.Me)
async def get_me(call: Call[NoParameters]) -> wire.Me:
    """Say who asks."""
    quota = await call.service.operations.capabilities.quota(call.actor)
    return wire.Me(
        name=call.actor.name,
        tenant=quota.project,
        role="administrator" if call.actor.admin else "ai_training_operator",
        # A person's token at the hub; tokens of the project's own come later and will be "app".
        token_kind="oauth",  # noqa: S106
        quotas=to_quotas(quota),
    )


@ROUTES.route("GET", "/v1/project", answer=wire.Project)
async def get_project(call: Call[NoParameters]) -> wire.Project:
    """Get the project with its quota and what is in use."""
    quota = await call.service.operations.capabilities.quota(call.actor)
    known = call.service.operations.capabilities.capabilities()
    return wire.Project(
        name=quota.project,
        region=known.region,
        currency=known.currency,
        gpu_quota=quota.gpu_quota,
        gpus_used=quota.gpus_used,
        cpus_used=quota.cpus_used,
    )
