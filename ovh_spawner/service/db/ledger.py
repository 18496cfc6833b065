"""The ledger's door: one unit of work per use case, on SQLite or PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from sqlite3 import OperationalError as DriverOperationalError
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random

from ovh_spawner.errors import LedgerUnavailableError
from ovh_spawner.service.db import sqlite_driver
from ovh_spawner.service.db.access_codes import AccessCodeRepository
from ovh_spawner.service.db.audit import AuditRepository
from ovh_spawner.service.db.connections import watch_connections
from ovh_spawner.service.db.datastores import DataStoreRepository
from ovh_spawner.service.db.migrate import upgrade
from ovh_spawner.service.db.notebooks import NotebookRepository
from ovh_spawner.service.db.projects import ProjectRepository
from ovh_spawner.service.db.runs import RunRepository
from ovh_spawner.service.db.sealed_columns import seal_anew, sealed_columns
from ovh_spawner.service.db.statements import StatementRepository
from ovh_spawner.service.db.syncs import SyncRepository
from ovh_spawner.service.db.tokens import TokenRepository
from ovh_spawner.service.db.transitions import TransitionRepository
from ovh_spawner.service.secrets import Vault

CLOSE_SECONDS = 5.0
"""How long a close waits for units of work that are under way; they take milliseconds."""


class UnitOfWork:
    """One transaction: all of it is stored, or nothing."""

    def __init__(self, connection: AsyncConnection, vault: Vault) -> None:
        self.projects = ProjectRepository(connection)
        self.notebooks = NotebookRepository(connection, vault)
        self.runs = RunRepository(connection, vault)
        self.transitions = TransitionRepository(connection)
        self.syncs = SyncRepository(connection)
        self.data_stores = DataStoreRepository(connection, vault)
        self.access_codes = AccessCodeRepository(connection)
        self.statements = StatementRepository(connection)
        self.tokens = TokenRepository(connection)
        self.audit = AuditRepository(connection)


class Ledger:
    """The database behind the service."""

    def __init__(self, url: str, vault: Vault) -> None:
        self._connections = sqlite_driver.Connections()
        self._engine = _open_engine(url, self._connections)
        self._writing = self._engine.execution_options(**{sqlite_driver.BEGIN: "BEGIN IMMEDIATE"})
        self._vault = vault
        self._is_closed = False
        self._units = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        # SQLite has one writer: ours queue here, fairly, instead of polling the file's lock.
        is_sqlite = self._engine.dialect.name == "sqlite"
        self._writers: asyncio.Lock | nullcontext[None] = asyncio.Lock() if is_sqlite else nullcontext()

    async def migrate(self) -> None:
        """Bring the tables to this version; safe when several replicas start at once."""
        if self._engine.dialect.name == "sqlite":
            with _trouble_told():
                await self._write_ahead()
        async with self._transaction(self._writing) as connection:
            await connection.run_sync(upgrade)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[UnitOfWork]:
        async with self._transaction(self._engine) as connection:
            yield UnitOfWork(connection, self._vault)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[UnitOfWork]:
        """Begin with the write lock: two of these never work on a stale count."""
        async with self._writers, self._transaction(self._writing) as connection:
            yield UnitOfWork(connection, self._vault)

    async def rotate_keys(self) -> int:
        """Seal every secret with the first key, some rows at a time; return how many were sealed with another one.

        Raises:
            ConfigError: a secret is sealed with a key that is not there.

        """
        changed = 0
        for column in sealed_columns():
            after: object = None
            while True:
                async with self._writers, self._transaction(self._writing) as connection:
                    count, after = await seal_anew(connection, self._vault, column, after=after)
                changed += count
                if after is None:
                    break
        return changed

    async def close(self) -> None:
        """Refuse new units of work, let those under way end, close the connections."""
        self._is_closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._is_idle.wait()
        await self._engine.dispose()
        await self._connections.close(CLOSE_SECONDS)

    @retry(
        retry=retry_if_exception_type(DriverOperationalError),
        wait=wait_random(0.01, 0.1),
        stop=stop_after_delay(sqlite_driver.BUSY_MILLISECONDS / 1000),
        reraise=True,
    )
    async def _write_ahead(self) -> None:
        """Switch the file to write-ahead logging, for good.

        Of two processes that make this switch at the same instant SQLite tells one "locked", however long it would
        wait (both would wait for one another), so it has to let go and try again.
        """
        async with self._engine.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            for pragma in (
                "busy_timeout=0",
                "journal_mode=WAL",
                f"busy_timeout={sqlite_driver.BUSY_MILLISECONDS}",
            ):
                await driver.execute_fetchall(f"PRAGMA {pragma}")

    @asynccontextmanager
    async def _transaction(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        if self._is_closed:
            raise LedgerUnavailableError(
                "The service is ending, so nothing was changed. Try again in a moment."
            )
        self._units += 1
        self._is_idle.clear()
        try:
            with _trouble_told():
                async with engine.begin() as connection:
                    yield connection
        finally:
            self._units -= 1
            if not self._units:
                self._is_idle.set()


@contextmanager
def _trouble_told() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, DriverOperationalError) as exc:
        raise LedgerUnavailableError(
            "The ledger does not answer, so nothing was changed. Try again in a moment."
        ) from exc


def _open_engine(url: str, connections: sqlite_driver.Connections) -> AsyncEngine:
    engine = create_async_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "do_connect", connections.connect)
        event.listen(engine.sync_engine, "begin", sqlite_driver.begin)
    else:
        watch_connections(engine)
    return engine
