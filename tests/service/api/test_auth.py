import pytest


async def test_without_a_token_nothing_is_told(door):
    for headers in (
        {},
        {"Authorization": "Basic abc"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer ü"},
    ):
        answer = await door.client().get(
            "v1/me", headers=[(k, v.encode("latin1")) for k, v in headers.items()]
        )
        assert answer.status_code == 401
        assert answer.json()["code"] == "unauthenticated"
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_token_that_the_hub_does_not_know_is_refused(door):
    assert (await door.client("x" * 32).get("v1/me")).status_code == 401


async def test_a_token_is_accepted_in_both_of_the_hubs_spellings_and_never_in_the_url(door):
    token = door.hub.add("ada")
    client = door.client()

    answers = [
        await client.get("v1/me", headers={"Authorization": f"{word} {token}"})
        for word in ("token", "bearer")
    ]
    in_url = await client.get("v1/me", params={"token": token})

    assert [a.json()["name"] for a in answers] == ["ada", "ada"]
    assert in_url.status_code == 401


async def test_a_token_without_the_services_scope_is_forbidden(door):
    client = door.person("ada", scopes=("read:users:name!user=ada",))

    answer = await client.get("v1/me")

    assert answer.status_code == 403
    assert "access:services!service=ai" in answer.json()["message"]


async def test_a_services_token_is_forbidden(door):
    assert (await door.person("cull", kind="service").get("v1/me")).status_code == 403


async def test_the_hub_is_not_asked_for_every_request(door, ada):
    for _ in range(5):
        await ada.get("v1/me")

    assert door.hub.asked == 1


async def test_a_hub_that_does_not_answer_is_a_502(door, ada):
    door.hub.down = True

    answer = await ada.get("v1/me")

    assert (answer.status_code, answer.json()["code"]) == (502, "hub")


async def test_a_cookie_does_not_open_the_api(door):
    client = door.client()
    door.hub.browser = "ada"
    await client.get("", follow_redirects=False)
    client.cookies.set("service-ai", "anything")

    assert (await client.get("v1/me")).status_code == 401


@pytest.mark.parametrize(("admin", "role"), [(True, "administrator"), (False, "ai_training_operator")])
async def test_me_tells_the_role_of_the_hub(door, admin, role):
    me = (await door.person("ada", admin=admin).get("v1/me")).json()

    assert me == {
        "name": "ada",
        "tenant": "default",
        "role": role,
        "tokenKind": "oauth",
        "quotas": {"resources": {"GPU": 4}},
        "projects": [{"name": "default", "role": "operator"}],
    }
