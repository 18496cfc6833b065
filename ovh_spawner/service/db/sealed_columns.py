"""The columns that hold sealed secrets, and how a rotation of the keys seals them anew.

Which columns those are, the tables say themselves. A value is replaced only while it is still the one that was read,
so that this may run beside the service.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.service.db.tables import metadata
from ovh_spawner.service.secrets import Vault

BATCH = 500
"""Rows of one transaction: some milliseconds, so that nobody waits for the rotation."""


def sealed_columns() -> list[Column[Any]]:
    """Return every column that holds sealed secrets."""
    return [
        column for table in metadata.sorted_tables for column in table.columns if column.info.get("sealed")
    ]


async def seal_anew(
    connection: AsyncConnection, vault: Vault, column: Column[Any], *, after: object
) -> tuple[int, object]:
    """Seal one batch of a column with the first key; return how many values changed, and the last row's key.

    No key: there was nothing left.

    Raises:
        ConfigError: a value is sealed with a key that is not there.

    """
    [key] = column.table.primary_key.columns
    query = select(key, column).order_by(key).limit(BATCH)
    if after is not None:
        query = query.where(key > after)
    rows: Sequence[Any] = (await connection.execute(query)).all()
    old = [(row[0], row[1]) for row in rows if row[1] and not vault.is_current(row[1])]
    changes = [{"row": row, "old": sealed, "new": vault.seal_anew(sealed)} for row, sealed in old]
    if changes:
        statement = (
            update(column.table)
            .where(key == bindparam("row"), column == bindparam("old"))
            .values({column: bindparam("new")})
        )
        await connection.execute(statement, changes)
    return len(changes), rows[-1][0] if rows else None
