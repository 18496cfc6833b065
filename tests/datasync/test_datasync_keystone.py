"""Swift where Keystone signs in (version 3), which most clouds have. Skipped where Debian's packages are missing."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from ovh_spawner.contract.sync import SwiftSource, SyncDirection, SyncState
from ovh_spawner.domain.volumes import Permission
from ovh_spawner.service.runners.local import LocalRunner
from tests.datasync.conftest import wait_until
from tests.datasync.container_life import check_the_life_of_a_container
from tests.support.http_doors import of_world, open_door
from tests.support.keystone_server import (
    REGION,
    USERS_KEY,
    Keystone,
    keystone_is_installed,
    keystone_server,
)
from tests.support.requirements import need
from tests.support.swift_server import SwiftServer, swift_is_installed, swift_server
from tests.support.world import World

RO, RWD = Permission.RO, Permission.RWD

SLOWEST = 300
"""Seconds that one call may take here before it is given up."""

MANY = 200


@dataclass
class Cloud:
    """A Keystone, and a Swift that asks it.

    ``ann`` is a member of the project ``weather``, and ``rita`` may not use Swift there. The domain Other has a
    project of that name with ``bob`` in it, and ``cleo``, who is a member of ann's project.
    """

    keystone: Keystone
    swift: SwiftServer
    disk: Path

    def objects(self) -> int:
        return sum(1 for _ in self.disk.rglob("*.data"))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    need("swift", swift_is_installed(), "Debian's swift packages and memcached")
    need("keystone", keystone_is_installed(), "Debian's package python3-keystone")
    folder = tmp_path_factory.mktemp("swift")
    with (
        keystone_server(tmp_path_factory.mktemp("keystone")) as keystone,
        swift_server(folder, keystone.sign_in()) as swift,
    ):
        keystone.add_swift(swift.port)
        weather, other = keystone.add_project("weather"), keystone.add_domain("Other")
        keystone.add_user("ann", project=weather)
        keystone.add_user("rita", project=weather, role="reader")
        keystone.add_user("bob", project=keystone.add_project("weather", domain=other), domain=other)
        keystone.add_user("cleo", project=weather, domain=other)
        yield Cloud(keystone, swift, folder / "devices")


@pytest.fixture
def container(cloud):
    def make(name: str, **changes: str | int) -> SwiftSource:
        values = {"alias": "CLOUD", "auth_url": cloud.keystone.url, "user": "ann", "key": USERS_KEY}
        place = {"tenant": "weather", "region": REGION}
        return SwiftSource(container=name, **(values | place | changes))

    return make


@pytest.fixture
def notebook(notebook):
    notebook.seconds = SLOWEST
    return notebook


def test_a_container_is_created_filled_changed_and_emptied(notebook, container):
    check_the_life_of_a_container(notebook, container("box"))


def test_projects_of_one_name_are_told_apart_by_their_domain(notebook, container):
    written = notebook.volume(container("named"), RWD)
    notebook.pull(written).done()
    (notebook.home / "data/a").write_text("by ann")
    notebook.push(written).done()
    bob = {"user": "bob", "domain": "Other"}
    cleo = {"user": "cleo", "domain": "Other", "tenant_domain": "Default"}

    missed = notebook.pull(notebook.volume(container("named", **bob), RO, at="bob"))
    notebook.pull(notebook.volume(container("named", **cleo), RO, at="cleo")).done()

    assert missed.volume.state is SyncState.NOT_FOUND
    assert (notebook.home / "cleo/a").read_text() == "by ann"


def test_a_sync_goes_on_when_its_token_ends_on_the_way(notebook, container, cloud):
    volume = notebook.volume(container("long"), RWD)
    notebook.pull(volume).done()
    for number in range(MANY):
        (notebook.home / f"data/{number}").write_text(f"{number}")
    before = cloud.objects()
    job = notebook.job(SyncDirection.PUSH, volume)
    push = notebook.start(job)
    wait_until(lambda: cloud.objects() > before, seconds=SLOWEST)
    cloud.keystone.new_keys()
    cloud.swift.forget_cached()

    assert notebook.finish(push, job).done().completed == MANY

    # Swift asked about the old token and heard that it is none.
    assert '"GET /v3/auth/tokens HTTP/1.1" 404' in cloud.keystone.log.read_text()
    assert notebook.push(volume).done().completed == 0


@pytest.mark.parametrize(
    "wrong", [{"key": "wrong-secret-key"}, {"domain": "Nowhere"}, {"tenant": "another"}], ids=str
)
def test_a_wrong_sign_in_is_said_to_be_wrong(notebook, container, wrong):
    result = notebook.pull(notebook.volume(container("box", **wrong), RO))

    assert result.volume.state is SyncState.INVALID_CREDENTIALS
    assert "are not accepted. Correct them" in result.volume.message
    assert "secret" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    "wrong",
    [{"tenant": ""}, {"region": "Nowhere"}, {"auth_version": 1}, {"auth_version": 2}],
    ids=str,
)
def test_a_sign_in_that_leads_to_no_swift_says_what_to_correct(notebook, container, wrong):
    result = notebook.pull(notebook.volume(container("box", **wrong), RO))

    assert result.volume.state is SyncState.INVALID_CREDENTIALS
    assert "Correct its address, authVersion, tenant, domains or region" in result.volume.message
    assert "secret" not in result.stdout + result.stderr


def test_who_has_no_role_for_swift_is_told_so(notebook, container):
    result = notebook.pull(notebook.volume(container("box", user="rita"), RO))

    assert result.volume.state is SyncState.FORBIDDEN
    assert "Ask its owner for the right" in result.volume.message


def test_a_missing_container_is_not_found(notebook, container):
    result = notebook.pull(notebook.volume(container("nowhere"), RO))

    assert result.volume.state is SyncState.NOT_FOUND


class PatientRunner(LocalRunner):
    """Waits for this Keystone, which answers one at a time."""

    async def check(self, volumes, *, seconds):
        return await super().check(volumes, seconds=max(seconds, SLOWEST))


@pytest.fixture
async def ann(tmp_path):
    """Somebody at the service's API."""
    world = World(tmp_path, f"sqlite+aiosqlite:///{tmp_path}/ledger.sqlite")
    world.runner = PatientRunner(tmp_path / "notebooks")
    await world.start()
    try:
        async with open_door(serve=of_world(world)) as door:
            yield door.person("ann")
    finally:
        await world.close()


def store(cloud: Cloud, **changes: str) -> dict[str, object]:
    """Return what is sent to add a data store."""
    swift = {"user": "ann", "key": USERS_KEY, "tenant": "weather", "region": REGION} | changes
    endpoint = swift.pop("endpoint", cloud.keystone.url)
    return {"alias": "CLOUD", "type": "swift", "endpoint": endpoint, "credentials": {"swift": swift}}


@pytest.mark.parametrize(
    "sign_in",
    [
        {"authVersion": 3},
        {"user": "bob", "domain": "Other"},
        {"user": "cleo", "domain": "Other", "tenantDomain": "Default"},
    ],
    ids=str,
)
async def test_a_person_adds_a_store_with_keystone_and_checks_it(ann, cloud, sign_in):
    added = await ann.post("v1/datastore", json=store(cloud, **sign_in))
    checked = await ann.post("v1/datastore/CLOUD/check")

    assert added.status_code == 200, added.text
    assert checked.json()["state"] == "DONE"
    assert USERS_KEY not in added.text + checked.text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"key": "wrong-secret-key"}, "are not accepted"),
        ({"endpoint": "without /v3"}, "does not lead to a Swift account"),
        ({"region": "Nowhere"}, "does not lead to a Swift account"),
    ],
    ids=str,
)
async def test_a_store_that_keystone_does_not_admit_is_not_added(ann, cloud, wrong, said):
    wrong = {name: value.replace("without /v3", cloud.keystone.url[:-3]) for name, value in wrong.items()}

    added = await ann.post("v1/datastore", json=store(cloud, **wrong))

    assert added.status_code == 400
    assert said in added.text
    assert "connection-check" not in added.text
    assert "secret" not in added.text
    assert (await ann.get("v1/datastore/CLOUD")).status_code == 404
