"""Many at once, over HTTP, at real service processes: one on SQLite, two on PostgreSQL.

``OVH_SPAWNER_RACE_CLIENTS``: how many start at once (default 64; the long tier takes 1000).
"""

import asyncio
import os
from collections import Counter

import pytest

from tests.support.requirements import LONG
from tests.support.service_processes import service_processes
from tests.support.world import gpus, spec

pytestmark = pytest.mark.long

CLIENTS = int(os.environ.get("OVH_SPAWNER_RACE_CLIENTS", "1000" if LONG else "64"))
QUOTA = 4
TURNS = 6
STARTED = {"STARTING", "RUNNING"}


@pytest.fixture
async def services(tmp_path, database_url):
    count = 1 if database_url.startswith("sqlite") else 2
    async with service_processes(tmp_path, database_url, count=count) as running:
        yield running


async def _create(client, data):
    """Ask until there is an answer: who waits too long for a database's connection is told to try again."""
    while (answer := await client.post("notebook", json=data)).status_code == 503:
        assert "Try again in a moment" in answer.json()["message"]
    return answer


@pytest.mark.timeout(900)
async def test_of_many_simultaneous_starts_only_the_quota_s_worth_passes(services):
    ann, bob = services.hub.add("ann"), services.hub.add("bob")
    clients = [services.client((ann, bob)[i % 2], i // 2) for i in range(CLIENTS)]

    async with services.watched() as seen:
        answers = await asyncio.gather(
            *(_create(client, spec(name=f"n{i}", resources=gpus(1))) for i, client in enumerate(clients))
        )

    assert Counter(answer.status_code for answer in answers) == {200: QUOTA, 403: CLIENTS - QUOTA}
    assert max(seen) <= QUOTA
    assert await services.most_held() == QUOTA
    assert len(await services.stored_runs()) == QUOTA, "the refused left nothing behind"
    names = {person: set() for person in (0, 1)}
    for i, answer in enumerate(answers):
        if answer.status_code == 200:
            names[i % 2].add(f"n{i}")
    for i, answer in enumerate(answers):
        if answer.status_code == 403:
            message = answer.json()["message"]
            assert f"{QUOTA} of its {QUOTA}" in message
            assert all(name in message for name in names[i % 2])
            assert not any(f"{name}," in message or f"{name}." in message for name in names[1 - i % 2])


async def test_sixteen_at_one_notebook_leave_a_legal_state_and_one_ledger(services):
    ann = services.hub.add("ann")
    first = services.client(ann)
    made = (await first.post("notebook", json=spec(name="one", resources=gpus(2)))).json()["id"]
    clients = [services.client(ann, i) for i in range(16)]

    def order(client, number: int, turn: int):
        if turn == TURNS - 1 and number > 11:
            return client.delete(f"notebook/{made}", params={"force": "true"})
        match (number + turn) % 4:
            case 0:
                return client.put(f"notebook/{made}/start")
            case 1:
                return client.put(f"notebook/{made}/stop")
            case 2:
                return client.put(f"notebook/{made}", json={"labels": {f"l{number}": f"v{turn}"}})
        return client.get(f"notebook/{made}")

    async def press(client, number: int) -> list[int]:
        return [(await order(client, number, turn)).status_code for turn in range(TURNS)]

    async with services.watched() as seen:
        codes = [code for found in await asyncio.gather(*map(press, clients, range(16))) for code in found]

    assert {code for code in codes if code >= 400} <= {400, 404}, Counter(codes)
    assert max(seen) <= 2
    runs = await services.stored_runs()
    assert len([run for run in runs if run.state in STARTED]) <= 1
    assert await services.most_held() == 2
    for run in runs:
        history = [row for row in await services.history() if row.run == run.id]
        assert len({(row.state, row.source) for row in history}) == len(history)
        assert history[0].state == "STARTING"
    assert 204 in codes
    shown = await first.get(f"notebook/{made}")
    assert shown.status_code == 404 or shown.json()["status"]["state"] == "DELETING"
