from uuid import uuid4

from tests.support.small_operations import GATEWAY_TOKEN, INTERNAL_TOKEN

RUN = uuid4()
REPORT = {"state": "RUNNING", "source": "hub", "at": "2026-11-22T09:00:00Z"}


async def test_only_the_hub_reports_transitions(door):
    door.service.operations.runs.tokens[RUN] = GATEWAY_TOKEN
    path = f"{door.url}/internal/v1/runs/{RUN}/transitions"
    tokens = ("", "wrong", GATEWAY_TOKEN, door.hub.add("ada"), INTERNAL_TOKEN)

    answers = [await door.client(token).post(path, json=REPORT) for token in tokens]

    assert [a.status_code for a in answers] == [401, 401, 401, 401, 200]
    assert answers[-1].json()["state"] == "RUNNING"


async def test_a_gateway_speaks_for_its_own_run_only(door):
    door.service.operations.runs.tokens[RUN] = GATEWAY_TOKEN
    gateway = door.client(GATEWAY_TOKEN)

    asked = {"visitors": ["user:ada", "user:eve"]}

    mine = await gateway.post(f"{door.url}/internal/v1/runs/{RUN}/policy", json=asked)
    other = await gateway.post(f"{door.url}/internal/v1/runs/{uuid4()}/policy", json=asked)
    redeemed = await gateway.post(f"{door.url}/internal/v1/runs/{RUN}/redeem", json={"code": "code-of-ada"})

    assert mine.json()["visitors"] == ["user:ada"]
    assert other.status_code == 401
    assert redeemed.json()["visitor"] == "user:ada"


async def test_a_gateway_shows_a_token_and_never_sees_it_again(door):
    door.service.operations.runs.tokens[RUN] = GATEWAY_TOKEN
    path = f"{door.url}/internal/v1/runs/{RUN}/token"
    gateway = door.client(GATEWAY_TOKEN)

    good = await gateway.post(path, json={"token": "good"})
    bad = await gateway.post(path, json={"token": "hush-hush"})
    nobody = await door.client("").post(path, json={"token": "good"})

    assert good.json()["visitor"] == "token:of-ada"
    assert (bad.status_code, nobody.status_code) == (403, 401)
    assert "hush-hush" not in bad.text


async def test_the_hub_cannot_redeem_a_code(door):
    answer = await door.client(INTERNAL_TOKEN).post(
        f"{door.url}/internal/v1/runs/{RUN}/redeem", json={"code": "code-of-ada"}
    )

    assert answer.status_code == 401


async def test_both_may_send_a_heartbeat(door):
    door.service.operations.runs.tokens[RUN] = GATEWAY_TOKEN

    answers = [
        await door.client(token).post(f"{door.url}/internal/v1/runs/{RUN}/heartbeat", json={})
        for token in (GATEWAY_TOKEN, INTERNAL_TOKEN, "wrong")
    ]

    assert [a.status_code for a in answers] == [200, 200, 401]


async def test_a_report_that_is_wrong_names_its_field(door):
    answer = await door.client(INTERNAL_TOKEN).post(
        f"{door.url}/internal/v1/runs/{RUN}/transitions", json={**REPORT, "state": "DREAMING"}
    )

    assert answer.status_code == 400
    assert answer.json()["problems"][0]["field"] == "state"


async def test_the_internal_api_is_not_below_the_public_prefix(door):
    answer = await door.client(INTERNAL_TOKEN).post(f"internal/v1/runs/{RUN}/policy", json={})

    assert answer.status_code == 404


async def test_saving_a_server_without_a_notebook_is_not_found(door):
    answer = await door.client(INTERNAL_TOKEN).post(
        f"{door.url}/internal/v1/notebooks/save", params={"user": "ada", "server": "nb-x"}
    )

    assert answer.status_code == 404


async def test_a_server_without_a_notebook_is_not_found(door):
    answer = await door.client(INTERNAL_TOKEN).get(
        f"{door.url}/internal/v1/notebooks", params={"user": "ada", "server": "nb-x"}
    )

    assert answer.status_code == 404
