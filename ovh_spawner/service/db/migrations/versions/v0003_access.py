"""Who may do what: projects made through the API, members of projects, application tokens, the audit log."""

import sqlalchemy as sa
from alembic import op

from ovh_spawner.service.db.types import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Nobody changes or deletes what is written in the audit log, not even a mistake of ours.
_KEPT = {
    "sqlite": [
        f"CREATE TRIGGER audit_{verb.lower()} BEFORE {verb} ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        (
            "CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
        ),
        (
            "CREATE TRIGGER audit_rows BEFORE UPDATE OR DELETE ON audit "
            "FOR EACH ROW EXECUTE FUNCTION audit_is_kept()"
        ),
        (
            "CREATE TRIGGER audit_table BEFORE TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_kept()"
        ),
    ],
}


def upgrade() -> None:
    """Make the tables and columns."""
    _projects()
    _members()
    op.add_column(
        "runs",
        sa.Column(
            "last_active_at",
            UtcDateTime(),
            nullable=True,
            comment="when somebody last did something there; a tab left open does not",
        ),
    )
    _tokens()
    _audit()
    for statement in _KEPT[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Drop them."""
    op.drop_table("audit")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_is_kept")
    op.drop_column("runs", "last_active_at")
    op.drop_table("tokens")
    op.drop_table("project_members")
    for column in ("closed_at", "labels", "price_list", "sharing", "gpu_quota", "title"):
        op.drop_column("projects", column)


def _projects() -> None:
    for column in (
        sa.Column("title", sa.String(length=255), nullable=True),
        sa.Column("gpu_quota", sa.Integer(), nullable=True, comment="none: the settings say what it is"),
        sa.Column("sharing", sa.String(length=16), nullable=True),
        sa.Column("price_list", sa.String(length=255), nullable=True),
        sa.Column("labels", sa.JSON(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True, comment="its name is never given again"),
    ):
        op.add_column("projects", column)


def _members() -> None:
    op.create_table(
        "project_members",
        sa.Column("project", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False, comment="user or group"),
        sa.Column("name", sa.String(length=255), nullable=False, comment="of a group: a pattern"),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_project_members_project")),
        sa.PrimaryKeyConstraint("project", "kind", "name", name=op.f("pk_project_members")),
    )
    op.create_index("ix_project_members_kind_name", "project_members", ["kind", "name"])


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project", sa.String(length=255), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("region", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("selector", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "hash", sa.String(length=64), nullable=False, comment="of the value, which is kept nowhere"
        ),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=False, comment="of this version"),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("last_used_at", UtcDateTime(), nullable=True, comment="to the minute"),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_tokens_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
    )
    op.create_index("ix_tokens_project", "tokens", ["project", "owner"])
    op.create_index("ix_tokens_owner", "tokens", ["owner"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("credential", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("request", sa.String(length=32), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("project", sa.String(length=255), nullable=True),
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False, comment="without secrets"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_project", "audit", ["project", "id"])
    op.create_index("ix_audit_target", "audit", ["target", "id"])
    op.create_index("ix_audit_actor", "audit", ["actor", "id"])
