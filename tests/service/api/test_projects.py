"""Projects through the API: each with its own people, quota, prices and data stores; and every refusal."""

from uuid import UUID

import pytest

from ovh_spawner.domain.states import NotebookState, RunState
from ovh_spawner.service.operations import administration
from tests.support.http_doors import of_world, open_door
from tests.support.world import World, gpus, spec

PROJECTS = {
    "physics": {
        "title": "Department of Physics",
        "gpuQuota": 1,
        "priceList": "cheap",
        "administrators": {"users": ["ada"]},
        "operators": {"users": ["ann", "bob"]},
        "readers": {"users": ["rea"]},
    },
    "art": {"sharing": "owner", "operators": {"users": ["ann", "oli"]}, "administrators": {"users": ["art"]}},
}
PRICES = {"cheap": {"ai1-1-cpu": [{"validFrom": "2020-01-01", "perHour": "0.60"}]}}
STORE = {
    "alias": "MINE",
    "type": "s3",
    "endpoint": "https://s3.example.org",
    "credentials": {"s3": {"accessKey": "a", "secretKey": "b", "region": "gra"}},
}
UNCHECKED = {"skipDataStoreConnectionCheck": "true"}
IN_PHYSICS, IN_ART = {"project": "physics"}, {"project": "art"}


@pytest.fixture
async def world(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path}/ledger.sqlite"
    made = World(tmp_path, url, projects=PROJECTS, price_lists=PRICES)
    await made.start()
    made.hub.on_stop = made.end_server
    yield made
    await made.close()


@pytest.fixture
async def door(world):
    async with open_door(serve=of_world(world)) as opened:
        yield opened
    await world.service.means.background.settled("")


async def make(client, **query: str) -> dict:
    answer = await client.post("v1/notebook", json=spec(), params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_who_works_in_several_projects_says_which(door):
    ann = door.person("ann")

    unsaid = await ann.post("v1/notebook", json=spec())
    said = await make(ann, project="art")

    assert unsaid.status_code == 400
    assert "art, physics" in unsaid.json()["message"]
    assert said["project"] == "art"


async def test_who_works_in_one_project_need_not_say_which(door):
    assert (await make(door.person("bob")))["project"] == "physics"


async def test_nobody_makes_a_notebook_where_they_are_no_operator(door):
    asked = [
        ("rea", "physics", 403),
        ("bob", "art", 404),
        ("bob", "none-such", 404),
        ("eve", "", 403),
        ("boss", "physics", 403),
    ]
    for name, project, status in asked:
        client = door.person(name, admin=name == "boss")
        query = {"project": project} if project else {}
        assert (await client.post("v1/notebook", json=spec(), params=query)).status_code == status


async def test_each_project_has_its_own_quota(door):
    ann = door.person("ann")

    first = await ann.post("v1/notebook", json=spec(resources=gpus(1)), params=IN_PHYSICS)
    second = await ann.post("v1/notebook", json=spec(resources=gpus(1)), params=IN_PHYSICS)
    elsewhere = await ann.post("v1/notebook", json=spec(resources=gpus(2)), params=IN_ART)

    assert [first.status_code, second.status_code, elsewhere.status_code] == [200, 403, 200]
    assert "physics" in second.json()["message"]


async def test_members_see_and_operate_each_others_notebooks(world, door):
    made = await make(door.person("bob"))
    await world.until_state(UUID(made["id"]), NotebookState.RUNNING)
    ann = door.person("ann")

    listed = (await ann.get("v1/notebook", params=IN_PHYSICS)).json()["items"]
    stopped = await ann.put(f"v1/notebook/{made['id']}/stop")

    assert [item["id"] for item in listed] == [made["id"]]
    assert stopped.status_code == 204


async def test_a_reader_sees_and_may_not_stop(door):
    made = await make(door.person("bob"))
    rea = door.person("rea")

    assert (await rea.get(f"v1/notebook/{made['id']}")).status_code == 200
    assert (await rea.put(f"v1/notebook/{made['id']}/stop")).status_code == 403
    assert (await rea.delete(f"v1/notebook/{made['id']}")).status_code == 403


async def test_where_notebooks_are_their_owners_other_members_learn_nothing(door):
    made = await make(door.person("ann"), project="art")
    oli, art = door.person("oli"), door.person("art")

    assert (await oli.get(f"v1/notebook/{made['id']}")).status_code == 404
    assert (await oli.get("v1/notebook")).json()["items"] == []
    assert (await art.get(f"v1/notebook/{made['id']}")).status_code == 200
    assert [item["id"] for item in (await art.get("v1/notebook")).json()["items"]] == [made["id"]]


async def test_a_list_holds_what_one_may_see_of_all_projects(door):
    mine = await make(door.person("ann"), project="art")
    bobs = await make(door.person("bob"))
    ann = door.person("ann")

    listed = (await ann.get("v1/notebook")).json()
    of_art = (await ann.get("v1/notebook", params=IN_ART)).json()
    hidden = await ann.get("v1/notebook", params={"project": "none-such"})

    assert {item["id"] for item in listed["items"]} == {mine["id"], bobs["id"]}
    assert listed["metadata"]["total"] == 2
    assert [item["id"] for item in of_art["items"]] == [mine["id"]]
    assert hidden.status_code == 404


async def test_values_of_variables_are_for_the_owner_alone(door):
    body = spec(envVars=[{"name": "KEY", "value": "not-for-others"}])
    made = (await door.person("bob").post("v1/notebook", json=body)).json()

    shown = await door.person("ann").get(f"v1/notebook/{made['id']}")

    assert shown.json()["spec"]["envVars"] == [{"name": "KEY", "value": ""}]


async def test_a_project_is_billed_at_its_own_prices_to_whom_sees_it(world, door):
    for project in (IN_PHYSICS, IN_ART):
        made = await make(door.person("ann"), **project)
        view = await world.until_state(UUID(made["id"]), NotebookState.RUNNING)
        world.clock.advance(minutes=60)
        await world.end(view, RunState.STOPPED)
    query = {"groupBy": "project"}

    mine = (await door.person("ann").get("v1/usage", params=query)).json()
    bobs = (await door.person("bob").get("v1/usage", params=query)).json()
    theirs = (await door.person("oli").get("v1/usage", params=query)).json()
    refused = await door.person("oli").get("v1/usage", params=IN_PHYSICS)

    costs = {line["project"]: line["ratePerHour"] for line in mine["lines"]}
    assert {name: float(rate) for name, rate in costs.items()} == {"physics": 0.6, "art": 0.03}
    assert [line["project"] for line in bobs["lines"]] == ["physics"]
    assert theirs["lines"] == []
    assert refused.status_code == 404


async def test_flavors_show_the_prices_of_the_project(door):
    bob, oli = door.person("bob"), door.person("oli")

    prices = [
        (await client.get("v1/capabilities/flavor/ai1-1-cpu")).json()["pricePerHour"] for client in (bob, oli)
    ]

    assert [float(price) for price in prices] == [0.6, 0.03]


async def test_a_data_store_belongs_to_one_person_in_one_project(door):
    ann, bob = door.person("ann"), door.person("bob")
    added = await ann.post("v1/datastore", json=STORE, params={**IN_PHYSICS, **UNCHECKED})
    refused = await door.person("rea").post("v1/datastore", json=STORE, params={**IN_PHYSICS, **UNCHECKED})

    assert (added.status_code, refused.status_code) == (200, 403)
    assert (await ann.get("v1/datastore/MINE", params=IN_PHYSICS)).status_code == 200
    assert (await ann.get("v1/datastore/MINE", params=IN_ART)).status_code == 404
    assert (await bob.get("v1/datastore/MINE")).status_code == 404


async def test_me_tells_projects_and_roles(door):
    rea, eve = (await door.person("rea").get("v1/me")).json(), (await door.person("eve").get("v1/me")).json()

    assert (rea["tenant"], rea["role"]) == ("physics", "ai_training_read")
    assert rea["projects"] == [{"name": "physics", "role": "read"}]
    assert (eve["tenant"], "role" in eve, eve["projects"]) == ("", False, [])


async def test_the_project_used_last_is_taken_for_granted_where_nothing_is_made(door):
    ann = door.person("ann")
    await make(ann, project="physics")

    assert (await ann.get("v1/me")).json()["tenant"] == "physics"


async def test_a_project_is_made_filled_changed_and_closed(world, door):
    boss, eve = door.person("boss", admin=True), door.person("eve")
    made = await boss.post("v1/project", json={"name": "biology", "gpuQuota": 2, "labels": {"floor": "3"}})
    before = await eve.get("v1/project/biology")
    put = await boss.put("v1/project/biology/member/user/eve", json={"role": "operator"})
    after = await eve.get("v1/project/biology")
    notebook = await make(eve)
    full = await boss.delete("v1/project/biology")
    await world.until_state(UUID(notebook["id"]), NotebookState.RUNNING)
    changed = await boss.put("v1/project/biology", json={"sharing": "owner", "gpuQuota": 5})

    assert made.json()["gpuQuota"] == 2
    assert made.json()["labels"] == {"floor": "3"}
    assert (before.status_code, put.status_code, after.status_code) == (404, 204, 200)
    assert (after.json()["role"], notebook["project"]) == ("operator", "biology")
    assert (full.status_code, full.json()["code"]) == (400, "wrong_state")
    assert (changed.json()["sharing"], changed.json()["gpuQuota"]) == ("owner", 5)


async def test_a_closed_project_is_gone_and_its_name_is_not_given_again(door):
    boss, eve = door.person("boss", admin=True), door.person("eve")
    await boss.post("v1/project", json={"name": "biology"})
    await boss.put("v1/project/biology/member/user/eve", json={"role": "administrator"})

    closed = await boss.delete("v1/project/biology")
    again = await boss.post("v1/project", json={"name": "biology"})

    assert (closed.status_code, again.status_code) == (204, 400)
    assert "is, or was" in again.json()["message"]
    assert (await eve.get("v1/project")).json() == []
    assert (await eve.get("v1/me")).json()["projects"] == []


async def test_an_administrator_looks_after_members_and_nothing_else(door):
    ada, eve = door.person("ada"), door.person("eve")

    answers = [
        await ada.put("v1/project/physics/member/user/eve", json={"role": "read"}),
        await eve.get("v1/project/physics"),
        await ada.delete("v1/project/physics/member/user/eve"),
        await eve.get("v1/project/physics"),
        await ada.put("v1/project/physics", json={"gpuQuota": 99}),
        await ada.put("v1/project/art/member/user/eve", json={"role": "read"}),
        await ada.delete("v1/project/physics/member/user/nobody"),
    ]

    assert [answer.status_code for answer in answers] == [204, 200, 204, 404, 403, 404, 404]


async def test_members_by_group_come_in_with_the_group(world, door):
    world.hub.groups["eve"] = ["/labs/7 east"]
    ada, eve = door.person("ada"), door.person("eve")

    await ada.put("v1/project/physics/member/group/%2Flabs%2F*", json={"role": "operator"})
    members = (await ada.get("v1/project/physics/member")).json()

    assert {"kind": "group", "name": "/labs/*", "role": "operator", "origin": "api"} in members
    assert {"kind": "user", "name": "ada", "role": "administrator", "origin": "settings"} in members
    assert (await eve.get("v1/me")).json()["projects"] == [{"name": "physics", "role": "operator"}]


async def test_the_number_of_members_is_bounded(door, monkeypatch):
    monkeypatch.setattr(administration, "MOST_MEMBERS", 1)
    ada = door.person("ada")
    path = "v1/project/physics/member/user"

    answers = [await ada.put(f"{path}/{name}", json={"role": "read"}) for name in ("eve", "kim", "eve")]

    assert [answer.status_code for answer in answers] == [204, 400, 204]
    assert "name a group" in answers[1].json()["message"]


async def test_what_the_settings_say_is_not_changed_through_the_api(door):
    boss = door.person("boss", admin=True)

    answers = [
        await boss.put("v1/project/physics", json={"gpuQuota": 99}),
        await boss.delete("v1/project/physics"),
        await boss.put("v1/project/physics/member/user/ada", json={"role": "read"}),
        await boss.post("v1/project", json={"name": "physics"}),
        await boss.post("v1/project", json={"name": "default"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 400, 400]


async def test_a_project_that_breaks_a_rule_is_refused_by_field(door):
    boss = door.person("boss", admin=True)
    wrong = [
        ({"name": "Has Spaces"}, "name"),
        ({"name": "x", "gpuQuota": -1}, "gpuQuota"),
        ({"name": "x", "gpuQuota": 10**12}, "gpuQuota"),
        ({"name": "x", "sharing": "everybody"}, "sharing"),
        ({"name": "x", "priceList": "none-such"}, "priceList"),
        ({"name": "x", "labels": {"ovh/x": "y"}}, "labels.ovh/x"),
        ({"name": "x", "owner": "me"}, ""),
        ({}, "name"),
    ]
    for body, field in wrong:
        answer = await boss.post("v1/project", json=body)
        assert answer.status_code == 400, body
        assert field in [problem["field"] for problem in answer.json()["problems"]]


async def test_a_member_that_breaks_a_rule_is_refused(door):
    ada = door.person("ada")
    wrong = [
        ("user/eve", {"role": "owner"}, 400),
        ("user/eve", {}, 400),
        ("robot/eve", {"role": "read"}, 404),
        ("user/%20", {"role": "read"}, 400),
        ("user/a%0Ab", {"role": "read"}, 400),
        (f"user/{'x' * 256}", {"role": "read"}, 400),
    ]
    for path, body, status in wrong:
        answer = await ada.put(f"v1/project/physics/member/{path}", json=body)
        assert answer.status_code == status, path


async def test_the_pages_show_projects_to_their_members_only(door):
    door.hub.browser = "bob"
    bob, eve = door.person("bob"), door.person("eve")
    await make(bob)

    listed, shown = await bob.get("projects"), await bob.get("projects/physics")
    managed = await door.person("ada").get("projects/physics")
    hidden = await bob.get("projects/art")
    none = await eve.get("projects")

    assert "Department of Physics" in listed.text
    assert "bob" in shown.text
    assert ["Members</h2>" in page.text for page in (shown, managed)] == [False, True]
    assert hidden.status_code == 404
    assert "You are in no project" in none.text


async def test_a_title_is_shown_as_text(world, door):
    boss = door.person("boss", admin=True)
    await boss.post("v1/project", json={"name": "biology", "title": "<script>alert(1)</script>"})

    page = (await boss.get("projects")).text

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
