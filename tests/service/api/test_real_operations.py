"""The door on the real operations: one story of a notebook, from its creation to its line on the usage page."""

from uuid import UUID, uuid4

import pytest

from ovh_spawner.contract.sync import SyncState
from ovh_spawner.domain.states import NotebookState, RunState
from tests.support.http_doors import of_world, open_door
from tests.support.world import RW, spec, until

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

STORE = {
    "alias": "MINE",
    "type": "s3",
    "endpoint": "https://s3.example.org",
    "credentials": {"s3": {"accessKey": "an-access-key", "secretKey": "a-secret-key", "region": "gra"}},
}


@pytest.fixture
async def real(world):
    async with open_door(serve=of_world(world)) as opened:
        yield opened
    # Every key starts like "": what the service does in the background comes to its end.
    await world.service.means.background.settled("")


async def test_a_notebook_is_opened_by_its_owner_and_shown_with_its_cost(world, real):
    ann, eve = real.person("ann"), real.person("eve")
    made = (await ann.post("v1/notebook", json=spec(name="first", volumes=[RW]))).json()
    view = await world.until_state(UUID(made["id"]), NotebookState.RUNNING)
    query = {"run": str(view.last_run.id), "state": "abc"}

    opened = await ann.get(f"open/{made['id']}", params=query)
    stranger = await eve.get(f"open/{made['id']}", params=query)
    old_run = await ann.get(f"open/{made['id']}", params={**query, "run": str(uuid4())})
    world.clock.advance(seconds=61)
    await world.end(view)
    await world.until_state(UUID(made["id"]), NotebookState.STOPPED)
    usage = (await ann.get("v1/usage")).json()
    page = (await ann.get("usage")).text
    table = (await ann.get("v1/usage.csv")).text

    assert opened.headers["Location"].startswith(f"/user/ann/{view.server_name}/_ovh/callback?code=")
    assert (stranger.status_code, old_run.status_code) == (404, 400)
    assert [(line["notebookName"], line["minutes"]) for line in usage["lines"]] == [("first", 2)]
    assert usage["total"] + " " + usage["currency"] in page
    assert ",first," in table
    assert (await eve.get("v1/usage")).json()["lines"] == []


async def test_the_hub_has_unsaved_changes_saved_for_their_owner(world, real):
    world.runner.usually = SyncState.FORBIDDEN
    notebook = await world.running(volumes=[RW])
    await world.end(notebook)
    await world.until_state(notebook.id, NotebookState.SYNC_FAILED)
    server = {"user": notebook.owner, "server": notebook.server_name}
    hub = real.client(world.service.secrets.internal_token)
    path = f"{real.url}/internal/v1/notebooks"

    world.runner.usually = "running"
    first = await hub.post(f"{path}/save", params=server)
    again = await hub.post(f"{path}/save", params=server)
    saving = (await hub.get(path, params=server)).json()
    [push] = await until(lambda: _manual_pushes(world), what="the push")
    world.runner.end(push.id, SyncState.DONE)
    await world.until_state(notebook.id, NotebookState.STOPPED)

    assert (first.status_code, again.status_code) == (204, 204)
    assert (saving["state"], saving["isSyncing"]) == ("SYNC_FAILED", True)
    assert (await hub.post(f"{path}/save", params=server)).status_code == 400


async def _manual_pushes(world):
    return [job for job in world.runner.jobs if job.manual]


async def test_a_code_that_was_used_is_refused_as_such(world, real):
    opened_runs = []

    async def spawn(user, server_name, options):
        opened_runs.append(await world.open(user, server_name, UUID(options["notebook"])))
        await world.report(opened_runs[-1].run, RunState.RUNNING)

    world.hub.spawn = spawn
    ann = real.person("ann")
    made = (await ann.post("v1/notebook", json=spec())).json()
    view = await world.until_state(UUID(made["id"]), NotebookState.RUNNING)
    opened = await ann.get(f"open/{made['id']}", params={"run": str(view.last_run.id), "state": "abc"})
    code = opened.headers["Location"].split("code=")[1].split("&")[0]
    gateway = real.client(opened_runs[0].gateway_token)
    path = f"{real.url}/internal/v1/runs/{view.last_run.id}/redeem"

    first = await gateway.post(path, json={"code": code})
    second = await gateway.post(path, json={"code": code})
    impostor = await real.client("wrong").post(path, json={"code": code})

    assert first.json()["visitor"] == "user:ann"
    assert (second.status_code, impostor.status_code) == (403, 401)


async def test_a_data_store_is_kept_without_showing_its_credentials(real):
    ann = real.person("ann")

    added = await ann.post("v1/datastore", json=STORE, params={"skipDataStoreConnectionCheck": "true"})
    wrong = await ann.post(
        "v1/datastore", json={**STORE, "alias": "OTHER", "credentials": {"s3": {"accessKey": 1}}}
    )
    shown = await ann.get("v1/datastore")

    assert added.status_code == 200, added.text
    assert wrong.status_code == 400
    assert "credentials.s3.secretKey" in {problem["field"] for problem in wrong.json()["problems"]}
    assert [store["alias"] for store in shown.json()] == ["DEMO", "MINE"]
    assert "secret-key" not in shown.text


async def test_a_quota_is_a_403_that_the_vendors_client_knows(real):
    ann = real.person("ann")
    gpus = {"flavor": "ai1-1-gpu", "gpu": 3}

    answers = [await ann.post("v1/notebook", json=spec(resources=gpus)) for _ in range(2)]

    assert [a.status_code for a in answers] == [200, 403]
    assert answers[1].json()["code"] == "quota_exceeded"
