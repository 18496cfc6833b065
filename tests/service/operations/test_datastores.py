import asyncio
from types import SimpleNamespace

import pytest

from ovh_spawner.contract.sync import Reach, S3Source, SwiftSource
from ovh_spawner.domain import volumes as wanted
from ovh_spawner.errors import InvalidSpecError, NotFoundError
from ovh_spawner.service.operations.sync_jobs import platform_source, reach_of
from ovh_spawner.settings import Settings
from tests.support.world import ANN, BOB, spec, until

S3 = {
    "alias": "MINE",
    "type": "s3",
    "owner": "customer",
    "endpoint": "https://s3.example.org",
    "credentials": {"s3": {"accessKey": "AKIA123", "secretKey": "very-secret", "region": "gra"}},
}
SWIFT = {
    "alias": "CLOUD",
    "type": "swift",
    "endpoint": "https://auth.example.org/v3",
    "credentials": {"swift": {"user": "joe", "key": "very-secret", "tenant": "t", "domain": "Default"}},
}


@pytest.fixture
def stores(world):
    return world.service.operations.datastores


async def test_an_added_store_is_listed_without_its_credentials(world, stores, tmp_path):
    view = await stores.add(ANN, S3)
    listed = await stores.list(ANN)
    files = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.sqlite*"))

    assert [(s.alias, s.owner) for s in listed] == [("DEMO", "ovhcloud"), ("MINE", "customer")]
    assert "very-secret" not in repr((view, listed))
    assert b"very-secret" not in files


async def test_a_store_is_its_owners_alone(stores):
    await stores.add(ANN, S3)

    assert await stores.aliases("bob", "default") == {"DEMO"}
    for refused in (stores.get(BOB, "MINE"), stores.check(BOB, "MINE"), stores.remove(BOB, "MINE")):
        with pytest.raises(NotFoundError):
            await refused
    await stores.add(BOB, S3)


async def test_jobs_get_the_credentials_of_their_stores(world, stores):
    await stores.add(ANN, S3)
    await stores.add(ANN, SWIFT)
    volumes = [
        {
            "mountPath": f"/workspace/{alias}",
            "permission": "R",
            "dataStore": {"alias": alias, "container": "bucket"},
        }
        for alias in ("MINE", "CLOUD")
    ]
    notebook = await world.stopped(volumes=volumes)
    opened = await world.open("ann", notebook.server_name, notebook.id)
    s3, swift = (volume.source for volume in opened.pull.volumes)

    assert isinstance(s3, S3Source)
    assert (s3.endpoint, s3.region) == ("https://s3.example.org", "gra")
    assert s3.secret_key.get_secret_value() == "very-secret"
    assert isinstance(swift, SwiftSource)
    assert (swift.user, swift.domain, swift.auth_version) == ("joe", "Default", 3)


def test_the_operators_swift_store_signs_in_as_its_settings_say():
    store = {
        "type": "swift",
        "authUrl": "https://auth.example.org/v3",
        "user": "joe",
        "keyEnv": "CLOUD_KEY",
        "tenant": "t",
        "domain": "People",
        "tenantDomain": "Projects",
    }
    settings = Settings.model_validate({"dataStores": {"CLOUD": store}})
    means = SimpleNamespace(settings=settings, store_keys={"CLOUD_KEY": "very-secret"})

    source = platform_source(means, "CLOUD", container="box")

    assert isinstance(source, SwiftSource)
    assert (source.tenant, source.domain, source.tenant_domain) == ("t", "People", "Projects")
    assert source.key.get_secret_value() == "very-secret"


async def test_refused_credentials_are_not_stored_unless_the_check_is_skipped(world, stores):
    world.runner.bad_stores = {"MINE"}
    with pytest.raises(InvalidSpecError, match="not added"):
        await stores.add(ANN, S3)
    assert await stores.aliases("ann", "default") == {"DEMO"}
    await stores.add(ANN, S3, skip_check=True)

    assert (await stores.check(ANN, "MINE")).state == "INVALID_CREDENTIALS"
    assert (await stores.check(ANN, "DEMO")).state == "DONE"


async def test_nobody_keeps_others_waiting_with_stores_that_do_not_answer(world, stores, monkeypatch):
    answers, asked, check = asyncio.Event(), [], world.runner.check

    async def slow(volumes, *, seconds):
        asked.append(volumes)
        await answers.wait()
        return await check(volumes, seconds=seconds)

    monkeypatch.setattr(world.runner, "check", slow)
    under_way = [asyncio.create_task(stores.add(ANN, S3 | {"alias": alias})) for alias in ("ONE", "TWO")]
    await until(lambda: len(asked) == 2, what="two checks to be under way")

    with pytest.raises(InvalidSpecError, match="being checked already"):
        await stores.add(ANN, S3 | {"alias": "THREE"})
    of_bob = asyncio.create_task(stores.add(BOB, S3))
    await until(lambda: len(asked) == 3, what="somebody else's check to be under way")
    answers.set()
    await asyncio.gather(*under_way, of_bob)

    await stores.add(ANN, S3 | {"alias": "THREE"})


async def test_a_removed_store_is_unknown_to_new_notebooks(world, stores):
    await stores.add(ANN, S3)
    await stores.remove(ANN, "MINE")
    volume = {
        "mountPath": "/workspace/x",
        "permission": "R",
        "dataStore": {"alias": "MINE", "container": "bucket"},
    }

    with pytest.raises(InvalidSpecError, match="MINE"):
        await world.notebooks.create(ANN, spec(volumes=[volume]))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"alias": "DEMO"}, "platform"),
        ({"alias": "no spaces"}, "alias"),
        ({"type": "ftp"}, "type"),
        ({"type": "git", "credentials": {"git": {}}}, "publicGit"),
        ({"type": "swift"}, "swift"),
        ({"endpoint": "https://joe:pw@s3.example.org"}, "endpoint"),
        ({"credentials": {"s3": {"accessKey": "a"}}}, "secretKey"),
        ({"credentials": {"s3": {"accessKey": "a", "secretKey": "b", "region": "r" * 300}}}, "region"),
        ({"colour": "blue"}, "colour"),
    ],
)
async def test_bad_stores_are_refused_with_the_field_and_without_the_secret(stores, changes, word):
    with pytest.raises(InvalidSpecError) as refusal:
        await stores.add(ANN, {**S3, **changes})

    assert word in str(refusal.value.problems)
    assert "very-secret" not in str(refusal.value.problems)
    assert "pw@" not in str(refusal.value.problems)


async def test_an_alias_can_be_used_once(stores):
    await stores.add(ANN, S3)

    with pytest.raises(InvalidSpecError, match="already"):
        await stores.add(ANN, S3)


@pytest.mark.parametrize(
    ("mode", "chosen", "refused"),
    [
        ("local", "by-mode", False),
        ("kubernetes", "by-mode", True),
        ("local", "refused", True),
        ("kubernetes", "allowed", False),
    ],
)
def test_peoples_own_addresses_must_be_public_where_the_operator_wants_it(mode, chosen, refused):
    settings = Settings.model_validate(
        {
            "deployment": {"mode": mode},
            "outgoing": {"privateAddresses": chosen, "allowed": ["10.1.0.0/16"]},
            "dataStores": {"DEMO": {"type": "folder", "root": "/data"}},
        }
    )
    theirs = Reach(private_addresses=False, allowed=["10.1.0.0/16"]) if refused else Reach()

    assert reach_of(settings, wanted.DataStoreSource(alias="MINE", container="x")) == theirs
    assert reach_of(settings, wanted.GitSource(url="https://example.org/x.git")) == theirs
    assert reach_of(settings, wanted.DataStoreSource(alias="DEMO", container="x")) == Reach()


@pytest.mark.parametrize("full", [None, True])
async def test_a_repository_is_brought_in_full_when_asked_for(world, full):
    repository = {"url": "https://example.org/a/b.git", "full": full}
    volumes = [{"mountPath": "/workspace/repo", "permission": "RW", "publicGit": repository}]
    notebook = await world.stopped(volumes=volumes)
    opened = await world.open("ann", notebook.server_name, notebook.id)

    assert opened.pull.volumes[0].source.full is bool(full)
