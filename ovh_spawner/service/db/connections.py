"""Connections to a database server that rested are tried before they are used: the server may be another one by now.

SQLAlchemy's own ``pool_pre_ping`` tries before every use, a question more in each transaction of a busy service.
"""

import time
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine

REST_SECONDS = 1.0
"""A connection that was in use a second ago is taken as it is."""

_RESTS_SINCE = "ovh_rests_since"


def watch_connections(engine: AsyncEngine) -> None:
    """Try connections that rested; when one is dead, all are made anew."""
    dialect = engine.sync_engine.dialect

    def try_rested(connection: Any, record: Any, _proxy: object) -> None:
        since = record.info.get(_RESTS_SINCE)
        if since is None or time.monotonic() - since < REST_SECONDS:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as exc:
            raise InvalidatePoolError from exc

    def note_rest(_connection: object, record: Any) -> None:
        record.info[_RESTS_SINCE] = time.monotonic()

    event.listen(engine.sync_engine, "checkout", try_rested)
    event.listen(engine.sync_engine, "checkin", note_rest)
