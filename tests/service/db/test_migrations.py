import asyncio
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from cryptography.fernet import Fernet
from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import create_async_engine

from ovh_spawner.errors import ConfigError, LedgerUnavailableError
from ovh_spawner.service.db.ledger import Ledger
from ovh_spawner.service.db.migrate import migration_config
from ovh_spawner.service.db.records import DataStoreRecord
from ovh_spawner.service.db.tables import metadata
from ovh_spawner.service.secrets import Vault


@pytest.fixture
async def ledger(database_url):
    made = Ledger(database_url, Vault(Fernet.generate_key().decode()))
    await made.migrate()
    yield made
    await made.close()


@pytest.fixture
async def engine(database_url):
    made = create_async_engine(database_url)
    yield made
    await made.dispose()


async def test_the_migrations_make_exactly_the_tables_of_the_code(ledger, engine):
    async with engine.connect() as connection:
        differences = await connection.run_sync(_differences)

    assert differences == []


async def test_several_replicas_may_migrate_at_once(database_url):
    ledgers = [Ledger(database_url, Vault(Fernet.generate_key().decode())) for _ in range(3)]
    await asyncio.gather(*(ledger.migrate() for ledger in ledgers))

    for ledger in ledgers:
        await ledger.close()


async def test_the_first_migration_can_be_taken_back(ledger, engine):
    async with engine.begin() as connection:
        await connection.run_sync(lambda c: command.downgrade(migration_config(c), "base"))
        left = await connection.run_sync(lambda c: inspect(c).get_table_names())

    assert left == ["alembic_version"]


async def test_instants_keep_their_microsecond_whatever_zone_they_came_in(ledger):
    at = datetime(2026, 3, 29, 3, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    async with ledger.writing() as unit:
        await unit.projects.lock("default", at)
        await unit.data_stores.add(_store(at))
    async with ledger.reading() as unit:
        [found] = await unit.data_stores.list(project="default", owner="ann")

    assert found.created_at == at
    assert found.created_at.tzinfo is UTC


async def test_an_instant_without_a_zone_is_a_mistake_of_ours(ledger):
    with pytest.raises(Exception, match="without a time zone"):
        async with ledger.writing() as unit:
            await unit.projects.lock("default", datetime(2026, 3, 1))  # noqa: DTZ001


async def test_a_failed_unit_of_work_leaves_nothing(ledger):
    now = datetime(2026, 3, 1, tzinfo=UTC)

    async def fail():
        async with ledger.writing() as unit:
            await unit.projects.lock("default", now)
            await unit.data_stores.add(_store(now))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with ledger.reading() as unit:
        assert await unit.data_stores.list(project="default", owner="ann") == []


async def test_keys_can_be_rotated_and_a_lost_key_is_named(ledger, database_url):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    now = datetime(2026, 3, 1, tzinfo=UTC)
    for keys in (old, f"{new},{old}"):
        rotated = Ledger(database_url, Vault(keys))
        async with rotated.writing() as unit:
            await unit.projects.lock("default", now)
            await unit.data_stores.add(_store(now))
        async with rotated.reading() as unit:
            [found] = await unit.data_stores.list(project="default", owner="ann")
        await rotated.close()
        assert found.credentials == "{}"
    lost = Ledger(database_url, Vault(new))
    with pytest.raises(ConfigError, match="ENCRYPTION_KEYS"):
        async with lost.reading() as unit:
            await unit.data_stores.list(project="default", owner="ann")
    await lost.close()


async def test_a_database_that_does_not_answer_is_told_in_one_sentence(tmp_path):
    ledger = Ledger(
        f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/x.sqlite", Vault(Fernet.generate_key().decode())
    )
    with pytest.raises(LedgerUnavailableError, match="does not answer"):
        await ledger.migrate()
    await ledger.close()


def _differences(connection):
    return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)


def _store(at):
    return DataStoreRecord(
        id=uuid4(),
        project="default",
        owner="ann",
        alias="MINE",
        type="s3",
        endpoint="https://s3.example.org",
        region="",
        credentials="{}",
        created_at=at,
    )
