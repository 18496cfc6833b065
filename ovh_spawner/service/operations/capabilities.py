"""What can be asked for here, and how much of it is left."""

from datetime import datetime
from decimal import Decimal

from ovh_spawner.contract.notebooks import Choice, FlavorChoice, FrameworkChoice, ProjectChoice, SpawnPage
from ovh_spawner.domain.access import Person, Role
from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.domain.flavors import Flavor
from ovh_spawner.domain.projects import Project
from ovh_spawner.domain.token_users import is_token_user
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.operations.datastores import DataStoreOperations
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.notebook_records import find_server_notebook
from ovh_spawner.service.operations.notebook_views import brief_notebook
from ovh_spawner.service.operations.people import People
from ovh_spawner.service.operations.projects import priced, projects_of, usual_project
from ovh_spawner.service.operations.specs import to_request
from ovh_spawner.service.operations.standing import standing_of
from ovh_spawner.service.operations.token_scopes import NO_SERVERS
from ovh_spawner.service.operations.views import QuotaView

NO_QUOTA = QuotaView("", gpus_used=0, gpu_quota=0, cpus_used=0)
"""Of who is in no project."""


class CapabilityOperations:
    """Use cases of capabilities."""

    def __init__(self, means: Means, datastores: DataStoreOperations, people: People) -> None:
        self._means = means
        self._datastores = datastores
        self._people = people

    def capabilities(self) -> Capabilities:
        """Return editors, frameworks and flavors, with the reason where one cannot be chosen."""
        return self._means.capabilities()

    async def priced(self, actor: Person, project: str | None = None) -> Capabilities:
        """Return what can be asked for, at the prices of the project that the person works in."""
        if not self._means.settings.price_lists:
            return self._means.capabilities()
        async with self._means.ledger.reading() as unit:
            chosen = await usual_project(unit, self._means.settings, actor, asked=project)
        return self._priced(chosen)

    async def quota(self, actor: Person, project: str | None = None) -> QuotaView:
        """Return what a project of the person holds and may hold: the one asked for, or the usual one, if any.

        Raises:
            NotFoundError: the person is not in the project asked for.

        """
        async with self._means.ledger.reading() as unit:
            chosen = await usual_project(unit, self._means.settings, actor, asked=project)
            return await quota_of(unit, chosen) if chosen else NO_QUOTA

    async def spawn_page(self, user: str, server_name: str, project: str | None = None) -> SpawnPage:
        """Return all that the form of this server shows, for the project that was chosen there."""
        person = await self._people.member(user)
        settings = self._means.settings
        async with self._means.ledger.reading() as unit:
            record = await find_server_notebook(unit, self._means, user=user, server_name=server_name)
            standing = await standing_of(unit, record) if record else None
            brief = await brief_notebook(unit, standing, settings) if standing else None
            known = [] if is_token_user(user) else await projects_of(unit, settings, person)
            able = [found for found in known if person.has_role(found.name, Role.OPERATOR)]
            last = record.project if record else (project or await unit.projects.last_used_by(user))
            chosen = next((found for found in able if found.name == last), None)
            if chosen is None and record is None and able:
                chosen = able[0]
            quota = await quota_of(unit, chosen) if chosen else NO_QUOTA
        capabilities = self._priced(chosen)
        aliases = await self._datastores.aliases(user, chosen.name) if chosen else ()
        return SpawnPage(
            region=capabilities.region,
            currency=capabilities.currency,
            editors=[
                Choice(id=e.id, name=e.name, description=e.description, unavailable=e.unavailable)
                for e in capabilities.editors
            ],
            frameworks=[
                FrameworkChoice(
                    id=f.id,
                    name=f.name,
                    description=f.description,
                    unavailable=f.unavailable,
                    versions=list(f.versions),
                    incompatible_editors=sorted(f.incompatible_editors),
                )
                for f in capabilities.frameworks
            ],
            flavors=[self._flavor(flavor) for flavor in capabilities.flavors],
            gpu_quota=quota.gpu_quota,
            gpus_used=quota.gpus_used,
            data_stores=sorted(aliases),
            open_access_allowed=self._means.settings.allows_open_notebooks,
            has_ssh=settings.ssh.enabled,
            refusal="" if chosen else _refusal(user, record.project if record else ""),
            projects=[ProjectChoice(id=found.name, name=found.title) for found in able],
            project=chosen.name if chosen else "",
            notebook=brief,
            spec=to_request(record.spec, capabilities) if record else None,
        )

    def _priced(self, project: Project | None) -> Capabilities:
        price_list = project.price_list if project else ""
        return priced(self._means.capabilities(), self._means.settings, price_list)

    def _flavor(self, flavor: Flavor) -> FlavorChoice:
        unit = flavor.per_unit
        settings = self._means.settings
        is_simulated = settings.deployment.mode == "local" and settings.local.simulated_gpus > 0
        return FlavorChoice(
            id=flavor.id,
            name=flavor.id,
            description=flavor.description,
            unavailable=flavor.unavailable,
            type=flavor.type.value,
            default=flavor.default,
            max=flavor.max,
            cpu=unit.cpu,
            gpu=unit.gpu,
            gpu_model=f"{flavor.gpu.brand} {flavor.gpu.model}" if flavor.gpu else "",
            simulated=bool(unit.gpu) and is_simulated,
            memory=unit.memory,
            ephemeral_storage=unit.ephemeral_storage,
            price_per_hour=str(price_at(flavor, self._means.now())),
        )


def _refusal(user: str, project: str) -> str:
    if is_token_user(user):
        return NO_SERVERS
    if project:
        return f"You are no operator of project {project!r} any more. Ask its administrators."
    return "You are in no project in which you may make notebooks. Ask an administrator of one to make you an operator."


async def quota_of(unit: UnitOfWork, project: Project) -> QuotaView:
    """Return what a project holds and may hold."""
    holds = await unit.runs.list_holds(project.name)
    return QuotaView(
        project=project.name,
        gpus_used=sum(hold.gpus for hold in holds),
        gpu_quota=project.gpu_quota,
        cpus_used=sum(hold.cpus for hold in holds),
    )


def price_at(flavor: Flavor, instant: datetime) -> Decimal:
    """Return what one unit costs per hour at an instant; nothing before the first price."""
    valid = [price for price in flavor.prices if price.valid_from <= instant]
    return max(valid, key=lambda price: price.valid_from).per_hour if valid else Decimal(0)
