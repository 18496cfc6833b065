"""People's own data stores in the ledger."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.service.db.dialect import insert_if_absent
from ovh_spawner.service.db.records import DataStoreRecord
from ovh_spawner.service.db.tables import data_stores
from ovh_spawner.service.secrets import Vault


class DataStoreRepository:
    """SQL about data stores."""

    def __init__(self, connection: AsyncConnection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault

    async def add(self, record: DataStoreRecord) -> bool:
        """Store it; False: the owner has a store of this alias."""
        return await insert_if_absent(
            self._connection,
            data_stores,
            {
                "id": record.id,
                "project": record.project,
                "owner": record.owner,
                "alias": record.alias,
                "type": record.type,
                "endpoint": record.endpoint,
                "region": record.region,
                "credentials": self._vault.seal(record.credentials),
                "created_at": record.created_at,
            },
        )

    async def find(self, *, project: str, owner: str, alias: str) -> DataStoreRecord | None:
        query = select(data_stores).where(_is(project, owner), data_stores.c.alias == alias)
        row = (await self._connection.execute(query)).one_or_none()
        return self._record(row) if row is not None else None

    async def list(self, *, project: str, owner: str) -> Sequence[DataStoreRecord]:
        query = select(data_stores).where(_is(project, owner)).order_by(data_stores.c.alias)
        return [self._record(row) for row in await self._connection.execute(query)]

    async def remove(self, *, project: str, owner: str, alias: str) -> bool:
        query = delete(data_stores).where(_is(project, owner), data_stores.c.alias == alias)
        return (await self._connection.execute(query)).rowcount > 0

    def _record(self, row: Row[Any]) -> DataStoreRecord:
        return DataStoreRecord(
            id=row.id,
            project=row.project,
            owner=row.owner,
            alias=row.alias,
            type=row.type,
            endpoint=row.endpoint,
            region=row.region,
            credentials=self._vault.open(row.credentials),
            created_at=row.created_at,
        )


def _is(project: str, owner: str) -> ColumnElement[bool]:
    return and_(data_stores.c.project == project, data_stores.c.owner == owner)
