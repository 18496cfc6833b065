"""What the service tells the hub of people who signed in there with an application token, and what they may."""

from uuid import UUID, uuid4

import pytest

from ovh_spawner.domain.access import Person, Role
from ovh_spawner.domain.token_users import token_user
from tests.support.projects import installation
from tests.support.world import spec

SPECIAL = "203.0.113.7"
ON = {"sign_in": {"application_tokens": True}}


@pytest.fixture
async def place(tmp_path):
    async with installation(tmp_path, **ON) as made:
        yield made


class Hub:
    """What a hub asks of the service."""

    def __init__(self, place) -> None:
        self.door = place.door
        self.client = place.door.client("internal")
        self.root = f"{place.door.url}/internal/v1"

    async def sign_in(self, value: str, address: str = SPECIAL):
        return await self.client.post(f"{self.root}/sign-ins", json={"token": value, "address": address})

    async def may_stay(self, user: str) -> bool:
        answer = await self.client.post(f"{self.root}/sign-ins/refresh", json={"user": user})
        return answer.json()["mayStay"]

    async def home(self, user: str) -> dict:
        return (await self.client.get(f"{self.root}/home-page", params={"user": user})).json()

    async def resolve(self, user: str, options: dict | None):
        body = {"user": user, "serverName": "nb-one", "options": options, "door": "hub"}
        return await self.client.post(f"{self.root}/notebooks/resolve", json=body)


def _user(made: dict) -> str:
    return token_user(UUID(made["id"]), made["status"]["version"])


async def test_the_hub_learns_a_name_and_the_audit_log_who_came_from_where(place):
    made = await place.new_token()
    hub = Hub(place)
    answer = await hub.sign_in(made["status"]["value"])
    log = await place.person("chief").get("v1/audit", params={"action": "token.sign-in"})
    (entry,) = log.json()["items"]

    assert answer.json() == {"user": _user(made)}
    assert await hub.may_stay(_user(made))
    assert (entry["actor"], entry["target"], entry["address"]) == ("ann", made["id"], SPECIAL)
    assert entry["credential"] == f"token:{made['id']}:1"
    assert made["status"]["value"] not in log.text


async def test_every_wrong_token_gets_the_same_answer(place):
    renewed, deleted, expiring = [await place.new_token() for _ in range(3)]
    ann, hub = place.person("ann"), Hub(place)
    await ann.post(f"v1/token/{renewed['id']}/renew")
    await ann.delete(f"v1/token/{deleted['id']}")
    values = [made["status"]["value"] for made in (renewed, deleted)]
    answers = [await hub.sign_in(value) for value in [*values, "", "hush-hush", values[0][:-1] + "x"]]

    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.json()["message"] for answer in answers}) == 1
    assert not any("hush" in answer.text or "ovhn_" in answer.text for answer in answers)
    assert (await hub.sign_in(expiring["status"]["value"], "no address")).status_code == 200


async def test_only_the_hub_asks(place):
    value = (await place.new_token())["status"]["value"]
    for token in ("", "wrong", value, place.door.hub.add("ann")):
        answer = await place.door.client(token).post(
            f"{place.door.url}/internal/v1/sign-ins", json={"token": value, "address": ""}
        )
        assert answer.status_code == 401


async def test_a_token_that_was_deleted_renewed_or_expired_may_not_stay(place):
    ann, hub = place.person("ann"), Hub(place)
    deleted, renewed = await place.new_token(), await place.new_token()
    expiring = await place.new_token(expiresAt="2026-03-10T13:00:00Z")
    users = [_user(made) for made in (deleted, renewed, expiring)]
    sessions = [place.person(user) for user in users]
    assert [await hub.may_stay(user) for user in users] == [True] * 3

    await ann.delete(f"v1/token/{deleted['id']}")
    await ann.post(f"v1/token/{renewed['id']}/renew")
    place.world.clock.advance(hours=2)

    assert [await hub.may_stay(user) for user in users] == [False] * 3
    assert [(await session.get("v1/me")).status_code for session in sessions] == [401] * 3
    assert await hub.may_stay(token_user(UUID(renewed["id"]), 2))
    assert not await hub.may_stay(token_user(uuid4(), 1))


async def test_who_lost_the_role_has_no_tokens_either(place):
    made = await place.new_token()
    hub = Hub(place)
    assert await hub.may_stay(_user(made))
    place.world.hub.strangers.add("ann")
    place.world.clock.advance(seconds=10)

    assert not await hub.may_stay(_user(made))


async def test_home_shows_what_the_token_reaches(place):
    await place.notebook(name="mine", labels={"team": "red"})
    await place.notebook(name="other", labels={"team": "blue"})
    await place.notebook("bob", name="foreign", labels={"team": "red"})
    made = await place.new_token(labelSelector="team=red", role="read")
    page = await Hub(place).home(_user(made))
    nobody = await Hub(place).home(token_user(uuid4(), 1))

    assert [(each["name"], each["owner"], each["state"]) for each in page["reached"]] == [
        ("mine", "ann", "RUNNING")
    ]
    assert "/user/ann/nb-" in page["reached"][0]["url"]
    assert (page["reachedInAll"], page["notebooks"]) == (1, {})
    assert nobody == {"notebooks": {}, "reached": [], "reachedInAll": 0}


async def test_such_a_user_starts_no_server_of_its_own(place):
    made, hub = await place.new_token(), Hub(place)
    user = _user(made)
    resolved = [await hub.resolve(user, options) for options in (None, spec())]
    opening = {
        "notebook": str(uuid4()), "revision": 1, "user": user, "serverName": "nb-one", "hub": "hub",
        "attempt": str(uuid4()),
    }  # fmt: skip
    opened = await hub.client.post(f"{hub.root}/runs", json=opening)
    page = await hub.client.get(f"{hub.root}/spawn-page", params={"user": user, "server": "nb-one"})

    for answer in (*resolved, opened):
        assert answer.status_code == 403
        assert "POST /services/ai/v1/notebook" in answer.json()["message"]
    assert "POST /services/ai/v1/notebook" in page.json()["refusal"]
    assert page.json()["projects"] == []


async def test_what_such_a_user_makes_belongs_to_the_maker_and_gets_the_selectors_labels(place):
    made = await place.new_token(labelSelector="team=red")
    session = place.person(_user(made))
    notebook = (await session.post("v1/notebook", json=spec())).json()

    assert notebook["user"] == "ann"
    assert notebook["spec"]["labels"]["team"] == "red"


async def test_at_a_notebook_it_is_the_token_that_comes_in_not_its_maker(place):
    notebook = UUID(await place.notebook(labels={"team": "red"}))
    other = UUID(await place.notebook(labels={"team": "blue"}))
    made = await place.new_token(labelSelector="team=red")
    user, access = _user(made), place.world.service.operations.access
    person = await place.world.service.operations.people.person(user)
    ann = Person("ann", roles={"red": Role.OPERATOR})
    runs = [(await place.world.notebooks.get(ann, each)).last_run.id for each in (notebook, other)]
    code = await access.issue_code(person, notebook, runs[0])
    admission = await access.redeem(runs[0], code)
    inside = [(await access.policy(run, [admission.visitor])).visitors for run in runs]
    await place.person("ann").delete(f"v1/token/{made['id']}")

    assert admission.visitor == f"user:{user}"
    assert inside == [[f"user:{user}"], []]
    assert (await access.policy(runs[0], [admission.visitor])).visitors == []


async def test_where_it_is_not_set_nobody_signs_in_and_nobody_stays(tmp_path):
    async with installation(tmp_path) as place:
        made, hub = await place.new_token(), Hub(place)

        assert (await hub.sign_in(made["status"]["value"])).status_code == 403
        assert not await hub.may_stay(_user(made))
        assert (await place.person(_user(made)).get("v1/me")).status_code == 401
