import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select
from sqlalchemy.ext.asyncio import create_async_engine

from ovh_spawner.errors import ConfigError
from ovh_spawner.service.db import sealed_columns
from ovh_spawner.service.db.ledger import Ledger
from ovh_spawner.service.db.sealed_columns import sealed_columns as columns
from ovh_spawner.service.db.tables import metadata
from ovh_spawner.service.operations.views import ListQuery
from ovh_spawner.service.secrets import Vault
from tests.support.world import ANN, spec

STORE = {
    "alias": "MINE",
    "type": "s3",
    "endpoint": "https://s3.example.org",
    "credentials": {"s3": {"accessKey": "access", "secretKey": "secret"}},
}


@pytest.fixture
async def filled(world, monkeypatch):
    """A ledger with several rows in every table that holds sealed secrets, and batches that are smaller."""
    monkeypatch.setattr(sealed_columns, "BATCH", 2)
    await world.service.operations.datastores.add(ANN, STORE, skip_check=True)
    for number in range(5):
        await world.stopped(name=f"notebook {number}", envVars=[{"name": "KEY", "value": f"value {number}"}])
    await world.stopped(name="without secrets")
    return world


async def sealed_values(database_url):
    engine = create_async_engine(database_url)
    try:
        async with engine.connect() as connection:
            return [
                row[0] for column in columns() for row in await connection.execute(select(column)) if row[0]
            ]
    finally:
        await engine.dispose()


def test_every_column_that_is_said_to_be_sealed_is_rotated():
    said = {
        column
        for table in metadata.sorted_tables
        for column in table.columns
        if (column.comment or "").startswith("sealed")
    }

    assert set(columns()) == said
    assert len(said) == 4


async def test_after_a_rotation_the_old_key_is_not_needed(filled, database_url):
    old, new = filled.key, Fernet.generate_key().decode()
    both = Ledger(database_url, Vault(f"{new},{old}"))
    changed = await both.rotate_keys()
    again = await both.rotate_keys()
    await both.close()

    values = await sealed_values(database_url)

    assert changed == len(values) > 15
    assert again == 0
    assert all(Vault(new).is_current(value) for value in values)
    filled.key = new
    await filled.restart()
    spec_of = {
        view.spec.name: view.spec.environment
        for view in (await filled.notebooks.list(ANN, ListQuery())).items
    }
    assert spec_of["notebook 3"]["KEY"].get_secret_value() == "value 3"


async def test_a_rotation_without_the_old_key_changes_nothing_and_names_the_variable(filled, database_url):
    before = sorted(await sealed_values(database_url))
    alone = Ledger(database_url, Vault(Fernet.generate_key().decode()))
    with pytest.raises(ConfigError, match="ENCRYPTION_KEYS"):
        await alone.rotate_keys()
    await alone.close()

    assert sorted(await sealed_values(database_url)) == before


@pytest.mark.parametrize("keys", ["", " , ", "nonsense"])
def test_keys_that_are_none_are_refused_without_showing_them(keys):
    with pytest.raises(ConfigError) as refused:
        Vault(keys)

    assert "nonsense" not in str(refused.value)


async def test_a_service_goes_on_while_the_keys_are_rotated(filled, database_url):
    old, new = filled.key, Fernet.generate_key().decode()
    filled.key = f"{new},{old}"
    await filled.restart()
    both = Ledger(database_url, Vault(filled.key))

    await both.rotate_keys()
    await both.close()
    view = await filled.notebooks.create(ANN, spec(name="during"))
    await filled.service.means.background.settled("")

    assert view.spec.name == "during"
    assert all(Vault(new).is_current(value) for value in await sealed_values(database_url))
