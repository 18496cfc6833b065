"""Brings the tables to this version when the service starts."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

MIGRATION_LOCK = 4_601_733
"""PostgreSQL's advisory lock of our migrations; any number that nothing else in the database uses."""


def upgrade(connection: Connection) -> None:
    """Run every migration that has not run; a second replica waits and then finds nothing to do."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    else:
        # SQLite's lock comes with the first statement. Alembic must not begin before: it has one state per process.
        connection.execute(text("SELECT 1"))
    command.upgrade(migration_config(connection), "head")


def migration_config(connection: Connection) -> Config:
    """Return Alembic's configuration for a connection."""
    config = Config()
    # Alembic reads "%" in this option as the start of a variable.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
