"""What opening a run writes: the run, its first transition, and the notebook's newest run.

Everybody of the project waits for this, so it is one statement where the database can do that (PostgreSQL).
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BindParameter, Table, bindparam, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.domain.states import RunState, Source
from ovh_spawner.service.db.records import RunRecord
from ovh_spawner.service.db.tables import notebooks, runs, transitions


def _slots(table: Table) -> dict[str, BindParameter[Any]]:
    """Return a place for each value of a row; its name tells the table, because one statement has several."""
    return {
        column.name: bindparam(f"{table.name}_{column.name}", type_=column.type)
        for column in table.columns
        if column is not transitions.c.id
    }


# Made once: SQLAlchemy then knows them by sight, instead of reading them anew for each run.
_RUN = insert(runs).values(_slots(runs))
_STARTING = insert(transitions).values(_slots(transitions))
_NEWEST = (
    update(notebooks)
    .where(notebooks.c.id == bindparam("runs_notebook"))
    .values(last_run=bindparam("runs_id"), updated_at=bindparam("runs_created_at"))
)
_AT_ONCE = _NEWEST.add_cte(_RUN.cte("run"), _STARTING.cte("starting"))


async def write_opening(
    connection: AsyncConnection, record: RunRecord, *, columns: Mapping[str, Any], source: Source
) -> None:
    """Store a new run, given as its columns, with STARTING as this source tells it."""
    starting = {
        "run": record.id,
        "state": RunState.STARTING.value,
        "source": source.value,
        "at": record.created_at,
        "code": "",
        "message": "",
        "recorded_at": record.created_at,
    }
    values = {f"runs_{name}": value for name, value in columns.items()}
    values |= {f"transitions_{name}": value for name, value in starting.items()}
    # SQLite has no such statement.
    steps = (_AT_ONCE,) if connection.dialect.name == "postgresql" else (_RUN, _STARTING, _NEWEST)
    for step in steps:
        await connection.execute(step, values)
