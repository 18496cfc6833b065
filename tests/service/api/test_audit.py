"""The audit log through the API: what is written, who reads it, and that nobody changes it."""

import csv
import io
import json
from uuid import UUID

import pytest_asyncio

from tests.support.projects import installation
from tests.support.world import RW, spec


@pytest_asyncio.fixture
async def place(tmp_path):
    async with installation(tmp_path) as made:
        yield made


async def entries(place, who="chief", **query):
    answer = await place.person(who).get("v1/audit", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_what_people_do_to_notebooks_is_written_down(place):
    notebook = await place.notebook(name="first", volumes=[RW])
    ann = place.person("ann")
    for method, path, body in (
        ("PUT", "label", {"name": "a", "value": "b"}),
        ("PUT", None, {"name": "second"}),
        ("POST", "datasync", {"direction": "pull"}),
        ("PUT", "stop", None),
    ):
        answer = await ann.request(
            method, f"v1/notebook/{notebook}" + (f"/{path}" if path else ""), json=body
        )
        assert answer.status_code < 300, answer.text
        await place.world.service.means.background.settled("")
    await ann.put(f"v1/notebook/{notebook}/start")
    await ann.delete(f"v1/notebook/{notebook}", params={"force": "true"})

    found = await entries(place, target=notebook)

    assert [entry["action"] for entry in reversed(found)] == [
        "notebook.create",
        "notebook.change",
        "notebook.change",
        "notebook.sync",
        "notebook.stop",
        "notebook.start",
        "notebook.delete",
    ]
    assert {entry["actor"] for entry in found} == {"ann"}
    assert {entry["credential"] for entry in found} == {"hub token"}
    assert {entry["project"] for entry in found} == {"red"}
    assert {entry["address"] for entry in found} == {"127.0.0.1"}
    assert len({entry["request"] for entry in found}) == 7
    assert found[0]["details"] == {"owner": "ann", "force": True}
    assert found[0]["name"] == "second"


async def test_what_a_token_does_is_written_with_the_token(place):
    made = await place.new_token()
    app = place.door.client(made["status"]["value"])
    await app.post("v1/notebook", json=spec())
    await place.person("ann").post(f"v1/token/{made['id']}/renew")
    await place.person("chief").delete(f"v1/token/{made['id']}")

    found = await entries(place)

    assert [(entry["action"], entry["actor"]) for entry in reversed(found)] == [
        ("token.create", "ann"),
        ("notebook.create", "ann"),
        ("token.renew", "ann"),
        ("token.delete", "chief"),
    ]
    assert found[2]["credential"] == f"token:{made['id']}:1"
    assert found[0]["details"] == {"owner": "ann", "role": "operator", "selector": "", "version": 2}


async def test_what_came_to_nothing_is_not_written(place):
    notebook = await place.notebook()
    before = len(await entries(place))
    ann = place.person("ann")
    await ann.put(f"v1/notebook/{notebook}/start")
    await ann.post("v1/notebook", json={"env": {}})
    await place.person("rita").delete(f"v1/notebook/{notebook}")
    await place.person("bob").delete(f"v1/notebook/{notebook}")

    assert len(await entries(place)) == before


async def test_who_may_read_what(place):
    await place.notebook("ann", name="of-red")
    await place.notebook("bob", name="of-blue")

    for who, query, expected in (
        ("chief", {}, 200),
        ("chief", {"project": "red"}, 200),
        ("chief", {"project": "blue"}, 403),
        ("chief", {"project": "none"}, 403),
        ("boss", {}, 200),
        ("boss", {"project": "blue"}, 200),
        ("ann", {}, 403),
        ("rita", {}, 403),
        ("bob", {"project": "blue"}, 403),
        ("nobody", {}, 403),
    ):
        for path in ("v1/audit", "v1/audit.csv", "v1/audit.jsonl"):
            answer = await place.person(who).get(path, params=query)
            sees_red = expected == 200 and query.get("project") in {None, "red"}
            sees_blue = expected == 200 and who == "boss"
            assert answer.status_code == expected, (who, query, path)
            assert ("of-red" in answer.text, "of-blue" in answer.text) == (sees_red, sees_blue)


async def test_without_signing_in_there_is_nothing_to_read(place):
    assert (await place.door.client().get("v1/audit")).status_code == 401


async def test_entries_are_filtered_and_paged(place):
    for name in ("one", "two", "three"):
        await place.notebook(name=name)
        place.world.clock.advance(hours=1)

    async def names(**query):
        return [entry["name"] for entry in await entries(place, **query)]

    end = place.world.clock()
    assert await names(user="ann", action="notebook.create") == ["three", "two", "one"]
    assert await names(user="ari") == []
    assert await names(action="notebook.delete") == []
    assert await names(after=end.isoformat()) == []
    assert await names(before=end.isoformat()) == ["three", "two", "one"]
    first = (await place.person("chief").get("v1/audit", params={"size": 2})).json()
    assert first["metadata"]["total"] == 3
    following = await place.person("chief").get(place.door.url + first["metadata"]["links"]["next"])
    assert [entry["name"] for entry in following.json()["items"]] == ["one"]
    wrong = await place.person("chief").get("v1/audit", params={"action": "notebook.explode"})
    assert wrong.status_code == 400


async def test_exports_hold_every_entry_and_run_in_no_spreadsheet(place):
    notebook = await place.notebook(name="=cmd()")
    chief = place.person("chief")

    table = list(csv.DictReader(io.StringIO((await chief.get("v1/audit.csv")).text)))
    lines = [json.loads(line) for line in (await chief.get("v1/audit.jsonl")).text.splitlines()]

    assert [row["target"] for row in table] == [notebook] == [line["target"] for line in lines]
    assert table[0]["name"] == "'=cmd()"
    assert lines[0]["name"] == "=cmd()"
    assert json.loads(table[0]["details"]) == lines[0]["details"]


async def test_the_address_is_the_one_that_our_outermost_proxy_saw(place):
    for proxies, header, shown in (
        (1, "203.0.113.7", "203.0.113.7"),
        (1, "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        (2, "198.51.100.1, 203.0.113.7", "198.51.100.1"),
        (2, "203.0.113.7", "127.0.0.1"),
        (0, "203.0.113.7", "127.0.0.1"),
        (1, "<script>", "127.0.0.1"),
        (1, "2001:db8::1", "2001:db8::1"),
    ):
        place.door.service.settings.service.__dict__["proxies"] = proxies
        await place.person("ann").post(
            "v1/token", json={"name": "ci", "role": "read"}, headers={"X-Forwarded-For": header}
        )
        assert (await entries(place))[0]["address"] == shown


async def test_no_secret_is_in_the_log(place):
    secrets = ["very-secret-value", "hidden-key"]
    notebook = await place.notebook(envVars=[{"name": "KEY", "value": secrets[0]}])
    ann = place.person("ann")
    await ann.put(f"v1/notebook/{notebook}", json={"envVars": [{"name": "KEY", "value": secrets[0]}]})
    store = {
        "alias": "MINE",
        "type": "s3",
        "endpoint": "https://s3.example.org",
        "credentials": {"s3": {"accessKey": "access", "secretKey": secrets[1]}},
    }
    added = await ann.post("v1/datastore", json=store, params={"skipDataStoreConnectionCheck": "true"})
    assert added.status_code == 200, added.text
    await ann.delete("v1/datastore/MINE")
    value = (await place.new_token())["status"]["value"]

    whole = (await place.person("chief").get("v1/audit.jsonl")).text

    assert "datastore.add" in whole
    assert "datastore.remove" in whole
    assert not any(secret in whole for secret in [*secrets, 'access"', value])


async def test_what_the_hub_starts_and_stops_is_written_too(place):
    notebook = await place.notebook()
    ann = await place.world.service.operations.people.person("ann")
    view = await place.world.notebooks.get(ann, UUID(notebook))
    await place.world.end(view)

    found = await entries(place, target=notebook)

    assert next((entry["action"], entry["actor"]) for entry in found) == ("notebook.stop", "")
