"""What can be asked for here, and how much of it is left."""

from datetime import datetime
from decimal import Decimal

from ovh_spawner.constants import DEFAULT_PROJECT
from ovh_spawner.contract.notebooks import Choice, FlavorChoice, FrameworkChoice, SpawnPage
from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.domain.flavors import Flavor
from ovh_spawner.service.operations.actors import Actor
from ovh_spawner.service.operations.datastores import DataStoreOperations
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.notebook_records import find_server_notebook
from ovh_spawner.service.operations.notebook_views import brief_notebook
from ovh_spawner.service.operations.specs import to_request
from ovh_spawner.service.operations.standing import standing_of
from ovh_spawner.service.operations.views import QuotaView


class CapabilityOperations:
    """Use cases of capabilities."""

    def __init__(self, means: Means, datastores: DataStoreOperations) -> None:
        self._means = means
        self._datastores = datastores

    def capabilities(self) -> Capabilities:
        """Return editors, frameworks and flavors, with the reason where one cannot be chosen."""
        return self._means.capabilities()

    async def quota(self, _actor: Actor) -> QuotaView:
        """Return what the actor's project holds and may hold."""
        async with self._means.ledger.reading() as unit:
            holds = await unit.runs.list_holds(DEFAULT_PROJECT)
        return QuotaView(
            project=DEFAULT_PROJECT,
            gpus_used=sum(hold.gpus for hold in holds),
            gpu_quota=self._means.settings.project.gpu_quota,
            cpus_used=sum(hold.cpus for hold in holds),
        )

    async def spawn_page(self, user: str, server_name: str) -> SpawnPage:
        """Return all that the form of this server shows."""
        capabilities = self._means.capabilities()
        actor = Actor(user)
        quota = await self.quota(actor)
        async with self._means.ledger.reading() as unit:
            record = await find_server_notebook(unit, self._means, user=user, server_name=server_name)
            brief = await brief_notebook(unit, await standing_of(unit, record)) if record else None
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
            data_stores=sorted(await self._datastores.aliases(actor)),
            open_access_allowed=True,
            notebook=brief,
            spec=to_request(record.spec, capabilities) if record else None,
        )

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


def price_at(flavor: Flavor, instant: datetime) -> Decimal:
    """Return what one unit costs per hour at an instant; nothing before the first price."""
    valid = [price for price in flavor.prices if price.valid_from <= instant]
    return max(valid, key=lambda price: price.valid_from).per_hour if valid else Decimal(0)
