"""Which rows somebody sees, as SQL: the same for notebooks and for the runs of a statement."""

from typing import Any

from sqlalchemy import ColumnElement, Table, and_, or_

from ovh_spawner.domain.projects import Sight


def seen_in(table: Table, sight: Sight) -> ColumnElement[bool]:
    """Return the condition for rows with the columns ``project`` and ``owner``."""
    project: Any = table.c.project
    return or_(
        project.in_(sorted(sight.whole)),
        and_(project.in_(sorted(sight.own)), table.c.owner == sight.owner),
    )
