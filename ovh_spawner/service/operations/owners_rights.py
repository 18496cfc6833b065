"""What changing a notebook does not give: its owner's own data stores, and a way in for who may not open it."""

from ovh_spawner.domain.access import Action, Person
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.volumes import DataStoreSource
from ovh_spawner.errors import PermissionDeniedError
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import NotebookRecord
from ovh_spawner.service.operations.standing import check_access
from ovh_spawner.settings import Settings


def usable_aliases(
    person: Person, notebook: NotebookRecord, *, known: frozenset[str], settings: Settings
) -> frozenset[str]:
    """Return which of the data stores that the notebook's owner has this person may name in it."""
    if person.name == notebook.owner:
        return known
    # Of the owner's own ones, others know no more than what the notebook shows.
    sources = (volume.source for volume in notebook.spec.volumes)
    shown = {source.alias for source in sources if isinstance(source, DataStoreSource)}
    return known & (shown | settings.data_stores.keys())


def refuse_owners_stores(
    person: Person, notebook: NotebookRecord, *, after: NotebookSpec, settings: Settings
) -> None:
    """Refuse volumes that reach more of the owner's own data stores than the notebook did before.

    Raises:
        PermissionDeniedError: somebody else makes such a volume.

    """
    if person.name == notebook.owner:
        return
    before = {(volume.source, volume.permission) for volume in notebook.spec.volumes}
    for volume in after.volumes:
        source = volume.source
        if not isinstance(source, DataStoreSource) or source.alias in settings.data_stores:
            continue
        if (source, volume.permission) not in before:
            raise PermissionDeniedError(
                f"Data store {source.alias!r} belongs to {notebook.owner!r}, who alone says what notebooks do "
                "with it. Leave this volume as it is or take it out, or use a data store of the platform."
            )


async def refuse_new_ways_in(
    unit: UnitOfWork, settings: Settings, notebook: NotebookRecord, *, person: Person, after: NotebookSpec
) -> None:
    """Refuse SSH keys and open access that somebody sets who may change the notebook, not open it.

    Raises:
        PermissionDeniedError: they may not open it.

    """
    before = notebook.spec
    new_keys = set(after.ssh_public_keys) - set(before.ssh_public_keys)
    if new_keys or (after.open_access and not before.open_access):
        await check_access(unit, settings, notebook, person=person, action=Action.OPEN)
