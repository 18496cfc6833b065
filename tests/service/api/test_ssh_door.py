"""The SSH endpoint's door at the service: its own token opens it, and opens nothing else."""

from uuid import uuid4

import pytest

from tests.domain.building import KEY
from tests.support.http_doors import of_world, open_door
from tests.support.world import ANN, World

PATHS = ("authorize", "entered")


@pytest.fixture
async def world(tmp_path):
    world = World(tmp_path, f"sqlite+aiosqlite:///{tmp_path}/ledger.sqlite", ssh={"enabled": True})
    await world.start()
    yield world
    await world.close()


@pytest.fixture
async def door(world):
    async with open_door(serve=of_world(world)) as door:
        yield door


@pytest.mark.parametrize("path", PATHS)
async def test_only_the_endpoint_asks(door, path):
    question = {"notebook": str(uuid4()), "key": "ssh-ed25519 AAAA"}
    tokens = ("", "wrong", "internal", door.hub.add("ada"), "ssh")

    answers = [
        await door.client(token).post(f"{door.url}/internal/v1/ssh/{path}", json=question) for token in tokens
    ]

    assert [answer.status_code for answer in answers[:-1]] == [401] * 4
    assert answers[-1].status_code in {200, 204}


async def test_the_endpoint_s_token_opens_nothing_else(world, door):
    notebook = await world.running(ANN, sshPublicKeys=[KEY])
    endpoint = door.client("ssh")
    run = notebook.last_run.id

    answers = [
        await endpoint.get(f"{door.url}/internal/v1/spawn-page", params={"user": "ann"}),
        await endpoint.post(f"{door.url}/internal/v1/runs/{run}/heartbeat", json={}),
        await endpoint.post(f"{door.url}/internal/v1/runs/{run}/policy", json={"visitors": []}),
        await endpoint.get(f"{door.api}v1/notebook"),
    ]

    assert {answer.status_code for answer in answers} == {401}


async def test_the_api_says_where_to_connect(world, door):
    notebook = await world.running(ANN, sshPublicKeys=[KEY])
    ann = door.person("ann")

    status = (await ann.get(f"v1/notebook/{notebook.id}")).json()["status"]

    assert status["sshUrl"] == f"ssh://{notebook.id}@127.0.0.1:2222"
