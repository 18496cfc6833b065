"""``/v1/me``: who asks, and in which projects."""

from ovh_spawner.contract import api_v1_catalog as wire
from ovh_spawner.domain.access import Person, Role
from ovh_spawner.service.api.routes import Call, Routes
from ovh_spawner.service.api.v1.capabilities import ProjectParameters, to_quotas
from ovh_spawner.service.api.v1.tokens import VENDOR_ROLES

ROUTES = Routes("me")


def _role(actor: Person, project: str) -> str | None:
    if actor.is_platform_admin and actor.token is None:
        return VENDOR_ROLES[Role.ADMINISTRATOR]
    role = actor.roles.get(project)
    return VENDOR_ROLES[role] if role else None


@ROUTES.route("GET", "/v1/me", answer=wire.Me, query=ProjectParameters, errors=(404,))
async def get_me(call: Call[ProjectParameters]) -> wire.Me:
    """Say who asks."""
    actor = call.actor
    quota = await call.service.operations.capabilities.quota(actor, call.query.project)
    return wire.Me(
        name=actor.name,
        tenant=quota.project,
        role=_role(actor, quota.project),
        token_kind="app" if actor.token else "oauth",
        quotas=to_quotas(quota),
        projects=[wire.ProjectRole(name=name, role=role.value) for name, role in sorted(actor.roles.items())],
    )
