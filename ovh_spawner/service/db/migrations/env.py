"""Alembic's environment: it works on the connection that ``migrate`` hands over, inside its transaction."""

from alembic import context

from ovh_spawner.service.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, compare_type=True
)
context.run_migrations()
