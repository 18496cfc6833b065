"""``/v1/project``: projects, their quotas and their members."""

from ovh_spawner.contract import api_v1_catalog as wire
from ovh_spawner.domain.projects import Membership
from ovh_spawner.service.api.routes import Call, NoParameters, Routes
from ovh_spawner.service.operations.administration import (
    MemberRequest,
    ProjectRequest,
    ProjectUpdateRequest,
    membership_from,
)
from ovh_spawner.service.operations.views import ProjectView

ROUTES = Routes("project")


def _to_project(call: Call[NoParameters], view: ProjectView) -> wire.Project:
    known = call.service.operations.capabilities.capabilities()
    project = view.project
    return wire.Project(
        name=project.name,
        title=project.title,
        role=view.role.value if view.role else None,
        sharing=project.sharing.value,
        origin=project.origin.value,
        price_list=project.price_list,
        labels=dict(project.labels),
        region=known.region,
        currency=known.currency,
        gpu_quota=project.gpu_quota,
        gpus_used=view.usage.gpus_used,
        cpus_used=view.usage.cpus_used,
    )


def _member(call: Call[NoParameters], data: object = None) -> Membership:
    return membership_from(call.path["project"], call.path["kind"], call.path["member"], data=data)


@ROUTES.route("GET", "/v1/project", answer=list[wire.Project])
async def list_projects(call: Call[NoParameters]) -> list[wire.Project]:
    """List your projects with their quotas and what is in use."""
    return [_to_project(call, view) for view in await call.service.operations.projects.list(call.actor)]


@ROUTES.route("POST", "/v1/project", answer=wire.Project, body=ProjectRequest)
async def create_project(call: Call[NoParameters]) -> wire.Project:
    """Make a project; for who looks after the platform."""
    return _to_project(call, await call.service.operations.projects.create(call.actor, call.body))


@ROUTES.route("GET", "/v1/project/{project}", answer=wire.Project, errors=(404,))
async def get_project(call: Call[NoParameters]) -> wire.Project:
    """Get a project with its quota and what is in use."""
    return _to_project(call, await call.service.operations.projects.get(call.actor, call.path["project"]))


@ROUTES.route("PUT", "/v1/project/{project}", answer=wire.Project, body=ProjectUpdateRequest, errors=(404,))
async def update_project(call: Call[NoParameters]) -> wire.Project:
    """Change a project that the API made; for who looks after the platform."""
    changed = await call.service.operations.projects.update(call.actor, call.path["project"], call.body)
    return _to_project(call, changed)


@ROUTES.route("DELETE", "/v1/project/{project}", errors=(404,))
async def close_project(call: Call[NoParameters]) -> None:
    """Close a project without notebooks, for good; what it cost stays in the books."""
    await call.service.operations.projects.close(call.actor, call.path["project"])


@ROUTES.route("GET", "/v1/project/{project}/member", answer=list[wire.ProjectMember], errors=(404,))
async def list_members(call: Call[NoParameters]) -> list[wire.ProjectMember]:
    """List a project's members; for its administrators."""
    found = await call.service.operations.projects.members(call.actor, call.path["project"])
    return [
        wire.ProjectMember(
            kind=member.kind.value, name=member.name, role=member.role.value, origin=member.origin.value
        )
        for member in found
    ]


@ROUTES.route("PUT", "/v1/project/{project}/member/{kind}/{member}", body=MemberRequest, errors=(404,))
async def set_member(call: Call[NoParameters]) -> None:
    """Give a person (kind user) or everybody in a group (kind group) a role."""
    await call.service.operations.projects.set_member(call.actor, _member(call, call.body))


@ROUTES.route("DELETE", "/v1/project/{project}/member/{kind}/{member}", errors=(404,))
async def remove_member(call: Call[NoParameters]) -> None:
    """Take a role away, at once."""
    await call.service.operations.projects.remove_member(call.actor, _member(call))
