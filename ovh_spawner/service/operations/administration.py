"""Projects through the API: made and closed by who looks after the platform, their members by their administrators.

What the settings or people's groups say is shown here and changed there.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from ovh_spawner.constants import DEFAULT_PROJECT
from ovh_spawner.domain.access import Person, Role, Sharing
from ovh_spawner.domain.labels import check_labels
from ovh_spawner.domain.problems import problems_from
from ovh_spawner.domain.projects import (
    MAX_MEMBER_NAME,
    MemberKind,
    Membership,
    Origin,
    Project,
    check_project_name,
)
from ovh_spawner.errors import (
    InvalidSpecError,
    NotFoundError,
    PermissionDeniedError,
    Problem,
    WrongStateError,
)
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.operations.audit import Act, record
from ovh_spawner.service.operations.capabilities import quota_of
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.people import People
from ovh_spawner.service.operations.projects import projects_of, settings_memberships, settings_project
from ovh_spawner.service.operations.views import ProjectView

logger = structlog.get_logger()

MOST_MEMBERS = 2_000
"""Of one project, made through the API: all are read every second, and groups are the way for more."""

MOST_GPUS = 1_000_000
"""More than any cluster has; what a database takes as a number."""

_R = TypeVar("_R", bound=BaseModel)


class _Request(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_alias=True, validate_by_name=False, extra="forbid", strict=True
    )


class ProjectUpdateRequest(_Request):
    """What may change of a project; an absent key leaves its part unchanged."""

    title: str | None = Field(default=None, min_length=1, max_length=100, description="For people.")
    gpu_quota: int | None = Field(
        default=None, ge=0, le=MOST_GPUS, description="GPUs that it may hold at a time."
    )
    sharing: Literal["members", "owner"] | None = Field(
        default=None, description="Whose notebooks its members see and open: each other's, or only their own."
    )
    price_list: str | None = Field(default=None, description="One of the settings' priceLists, or nothing.")
    labels: dict[str, str] | None = None


class ProjectRequest(ProjectUpdateRequest):
    """A new project."""

    name: str = Field(description="Its id: never changes and is never given again.")


class MemberRequest(_Request):
    """What somebody is to be."""

    role: Literal["read", "operator", "administrator"]


class ProjectOperations:
    """Use cases of projects. A project that the person has nothing to do with is not found."""

    def __init__(self, means: Means, people: People) -> None:
        self._means = means
        self._people = people

    async def list(self, actor: Person) -> Sequence[ProjectView]:
        """Return the person's projects; all of them to who looks after the platform."""
        async with self._means.ledger.reading() as unit:
            found = await projects_of(unit, self._means.settings, actor)
            return [await _view(unit, project, actor) for project in found]

    async def get(self, actor: Person, name: str) -> ProjectView:
        async with self._means.ledger.reading() as unit:
            return await _view(unit, await self._find(unit, actor, name), actor)

    async def create(self, actor: Person, data: object) -> ProjectView:
        """Make a project.

        Raises:
            PermissionDeniedError: the person does not look after the platform.
            InvalidSpecError: naming everything that is wrong; nothing was stored.

        """
        _refuse_all_but_platform(actor)
        request = _parse(ProjectRequest, data)
        self._check(request, check_project_name(request.name))
        project = Project(
            name=request.name,
            title=request.title or request.name,
            gpu_quota=self._means.settings.project.gpu_quota
            if request.gpu_quota is None
            else request.gpu_quota,
            sharing=Sharing(request.sharing or Sharing.MEMBERS),
            origin=Origin.API,
            price_list=request.price_list or "",
            labels=request.labels or {},
        )
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            is_taken = project.name == DEFAULT_PROJECT or settings_project(self._means.settings, project.name)
            if is_taken or not await unit.projects.add(project, now):
                raise InvalidSpecError.one(
                    "name", f"{project.name!r} is, or was, the name of a project; choose another one."
                )
            await self._record(unit, Act.PROJECT_CREATE, project.name, actor=actor)
            view = await _view(unit, project, actor)
        self._people.forget()
        return view

    async def update(self, actor: Person, name: str, data: object) -> ProjectView:
        """Change a project that the API made."""
        async with self._means.ledger.writing() as unit:
            # Twice: to lock makes a row, which is not for whoever knows nothing of the project.
            await self._find(unit, actor, name)
            _refuse_all_but_platform(actor)
            await unit.projects.lock(name, self._means.now())
            project = await self._find(unit, actor, name)
            _refuse_declared(project)
            request = _parse(ProjectUpdateRequest, data)
            self._check(request, ())
            given = request.model_dump(exclude_none=True)
            changed = replace(project, **{**given, "sharing": Sharing(given.get("sharing", project.sharing))})
            await unit.projects.save(changed)
            await self._record(unit, Act.PROJECT_CHANGE, name, actor=actor, changed=", ".join(sorted(given)))
            return await _view(unit, changed, actor)

    async def close(self, actor: Person, name: str) -> None:
        """Close a project that has no notebooks; what it cost stays in the books, its name is not given again."""
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            project = await self._find(unit, actor, name)
            _refuse_all_but_platform(actor)
            _refuse_declared(project)
            await unit.projects.lock(name, now)
            if left := await unit.projects.count_notebooks(name):
                raise WrongStateError(
                    f"Project {name!r} has {left} notebook{'s' if left > 1 else ''}; delete them first."
                )
            await unit.projects.close(name, now)
            await self._record(unit, Act.PROJECT_CLOSE, name, actor=actor)
        self._people.forget()

    async def members(self, actor: Person, name: str) -> Sequence[Membership]:
        """Return who is in a project, for its administrators."""
        async with self._means.ledger.reading() as unit:
            await self._find(unit, actor, name)
            _refuse_all_but_administrators(actor, name)
            made = await unit.projects.list_members(name)
        declared = [found for found in settings_memberships(self._means.settings) if found.project == name]
        return [*declared, *made]

    async def set_member(self, actor: Person, membership: Membership) -> None:
        """Give somebody a role, in the place of the one before."""
        name = membership.project
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            await self._find_to_manage(unit, actor, membership)
            await unit.projects.lock(name, now)
            known = {(member.kind, member.name) for member in await unit.projects.list_members(name)}
            if len(known | {(membership.kind, membership.name)}) > MOST_MEMBERS:
                raise InvalidSpecError.one(
                    "member", f"A project has at most {MOST_MEMBERS} members by name; name a group instead."
                )
            await unit.projects.set_member(membership, now)
            await self._record(
                unit, Act.MEMBER_SET, name, actor=actor, member=_word(membership), role=membership.role.value
            )
        self._people.forget()

    async def remove_member(self, actor: Person, membership: Membership) -> None:
        """Take a role away; what is open ends within seconds."""
        async with self._means.ledger.writing() as unit:
            await self._find_to_manage(unit, actor, membership)
            if not await unit.projects.remove_member(membership):
                raise NotFoundError("member", membership.name[:80])
            await self._record(
                unit, Act.MEMBER_REMOVE, membership.project, actor=actor, member=_word(membership)
            )
        self._people.forget()

    async def _find(self, unit: UnitOfWork, actor: Person, name: str) -> Project:
        known = await projects_of(unit, self._means.settings, actor)
        found = next((project for project in known if project.name == name), None)
        if found is None:
            raise NotFoundError("project", name[:60])
        return found

    async def _find_to_manage(self, unit: UnitOfWork, actor: Person, membership: Membership) -> None:
        name = membership.project
        await self._find(unit, actor, name)
        _refuse_all_but_administrators(actor, name)
        if name == DEFAULT_PROJECT and not self._means.settings.has_projects:
            raise PermissionDeniedError(
                "Everybody who is signed in works in this project, until the settings have projects."
            )
        for known in settings_memberships(self._means.settings):
            if (known.project, known.kind, known.name) == (name, membership.kind, membership.name):
                raise PermissionDeniedError(
                    f"The settings say that {known.name!r} is {known.role.value} here; change it there."
                )

    def _check(self, request: ProjectUpdateRequest, found: Sequence[Problem]) -> None:
        problems = [*found, *check_labels(request.labels or {})]
        if request.price_list and request.price_list not in self._means.settings.price_lists:
            problems.append(
                Problem("priceList", f"There is no price list {request.price_list[:60]!r} in the settings.")
            )
        if problems:
            raise InvalidSpecError(problems)

    async def _record(
        self, unit: UnitOfWork, act: Act, project: str, *, actor: Person, **details: str
    ) -> None:
        await record(unit, actor, act, project=project, target=project, now=self._means.now(), **details)
        logger.info("project_changed", project=project, act=act.value)


def membership_from(project: str, kind: str, name: str, *, data: object = None) -> Membership:
    """Return what a path and a body say about a member; without a body the role does not matter.

    Raises:
        NotFoundError: there is no such kind of member.
        InvalidSpecError: the name or the role is none.

    """
    if kind not in set(MemberKind):
        raise NotFoundError("kind of member", kind[:40])
    if not name.strip() or len(name) > MAX_MEMBER_NAME or not name.isprintable():
        raise InvalidSpecError.one(
            "member", f"A member's name has 1 to {MAX_MEMBER_NAME} characters that can be printed."
        )
    role = Role.READ if data is None else Role(_parse(MemberRequest, data).role)
    return Membership(project, MemberKind(kind), name, role)


async def _view(unit: UnitOfWork, project: Project, actor: Person) -> ProjectView:
    return ProjectView(project, actor.roles.get(project.name), await quota_of(unit, project))


def _refuse_all_but_platform(actor: Person) -> None:
    if actor.token is not None or not actor.is_platform_admin:
        raise PermissionDeniedError("Only who looks after the platform may make, change or close projects.")


def _refuse_all_but_administrators(actor: Person, project: str) -> None:
    may = actor.is_platform_admin or actor.has_role(project, Role.ADMINISTRATOR)
    if actor.token is not None or not may:
        raise PermissionDeniedError(f"Only administrators of project {project!r} look after its members.")


def _refuse_declared(project: Project) -> None:
    if project.origin is not Origin.API:
        where = "the settings" if project.origin is Origin.SETTINGS else "people's groups"
        raise PermissionDeniedError(f"Project {project.name!r} comes from {where}; change it there.")


def _word(membership: Membership) -> str:
    return f"{membership.kind.value} {membership.name}"


def _parse(model: type[_R], data: object) -> Any:
    try:
        return model.model_validate(data)
    except ValidationError as exc:
        raise InvalidSpecError(problems_from(exc, model=model)) from None
