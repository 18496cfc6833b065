"""The tables. A change here needs a migration; a test compares both."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from ovh_spawner.service.db.types import UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

SEALED = {"sealed": True}
"""Marks the columns that a rotation of the encryption keys seals anew."""

projects = Table(
    "projects",
    metadata,
    # The row is also the lock of everything that a quota decides.
    Column("name", String(255), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    # What follows holds for projects that were made through the API.
    Column("title", String(255)),
    Column("gpu_quota", Integer, comment="none: the settings say what it is"),
    Column("sharing", String(16)),
    Column("price_list", String(255)),
    Column("labels", JSON),
    Column("closed_at", UtcDateTime, comment="its name is never given again"),
)

project_members = Table(
    "project_members",
    metadata,
    Column("project", String(255), ForeignKey("projects.name"), primary_key=True),
    Column("kind", String(8), primary_key=True, comment="user or group"),
    Column("name", String(255), primary_key=True, comment="of a group: a pattern"),
    Column("role", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
Index("ix_project_members_kind_name", project_members.c.kind, project_members.c.name)

notebooks = Table(
    "notebooks",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project", String(255), ForeignKey("projects.name"), nullable=False),
    Column("hub", String(255), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("server_name", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("spec", JSON, nullable=False, comment="without secrets"),
    Column("secrets", Text, nullable=False, comment="sealed: environment values, git passwords", info=SEALED),
    Column("revision", Integer, nullable=False),
    Column("cookie_key", Text, nullable=False, comment="sealed", info=SEALED),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deletion", String(16), nullable=False, comment="no, after_push or now"),
    Column("deleted_at", UtcDateTime),
    # No foreign key: runs point at notebooks already, and a circle helps nobody.
    Column("last_run", Uuid),
)
Index(
    "uq_notebooks_server",
    notebooks.c.hub,
    notebooks.c.owner,
    notebooks.c.server_name,
    unique=True,
    sqlite_where=text("deleted_at IS NULL"),
    postgresql_where=text("deleted_at IS NULL"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("notebook", Uuid, ForeignKey("notebooks.id"), nullable=False),
    Column("project", String(255), nullable=False),
    Column("hub", String(255), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("notebook_name", String(255), nullable=False),
    Column("flavor", String(255), nullable=False),
    Column("count", Integer, nullable=False),
    Column("cpus", Integer, nullable=False),
    Column("gpus", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("attempt", Uuid, unique=True, comment="the spawner's start that this run belongs to"),
    Column("gateway_token", Text, nullable=False, comment="sealed", info=SEALED),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_alive_at", UtcDateTime, nullable=False),
    Column("launched", Boolean, nullable=False, comment="a process of the user may have run"),
    # What follows is computed from the transitions and kept for queries.
    Column("state", String(16), nullable=False),
    Column("code", String(64), nullable=False),
    Column("message", Text, nullable=False),
    Column("running_at", UtcDateTime),
    Column("stopped_at", UtcDateTime, comment="end of the billed time"),
    Column("ended_at", UtcDateTime),
    Column("push", String(16), nullable=False),
    Column("push_message", Text, nullable=False),
    Column("unsaved", JSON, nullable=False, comment="ids of volumes that the push after the end still owes"),
    Column(
        "last_active_at",
        UtcDateTime,
        comment="when somebody last did something there; a tab left open does not",
    ),
)
OPEN_RUN = "state NOT IN ('STOPPED', 'FAILED', 'ERROR')"
"""Said in these words, a query finds its rows in the index of the open ones."""
Index(
    "uq_runs_open",
    runs.c.notebook,
    unique=True,
    sqlite_where=text(OPEN_RUN),
    postgresql_where=text(OPEN_RUN),
)
Index("ix_runs_notebook", runs.c.notebook)
Index("ix_runs_ended_at", runs.c.ended_at)
Index("ix_runs_project_state", runs.c.project, runs.c.state)
Index("ix_runs_project_created_at", runs.c.project, runs.c.created_at)
Index("ix_runs_push", runs.c.push)

transitions = Table(
    "transitions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("run", Uuid, ForeignKey("runs.id"), nullable=False),
    Column("state", String(16), nullable=False),
    Column("source", String(16), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("code", String(64), nullable=False),
    Column("message", Text, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    UniqueConstraint("run", "state", "source"),
)

data_syncs = Table(
    "data_syncs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("notebook", Uuid, ForeignKey("notebooks.id"), nullable=False),
    Column("run", Uuid, ForeignKey("runs.id")),
    Column("direction", String(8), nullable=False),
    Column("manual", Boolean, nullable=False),
    Column("volume", Uuid, comment="the one volume asked for"),
    Column("state", String(32), nullable=False),
    Column("message", Text, nullable=False),
    Column("volumes", JSON, nullable=False, comment="progress of each volume"),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
)
Index("ix_data_syncs_notebook", data_syncs.c.notebook, data_syncs.c.created_at)
Index("ix_data_syncs_state", data_syncs.c.state)

data_stores = Table(
    "data_stores",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project", String(255), ForeignKey("projects.name"), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("alias", String(64), nullable=False),
    Column("type", String(16), nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("region", String(255), nullable=False),
    Column("credentials", Text, nullable=False, comment="sealed", info=SEALED),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("project", "owner", "alias"),
)

access_codes = Table(
    "access_codes",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("notebook", Uuid, ForeignKey("notebooks.id"), nullable=False),
    Column("run", Uuid, ForeignKey("runs.id"), nullable=False),
    Column("user", String(255), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)
Index("ix_access_codes_expires_at", access_codes.c.expires_at)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project", String(255), ForeignKey("projects.name"), nullable=False),
    Column("owner", String(255), nullable=False),
    Column("region", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("role", String(16), nullable=False),
    Column("selector", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("hash", String(64), nullable=False, comment="of the value, which is kept nowhere"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False, comment="of this version"),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime, comment="to the minute"),
)
Index("ix_tokens_project", tokens.c.project, tokens.c.owner)
Index("ix_tokens_owner", tokens.c.owner)

audit = Table(
    "audit",
    metadata,
    # Triggers refuse to change or delete a row.
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(255), nullable=False),
    Column("credential", String(64), nullable=False),
    Column("address", String(64), nullable=False),
    Column("request", String(32), nullable=False),
    Column("action", String(32), nullable=False),
    Column("project", String(255)),
    Column("target", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("details", JSON, nullable=False, comment="without secrets"),
)
Index("ix_audit_project", audit.c.project, audit.c.id)
Index("ix_audit_target", audit.c.target, audit.c.id)
Index("ix_audit_actor", audit.c.actor, audit.c.id)
