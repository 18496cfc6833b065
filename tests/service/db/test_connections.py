from contextlib import suppress

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from ovh_spawner.errors import LedgerUnavailableError
from ovh_spawner.service.db import connections
from ovh_spawner.service.db.ledger import Ledger
from ovh_spawner.service.secrets import Vault


@pytest.fixture
async def ledger(database_url):
    made = Ledger(database_url, Vault(Fernet.generate_key().decode()))
    await made.migrate()
    yield made
    await made.close()


async def _break_connections(database_url):
    """End all sessions but this one, as a server that starts anew does."""
    engine = create_async_engine(database_url)
    async with engine.connect() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )
    await engine.dispose()


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
async def test_a_connection_that_rested_is_tried_before_it_is_used(ledger, database_url, monkeypatch):
    monkeypatch.setattr(connections, "REST_SECONDS", 0.0)
    await _break_connections(database_url)

    async with ledger.reading() as unit:
        assert await unit.notebooks.list_deleting() == []


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
async def test_a_connection_that_broke_in_use_fails_once_at_most(ledger, database_url):
    await _break_connections(database_url)

    with suppress(LedgerUnavailableError):
        async with ledger.reading() as unit:
            await unit.notebooks.list_deleting()
    async with ledger.reading() as unit:
        assert await unit.notebooks.list_deleting() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_unit_of_work_that_did_nothing_leaves_no_lock(ledger, database_url):
    other = Ledger(database_url, Vault(Fernet.generate_key().decode()))
    async with ledger.writing():
        pass
    async with ledger.writing() as unit:
        await unit.notebooks.list_deleting()
    async with other.writing() as unit:
        assert await unit.notebooks.list_deleting() == []
    await other.close()
