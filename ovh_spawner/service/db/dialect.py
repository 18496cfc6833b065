"""The few statements that SQLite and PostgreSQL both have and that SQLAlchemy spells per database."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


async def insert_if_absent(connection: AsyncConnection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert the row unless a unique key already has one; True: it was inserted."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    key = next(iter(table.primary_key.columns))
    # A conflict returns no row. (The row count of an insert is not told on every database.)
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(key)
    return (await connection.execute(statement)).first() is not None
