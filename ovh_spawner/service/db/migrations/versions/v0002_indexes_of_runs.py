"""Indexes for a notebook's runs and for those that ended lately: both are asked for while the others are many."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the indexes."""
    op.create_index("ix_runs_notebook", "runs", ["notebook"])
    op.create_index("ix_runs_ended_at", "runs", ["ended_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ix_runs_ended_at", "runs")
    op.drop_index("ix_runs_notebook", "runs")
