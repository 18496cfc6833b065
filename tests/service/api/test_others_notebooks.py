"""What changing somebody else's notebook does not give: its owner's data stores, and a way in that one has not."""

import asyncio

import pytest

from tests.support.projects import installation

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDq6VkrZrnh4vaU4hEhDSF0pqKR0sTxHzqJcm7S2GQmE me"
STORE = {
    "alias": "MINE",
    "type": "s3",
    "endpoint": "https://s3.example.org",
    "credentials": {"s3": {"accessKey": "a", "secretKey": "b", "region": "gra"}},
}
OPEN = {"access": {"openNotebooks": "allowed"}}


def volume(container="papers", permission="R", alias="MINE", path="/workspace/papers"):
    source = {"alias": alias, "container": container}
    return {"mountPath": path, "permission": permission, "dataStore": source}


@pytest.fixture
async def red(tmp_path):
    async with installation(tmp_path, **OPEN) as opened:
        added = await opened.person("ann").post(
            "v1/datastore", json=STORE, params={"skipDataStoreConnectionCheck": "true"}
        )
        assert added.status_code == 200, added.text
        yield opened


@pytest.fixture
async def each_their_own(tmp_path):
    people = {"administrators": {"users": ["chief"]}, "operators": {"users": ["ann"]}}
    async with installation(tmp_path, projects={"red": {"sharing": "owner", **people}}, **OPEN) as opened:
        yield opened


async def stopped(opened, **changes):
    notebook, ann = await opened.notebook(**changes), opened.person("ann")
    answer = await ann.put(f"v1/notebook/{notebook}/stop")
    assert answer.status_code == 204, answer.text
    async with asyncio.timeout(90):
        while (await ann.get(f"v1/notebook/{notebook}")).json()["status"]["state"] != "STOPPED":
            await asyncio.sleep(0.05)
    return notebook


async def change(opened, who, notebook, **asked):
    client = opened.person(who)
    return await client.put(f"v1/notebook/{notebook}", json=asked)


async def test_nobody_reads_the_data_stores_of_a_notebooks_owner_by_changing_it(red):
    notebook = await stopped(red)

    for name in ("ari", "chief", "boss"):
        answer = await change(red, name, notebook, volumes=[volume()])
        assert answer.status_code == 400, name
        assert "MINE" not in answer.text.replace("'MINE' is", "")

    assert (await change(red, "ann", notebook, volumes=[volume()])).status_code == 204


@pytest.mark.parametrize("changed", [volume("salaries"), volume(permission="RWD")])
async def test_what_a_notebook_has_of_its_owners_store_others_may_keep_and_not_widen(red, changed):
    notebook = await stopped(red, volumes=[volume()])

    kept = await change(red, "ari", notebook, volumes=[volume(path="/workspace/elsewhere")])
    widened = await change(red, "ari", notebook, volumes=[volume(), changed | {"mountPath": "/workspace/x"}])

    assert (kept.status_code, widened.status_code) == (204, 403)
    assert "'ann'" in widened.json()["message"]


@pytest.mark.parametrize("asked", [{"sshPublicKeys": [KEY]}, {"unsecureHttp": True}])
async def test_who_may_not_open_a_notebook_makes_no_way_into_it(each_their_own, asked):
    notebook = await each_their_own.notebook()

    for name in ("chief", "boss"):
        assert (await change(each_their_own, name, notebook, **asked)).status_code == 403, name
        assert (await change(each_their_own, name, notebook, name="looked-after")).status_code == 204
    assert (await change(each_their_own, "ann", notebook, **asked)).status_code == 204
    # Closing a way is looking after it.
    shut = {"sshPublicKeys": []} if "sshPublicKeys" in asked else {"unsecureHttp": False}
    assert (await change(each_their_own, "chief", notebook, **shut)).status_code == 204
