"""SQLite through aiosqlite, with one trip to its thread for each statement.

SQLAlchemy's own adapter makes four (cursor, execute, fetch, close), one more to begin, and one to roll back what is
already committed. A trip is two switches of threads; together they took most of the time of a short transaction.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from threading import Thread
from typing import Any

import aiosqlite
from sqlalchemy import Connection, Dialect
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
)

BUSY_MILLISECONDS = 15_000
"""How long a writer waits for another process's write; ours take milliseconds."""

PRAGMAS = (f"busy_timeout={BUSY_MILLISECONDS}", "foreign_keys=ON", "synchronous=FULL")
"""Said to each connection."""

BEGIN = "ovh_begin"
"""Execution option: the statement that begins a transaction."""

_Execute = Callable[[sqlite3.Connection, str, Any], sqlite3.Cursor]


class Connections:
    """The connections of one ledger, each with a thread of its own."""

    def __init__(self) -> None:
        self._open: set[aiosqlite.Connection] = set()

    def connect(self, dialect: Dialect, *event: Any) -> Any:
        """Open a connection (SQLAlchemy's event ``do_connect``: the pool's record, arguments, options)."""
        _record, arguments, options = event
        made: Any = dialect.connect(*arguments, **options, async_creator_fn=self._connect)
        return _Connection(made.dbapi, made._connection)  # noqa: SLF001

    async def close(self, seconds: float) -> None:
        """Close what the pool has not, and wait for the threads, so that none answers a loop that has ended meanwhile.

        The pool forgets a connection that is in use when it is disposed of.
        """
        deadline = time.monotonic() + seconds
        while self._open and (left := deadline - time.monotonic()) > 0:
            connection = self._open.pop()
            connection.stop()
            await asyncio.to_thread(_thread(connection).join, left)

    async def _connect(self, *arguments: Any, **options: Any) -> aiosqlite.Connection:
        connection = aiosqlite.connect(*arguments, **options)
        _thread(connection).daemon = True  # as SQLAlchemy does
        self._open = {connection, *(each for each in self._open if _thread(each).is_alive())}
        try:
            await connection
        except sqlite3.Error:
            # Whoever cannot open the ledger ends at once, without closing it.
            await asyncio.to_thread(_thread(connection).join)
            raise
        try:
            await connection._execute(_prepare, connection)  # type: ignore[no-untyped-call]  # noqa: SLF001
        except BaseException:
            # Nobody has it yet who could close it: whoever wanted it was cancelled, perhaps.
            connection.stop()
            raise
        return connection


def _thread(connection: aiosqlite.Connection) -> Thread:
    return connection._thread  # noqa: SLF001


def begin(connection: Connection) -> None:
    """Let a transaction begin (SQLAlchemy's event ``begin``): said together with its first statement."""
    adapted: Any = connection.connection.dbapi_connection
    adapted.begins = connection.get_execution_options().get(BEGIN, "BEGIN")


def _prepare(connection: aiosqlite.Connection) -> None:
    # The driver must not begin transactions by itself: we choose between reading and writing ones.
    driver = connection._conn  # noqa: SLF001
    driver.isolation_level = None
    for pragma in PRAGMAS:
        driver.execute(f"PRAGMA {pragma}").close()


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """Begins, executes, fetches and closes on the database's thread in one go."""

    __slots__ = ()

    def _make_new_cursor(self, connection: Any) -> Any:  # noqa: ARG002 - the adapter's signature
        return _Outcome()

    def _aenter_cursor(self, cursor: Any) -> Any:
        return cursor

    async def _execute_async(self, operation: Any, parameters: Any) -> None:
        await self._go(sqlite3.Connection.execute, operation, parameters or ())

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> None:
        await self._go(sqlite3.Connection.executemany, operation, seq_of_parameters)

    async def _go(self, execute: _Execute, operation: str, parameters: Any) -> None:
        adapted: Any = self._adapt_connection
        driver: Any = self._connection
        async with adapted._execute_mutex:  # noqa: SLF001 - as SQLAlchemy's own cursor does
            begins, adapted.begins = adapted.begins, ""

            def work() -> tuple[_Outcome, deque[Any]]:
                if begins:
                    driver._conn.execute(begins).close()  # noqa: SLF001
                return _taken(execute(driver._conn, operation, parameters))  # noqa: SLF001

            # aiosqlite has no public way to do several things in one go.
            self._cursor, self._rows = await driver._execute(work)  # noqa: SLF001


class _Connection(AsyncAdapt_aiosqlite_connection):
    """A connection whose cursors make one trip. Results that are streamed keep SQLAlchemy's own."""

    __slots__ = ("begins",)

    _cursor_cls = _Cursor

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self.begins = ""

    def cursor(self, server_side: bool = False) -> Any:  # noqa: FBT001, FBT002 - the adapter's signature
        if server_side and self.begins:
            super().cursor().execute("SELECT 1")
        return super().cursor(server_side)

    def create_function(self, *_arguments: Any, **_options: Any) -> None:
        """Leave out SQLAlchemy's regular expressions: no query uses them, and waiting here can be cancelled.

        A connection that is cancelled between its opening and the pool would be closed by nobody.
        """

    def commit(self) -> None:
        if self._is_begun():
            super().commit()

    def rollback(self) -> None:
        # Asked for at each return to the pool, mostly after a commit.
        if self._is_begun():
            super().rollback()

    def _is_begun(self) -> bool:
        self.begins = ""
        driver: Any = self._connection
        return bool(driver._connection and driver.in_transaction)  # noqa: SLF001 - None once it is closed


class _Outcome:
    """What SQLAlchemy asks a cursor for after its statement; the real one is closed by then."""

    def __init__(self, cursor: sqlite3.Cursor | None = None) -> None:
        self.description = cursor.description if cursor else None
        self.rowcount = cursor.rowcount if cursor else -1
        self.lastrowid = cursor.lastrowid if cursor else None
        self.arraysize = 1

    async def close(self) -> None:
        """Nothing is left to close."""


def _taken(cursor: sqlite3.Cursor) -> tuple[_Outcome, deque[Any]]:
    try:
        rows: deque[Any] = deque(cursor.fetchall() if cursor.description else ())
        return _Outcome(cursor), rows
    finally:
        cursor.close()
