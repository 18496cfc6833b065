"""Alembic's scripts: every change of the tables, in order. Additive first, destructive a release later."""
