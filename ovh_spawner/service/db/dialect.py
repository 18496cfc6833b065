"""The few statements that SQLite and PostgreSQL both have and that SQLAlchemy spells per database."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Float, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


async def insert_if_absent(connection: AsyncConnection, table: Table, values: Mapping[str, Any]) -> bool:
    """Insert the row unless a unique key already has one; True: it was inserted."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    key = next(iter(table.primary_key.columns))
    # A conflict returns no row. (The row count of an insert is not told on every database.)
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(key)
    return (await connection.execute(statement)).first() is not None


class SecondsBetween(FunctionElement[float]):
    """Seconds from one instant to another."""

    type = Float()
    inherit_cache = True


@compiles(SecondsBetween, "postgresql")
def _seconds_on_postgresql(element: SecondsBetween, compiler: SQLCompiler, **options: Any) -> str:
    start, stop = (compiler.process(clause, **options) for clause in element.clauses)
    return f"EXTRACT(EPOCH FROM ({stop} - {start}))"


@compiles(SecondsBetween, "sqlite")
def _seconds_on_sqlite(element: SecondsBetween, compiler: SQLCompiler, **options: Any) -> str:
    # Days as a number are exact to about 40 microseconds; nobody is shown less than a second.
    start, stop = (compiler.process(clause, **options) for clause in element.clauses)
    return f"ROUND((julianday({stop}) - julianday({start})) * 86400.0, 3)"
