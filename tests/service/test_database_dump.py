"""Who steals a copy of the database gets no secret that works anywhere."""

import base64
from urllib.parse import quote

from sqlalchemy import MetaData, select
from sqlalchemy.ext.asyncio import create_async_engine

from ovh_spawner.domain.access import Role
from tests.support.world import ANN, spec

ENVIRONMENT = "an-api-key-of-the-user"
GIT_PASSWORD = "a-password-for-git"
STORE_SECRET = "a-secret-key-of-a-store"


async def _fill(world) -> dict[str, str]:
    """Store one of everything that is secret; return the secrets by what they are."""
    store = {
        "alias": "MINE",
        "type": "s3",
        "endpoint": "https://s3.example.org",
        "credentials": {"s3": {"accessKey": "access-of-a-store", "secretKey": STORE_SECRET}},
    }
    await world.service.operations.datastores.add(ANN, store, skip_check=True)
    git = {"mountPath": "/workspace/code", "permission": "R"}
    git["publicGit"] = {"url": f"https://user:{GIT_PASSWORD}@git.example.org/repo.git"}
    view = await world.running(envVars=[{"name": "API_KEY", "value": ENVIRONMENT}], volumes=[git])
    issued = await world.service.operations.tokens.create(ANN, {"name": "ci", "role": Role.OPERATOR.value})
    code = await world.service.operations.access.issue_code(ANN, view.id, view.last_run.id)
    async with world.service.means.ledger.reading() as unit:
        notebook = await unit.notebooks.find(view.id)
        run = await unit.runs.find(view.last_run.id)
    return {
        "environment variable": ENVIRONMENT,
        "git password": GIT_PASSWORD,
        "store secret": STORE_SECRET,
        "store key": "access-of-a-store",
        "token": issued.value,
        "token's secret part": issued.value[27:70],
        "access code": code,
        "gateway token": run.gateway_token.get_secret_value(),
        "cookie key": notebook.cookie_key.get_secret_value(),
        "encryption key": world.key,
    }


async def _dump(database_url: str) -> str:
    engine = create_async_engine(database_url)
    found = MetaData()
    try:
        async with engine.connect() as connection:
            await connection.run_sync(found.reflect)
            rows = [
                repr(tuple(row))
                for table in found.sorted_tables
                for row in await connection.execute(select(table))
            ]
    finally:
        await engine.dispose()
    return "\n".join(rows)


def _spellings(secret: str) -> set[str]:
    raw = secret.encode()
    return {
        secret,
        quote(secret),
        raw.hex(),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
    }


async def test_a_dump_of_the_database_holds_no_usable_secret(world, database_url, tmp_path):
    secrets = await _fill(world)

    dump = await _dump(database_url)

    assert "API_KEY" in dump, "the dump holds what is no secret"
    assert "ci" in dump
    for what, secret in secrets.items():
        assert not [spelling for spelling in _spellings(secret) if spelling in dump], what
    for file in tmp_path.glob("ledger.sqlite*"):
        content = file.read_bytes()
        for what, secret in secrets.items():
            assert secret.encode() not in content, f"{what} in {file.name}"


async def test_the_same_secret_is_never_sealed_the_same_way_twice(world, database_url):
    for _ in range(2):
        await world.notebooks.create(ANN, spec(envVars=[{"name": "API_KEY", "value": ENVIRONMENT}]))
    await world.service.means.background.settled("")
    engine = create_async_engine(database_url)
    try:
        async with engine.connect() as connection:
            found = MetaData()
            await connection.run_sync(found.reflect)
            sealed = [
                row.secrets for row in await connection.execute(select(found.tables["notebooks"].c.secrets))
            ]
    finally:
        await engine.dispose()

    assert len(set(sealed)) == 2
