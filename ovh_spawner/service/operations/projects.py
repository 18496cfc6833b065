"""Which projects there are: those of the settings, those made through the API, those that groups name."""

from collections.abc import Iterable
from dataclasses import replace

from ovh_spawner.constants import DEFAULT_PROJECT
from ovh_spawner.domain.access import Person, Role, Sharing
from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.domain.flavors import Price
from ovh_spawner.domain.projects import MemberKind, Membership, Origin, Project, is_project_name
from ovh_spawner.errors import InvalidSpecError, NotFoundError, PermissionDeniedError
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.settings import Settings
from ovh_spawner.settings_projects import PriceEntry

_CAN = {Role.READ: "look at notebooks", Role.OPERATOR: "make notebooks", Role.ADMINISTRATOR: "manage members"}


def settings_project(settings: Settings, name: str) -> Project | None:
    """Return a project of the settings, or the one that an installation without projects has."""
    entry = settings.projects.get(name)
    quota = settings.project.gpu_quota
    if entry is not None:
        return Project(
            name=name,
            title=entry.title or name,
            gpu_quota=quota if entry.gpu_quota is None else entry.gpu_quota,
            sharing=Sharing(entry.sharing),
            origin=Origin.SETTINGS,
            price_list=entry.price_list,
            labels=entry.labels,
        )
    if name == DEFAULT_PROJECT and not settings.has_projects:
        return Project(name, name, quota, Sharing.OWNER, Origin.SETTINGS)
    return None


def settings_memberships(settings: Settings) -> tuple[Membership, ...]:
    """Return who is a member by the settings."""
    return tuple(
        Membership(project, kind, name, role, Origin.SETTINGS)
        for project, entry in settings.projects.items()
        for role, members in (
            (Role.ADMINISTRATOR, entry.administrators),
            (Role.OPERATOR, entry.operators),
            (Role.READ, entry.readers),
        )
        for kind, names in ((MemberKind.USER, members.users), (MemberKind.GROUP, members.groups))
        for name in names
    )


async def find_project(unit: UnitOfWork, settings: Settings, name: str) -> Project | None:
    """Return the project, or None when there is none (any more)."""
    found = settings_project(settings, name)
    if found is None and is_project_name(name):
        found = await unit.projects.find(name)
        if found is None and settings.project.group_pattern and not await unit.projects.is_closed(name):
            # Whoever has such a group brings the project with it.
            found = Project(name, name, settings.project.gpu_quota, Sharing.MEMBERS, Origin.GROUPS)
    return found


async def get_project(unit: UnitOfWork, settings: Settings, name: str) -> Project:
    """Return the project of something that exists.

    Raises:
        NotFoundError: it is not set up any more.

    """
    found = await find_project(unit, settings, name)
    if found is None:
        raise NotFoundError("project", name)
    return found


async def list_projects(unit: UnitOfWork, settings: Settings) -> list[Project]:
    """Return all projects, by name: for those who look after the platform."""
    names = [*settings.projects, *(() if settings.has_projects else (DEFAULT_PROJECT,))]
    if settings.project.group_pattern:
        names += await unit.projects.list_names()
    found = {project.name: project for project in await unit.projects.list_made()}
    for name in names:
        project = found.get(name) or await find_project(unit, settings, name)
        if project:
            found[name] = project
    return [found[name] for name in sorted(found)]


async def projects_of(unit: UnitOfWork, settings: Settings, person: Person) -> list[Project]:
    """Return the projects that somebody has a role in, by name; all of them for who administers the platform."""
    if person.is_platform_admin and person.token is None:
        return await list_projects(unit, settings)
    found = [await find_project(unit, settings, name) for name in sorted(person.roles)]
    return [project for project in found if project]


async def choose_project(
    unit: UnitOfWork, settings: Settings, person: Person, *, asked: str | None, needed: Role
) -> Project:
    """Return the project that somebody works in: the one asked for, or the only one where they may.

    Raises:
        NotFoundError: the person is not in the project asked for.
        PermissionDeniedError: the person has no role that is enough.
        InvalidSpecError: there are several; which one has to be said.

    """
    known = await projects_of(unit, settings, person)
    if asked:
        found = next((project for project in known if project.name == asked), None)
        if found is None:
            raise NotFoundError("project", asked[:60])
        if not person.has_role(asked, needed):
            raise PermissionDeniedError(
                f"Your role in project {asked!r} does not let you {_CAN[needed]}; ask its administrators."
            )
        return found
    able = [project for project in known if person.has_role(project.name, needed)]
    if len(able) > 1:
        names = ", ".join(project.name for project in able)
        raise InvalidSpecError.one(
            "project", f"You work in several projects: {names}. Say which one with 'project'."
        )
    if not able:
        raise PermissionDeniedError(
            f"You have no project in which you may {_CAN[needed]}. Ask an administrator to make you a member."
        )
    return able[0]


async def usual_project(
    unit: UnitOfWork, settings: Settings, person: Person, *, asked: str | None = None
) -> Project | None:
    """Return the project asked for, else the one that the person used last, else the first of theirs, if any.

    Raises:
        NotFoundError: the person is not in the project asked for.

    """
    if asked and person.is_platform_admin and person.token is None:
        return await get_project(unit, settings, asked)
    if asked:
        return await choose_project(unit, settings, person, asked=asked, needed=Role.READ)
    own = [project for project in await projects_of(unit, settings, person) if project.name in person.roles]
    last = await unit.projects.last_used_by(person.name) if len(own) > 1 else None
    best = sorted(own, key=lambda p: (p.name != last, not person.has_role(p.name, Role.OPERATOR), p.name))
    return best[0] if best else None


def priced(capabilities: Capabilities, settings: Settings, price_list: str) -> Capabilities:
    """Return what is offered, at the prices of a project's list."""
    prices = settings.price_lists.get(price_list)
    if not prices:
        return capabilities
    return replace(
        capabilities,
        flavors=tuple(
            replace(flavor, prices=_prices(prices[flavor.id])) if flavor.id in prices else flavor
            for flavor in capabilities.flavors
        ),
    )


def _prices(entries: Iterable[PriceEntry]) -> tuple[Price, ...]:
    found = (Price(entry.valid_from, entry.per_hour) for entry in entries)
    return tuple(sorted(found, key=lambda price: price.valid_from))
