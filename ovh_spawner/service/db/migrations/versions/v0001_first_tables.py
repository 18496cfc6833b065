"""The first tables: projects, notebooks, runs, transitions, data syncs, data stores, access codes."""

import sqlalchemy as sa
from alembic import op

from ovh_spawner.service.db.types import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _projects()
    _data_stores()
    _notebooks()
    _runs()
    _access_codes()
    _data_syncs()
    _transitions()


def downgrade() -> None:
    """Drop them."""
    for table in (
        "transitions",
        "data_syncs",
        "access_codes",
        "runs",
        "notebooks",
        "data_stores",
        "projects",
    ):
        op.drop_table(table)


def _projects() -> None:
    op.create_table(
        "projects",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_projects")),
    )


def _data_stores() -> None:
    op.create_table(
        "data_stores",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project", sa.String(length=255), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("alias", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("region", sa.String(length=255), nullable=False),
        sa.Column("credentials", sa.Text(), nullable=False, comment="sealed"),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_data_stores_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_stores")),
        sa.UniqueConstraint("project", "owner", "alias", name=op.f("uq_data_stores_project_owner_alias")),
    )


def _notebooks() -> None:
    op.create_table(
        "notebooks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project", sa.String(length=255), nullable=False),
        sa.Column("hub", sa.String(length=255), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("server_name", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False, comment="without secrets"),
        sa.Column("secrets", sa.Text(), nullable=False, comment="sealed: environment values, git passwords"),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("cookie_key", sa.Text(), nullable=False, comment="sealed"),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deletion", sa.String(length=16), nullable=False, comment="no, after_push or now"),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.Column("last_run", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_notebooks_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notebooks")),
    )
    op.create_index(
        "uq_notebooks_server",
        "notebooks",
        ["hub", "owner", "server_name"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("notebook", sa.Uuid(), nullable=False),
        sa.Column("project", sa.String(length=255), nullable=False),
        sa.Column("hub", sa.String(length=255), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("notebook_name", sa.String(length=255), nullable=False),
        sa.Column("flavor", sa.String(length=255), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("cpus", sa.Integer(), nullable=False),
        sa.Column("gpus", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column(
            "attempt", sa.Uuid(), nullable=True, comment="the spawner's start that this run belongs to"
        ),
        sa.Column("gateway_token", sa.Text(), nullable=False, comment="sealed"),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_alive_at", UtcDateTime(), nullable=False),
        sa.Column("launched", sa.Boolean(), nullable=False, comment="a process of the user may have run"),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("running_at", UtcDateTime(), nullable=True),
        sa.Column("stopped_at", UtcDateTime(), nullable=True, comment="end of the billed time"),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("push", sa.String(length=16), nullable=False),
        sa.Column("push_message", sa.Text(), nullable=False),
        sa.Column(
            "unsaved",
            sa.JSON(),
            nullable=False,
            comment="ids of volumes that the push after the end still owes",
        ),
        sa.ForeignKeyConstraint(["notebook"], ["notebooks.id"], name=op.f("fk_runs_notebook")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("attempt", name=op.f("uq_runs_attempt")),
    )
    op.create_index("ix_runs_project_created_at", "runs", ["project", "created_at"], unique=False)
    op.create_index("ix_runs_project_state", "runs", ["project", "state"], unique=False)
    op.create_index("ix_runs_push", "runs", ["push"], unique=False)
    op.create_index(
        "uq_runs_open",
        "runs",
        ["notebook"],
        unique=True,
        sqlite_where=sa.text("state NOT IN ('STOPPED', 'FAILED', 'ERROR')"),
        postgresql_where=sa.text("state NOT IN ('STOPPED', 'FAILED', 'ERROR')"),
    )


def _access_codes() -> None:
    op.create_table(
        "access_codes",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("notebook", sa.Uuid(), nullable=False),
        sa.Column("run", sa.Uuid(), nullable=False),
        sa.Column("user", sa.String(length=255), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["notebook"], ["notebooks.id"], name=op.f("fk_access_codes_notebook")),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_access_codes_run")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_access_codes")),
    )
    op.create_index("ix_access_codes_expires_at", "access_codes", ["expires_at"], unique=False)


def _data_syncs() -> None:
    op.create_table(
        "data_syncs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("notebook", sa.Uuid(), nullable=False),
        sa.Column("run", sa.Uuid(), nullable=True),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("manual", sa.Boolean(), nullable=False),
        sa.Column("volume", sa.Uuid(), nullable=True, comment="the one volume asked for"),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("volumes", sa.JSON(), nullable=False, comment="progress of each volume"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["notebook"], ["notebooks.id"], name=op.f("fk_data_syncs_notebook")),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_data_syncs_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_syncs")),
    )
    op.create_index("ix_data_syncs_notebook", "data_syncs", ["notebook", "created_at"], unique=False)
    op.create_index("ix_data_syncs_state", "data_syncs", ["state"], unique=False)


def _transitions() -> None:
    op.create_table(
        "transitions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("run", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("recorded_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_transitions_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transitions")),
        sa.UniqueConstraint("run", "state", "source", name=op.f("uq_transitions_run_state_source")),
    )
