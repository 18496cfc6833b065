"""From volumes to a data sync's job: paths of the runner, addresses and credentials of the data stores."""

import json
from collections.abc import Sequence
from uuid import UUID

from pydantic import SecretStr

from ovh_spawner.contract.sync import (
    EmptySource,
    FolderSource,
    GitSource,
    Reach,
    S3Source,
    SwiftSource,
    SyncDirection,
    SyncJob,
    SyncVolume,
)
from ovh_spawner.contract.sync import Source as SyncSource
from ovh_spawner.domain import volumes as wanted
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.errors import NotFoundError
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import DataStoreRecord, NotebookRecord, SyncRecord
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.run_books import pushed_volumes
from ovh_spawner.settings import FolderStoreSettings, S3StoreSettings, Settings, SwiftStoreSettings


async def build_job(unit: UnitOfWork, means: Means, sync: SyncRecord, *, notebook: NotebookRecord) -> SyncJob:
    """Return what the data sync is to do, with credentials.

    Raises:
        NotFoundError: a data store of the notebook has been removed.

    """
    chosen = select_volumes(notebook.spec, sync.direction, sync.volume)
    return SyncJob(
        id=sync.id,
        direction=sync.direction,
        notebook=notebook.id,
        volumes=await build_volumes(unit, means, chosen, notebook=notebook),
        state_folder=means.runner.state_folder(notebook.id),
        manual=sync.manual,
        project=notebook.project,
    )


def select_volumes(
    spec: NotebookSpec, direction: SyncDirection, only: UUID | None
) -> tuple[wanted.Volume, ...]:
    """Return the volumes that a sync of this direction moves."""
    movable = (
        {volume.id for volume in spec.volumes}
        if direction is SyncDirection.PULL
        else set(pushed_volumes(spec))
    )
    return tuple(v for v in spec.volumes if v.id in movable and (only is None or v.id == only))


async def build_volumes(
    unit: UnitOfWork, means: Means, volumes: Sequence[wanted.Volume], *, notebook: NotebookRecord
) -> list[SyncVolume]:
    """Return the volumes as a data sync wants them.

    Raises:
        NotFoundError: a data store has been removed.

    """
    return [
        SyncVolume(
            id=volume.id,
            mount_path=volume.mount_path,
            path=means.runner.volume_path(notebook.id, volume.mount_path),
            permission=volume.permission,
            source=await resolve_source(
                unit, means, volume.source, owner=notebook.owner, project=notebook.project
            ),
            reach=reach_of(means.settings, volume.source),
        )
        for volume in volumes
    ]


def reach_of(
    settings: Settings, source: wanted.DataStoreSource | wanted.GitSource | wanted.StandaloneSource
) -> Reach:
    """Return where a volume's data sync may connect to: anywhere for what the operator chose."""
    if isinstance(source, wanted.DataStoreSource) and source.alias in settings.data_stores:
        return Reach()
    return customer_reach(settings)


def customer_reach(settings: Settings) -> Reach:
    """Return where a data sync may connect to when a person chose the address."""
    if not settings.refuses_private_addresses:
        return Reach()
    return Reach(private_addresses=False, allowed=settings.outgoing.allowed)


async def resolve_source(
    unit: UnitOfWork,
    means: Means,
    source: wanted.DataStoreSource | wanted.GitSource | wanted.StandaloneSource,
    *,
    owner: str,
    project: str,
) -> SyncSource:
    """Return the source with address and credentials.

    Raises:
        NotFoundError: its data store has been removed.

    """
    match source:
        case wanted.GitSource():
            return GitSource(
                url=source.url,
                ref=source.ref,
                username=source.username,
                password=source.password,
                full=source.full or means.settings.git.full_clones,
                clone_seconds=means.settings.git.clone_seconds,
            )
        case wanted.StandaloneSource():
            return EmptySource()
        case wanted.DataStoreSource():
            if source.alias in means.settings.data_stores:
                return platform_source(means, source.alias, container=source.container, prefix=source.prefix)
            store = await unit.data_stores.find(project=project, owner=owner, alias=source.alias)
            if store is None:
                raise NotFoundError("data store", source.alias)
            return customer_source(store, container=source.container, prefix=source.prefix)


def platform_source(means: Means, alias: str, *, container: str, prefix: str = "") -> SyncSource:
    """Return a bucket of a data store that the operator offers."""
    store = means.settings.data_stores[alias]
    match store:
        case S3StoreSettings():
            return S3Source(
                alias=alias,
                endpoint=store.endpoint,
                region=store.region,
                access_key=SecretStr(means.store_keys[store.access_key_env]),
                secret_key=SecretStr(means.store_keys[store.secret_key_env]),
                container=container,
                prefix=prefix,
            )
        case SwiftStoreSettings():
            return SwiftSource(
                alias=alias,
                auth_url=store.auth_url,
                user=store.user,
                key=SecretStr(means.store_keys[store.key_env]),
                tenant=store.tenant,
                region=store.region,
                domain=store.domain,
                tenant_domain=store.tenant_domain,
                auth_version=store.auth_version,
                container=container,
                prefix=prefix,
            )
        case FolderStoreSettings():
            return FolderSource(alias=alias, root=store.root, container=container, prefix=prefix)


def customer_source(store: DataStoreRecord, *, container: str, prefix: str = "") -> SyncSource:
    """Return a bucket of a person's own data store."""
    place = {"alias": store.alias, "region": store.region, "container": container, "prefix": prefix}
    credentials = json.loads(store.credentials)
    if store.type == "swift":
        return SwiftSource.model_validate({**place, **credentials, "auth_url": store.endpoint})
    return S3Source.model_validate({**place, **credentials, "endpoint": store.endpoint})
