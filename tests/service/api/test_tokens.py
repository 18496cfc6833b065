"""Application tokens through the API: what each may, and every "no"."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from ovh_spawner.domain.tokens import new_value
from tests.support.projects import installation
from tests.support.world import spec


@pytest_asyncio.fixture
async def place(tmp_path):
    async with installation(tmp_path) as made:
        yield made


async def status(client, method, path, **given):
    return (await client.request(method, path, **given)).status_code


async def test_a_value_is_shown_when_it_is_made_and_never_again(place):
    ann = place.person("ann")
    made = await place.new_token(labelSelector="team=red")
    value = made["status"]["value"]

    later = [await ann.get(f"v1/token/{made['id']}"), await ann.get("v1/token")]

    assert value.startswith("ovhn_")
    assert made["spec"] == {
        "name": "ci",
        "role": "ai_training_operator",
        "labelSelector": "team=red",
        "region": "GRA",
        "project": "red",
        "owner": "ann",
    }
    assert made["status"]["version"] == 1
    assert [answer.status_code for answer in later] == [200, 200]
    assert later[0].json()["status"] == {"value": None, "version": 1}
    assert [token["id"] for token in later[1].json()["items"]] == [made["id"]]
    assert not any(value in answer.text for answer in later)


async def test_a_program_signs_in_with_a_token(place):
    app = await place.app(role="read")

    me = (await app.get("v1/me")).json()

    assert (me["name"], me["tenant"], me["role"], me["tokenKind"]) == (
        "ann",
        "red",
        "ai_training_read",
        "app",
    )


async def test_a_renewed_token_has_a_new_value_and_the_old_one_ends_at_once(place):
    made = await place.new_token()
    old = place.door.client(made["status"]["value"])
    assert await status(old, "GET", "v1/me") == 200

    renewed = (await place.person("ann").post(f"v1/token/{made['id']}/renew")).json()

    assert (renewed["id"], renewed["spec"], renewed["status"]["version"]) == (made["id"], made["spec"], 2)
    assert await status(old, "GET", "v1/me") == 401
    assert await status(place.door.client(renewed["status"]["value"]), "GET", "v1/me") == 200


async def test_a_deleted_token_ends_at_once(place):
    made = await place.new_token()
    app = place.door.client(made["status"]["value"])
    assert await status(app, "GET", "v1/me") == 200

    ann = place.person("ann")

    assert await status(ann, "DELETE", f"v1/token/{made['id']}") == 204
    assert await status(app, "GET", "v1/me") == 401
    assert await status(ann, "GET", f"v1/token/{made['id']}") == 404
    assert await status(ann, "DELETE", f"v1/token/{made['id']}") == 404


async def test_a_value_that_is_none_of_ours_is_refused_without_showing_it(place):
    for value, says in (
        ("ovhn_" + "0" * 70, "not complete"),
        ("ovhn_" + "0" * 71, "not complete"),
        (new_value(uuid4(), b"x" * 32), "not valid"),
    ):
        answer = await place.door.client(value).get("v1/me")
        assert answer.status_code == 401
        assert says in answer.json()["message"]
        assert value not in answer.text

    assert place.door.hub.asked == 0, "a token of ours is nothing to ask the hub about"


async def test_the_value_of_another_token_is_refused_for_this_one(place):
    made = await place.new_token()
    forged = new_value(UUID(made["id"]), b"y" * 32)

    assert await status(place.door.client(forged), "GET", "v1/me") == 401


CHANGES = (
    ("POST", "v1/notebook", spec()),
    ("PUT", "v1/notebook/{notebook}", {"name": "another"}),
    ("PUT", "v1/notebook/{notebook}/label", {"name": "a", "value": "b"}),
    ("PUT", "v1/notebook/{notebook}/start", None),
    ("PUT", "v1/notebook/{notebook}/stop", None),
    ("POST", "v1/notebook/{notebook}/datasync", {"direction": "pull"}),
    ("DELETE", "v1/notebook/{notebook}", None),
    ("POST", "v1/datastore", {}),
    ("DELETE", "v1/datastore/MINE", None),
)


async def test_a_read_token_changes_nothing(place):
    notebook = await place.notebook()
    app = await place.app(role="read")

    for method, path, body in CHANGES:
        answer = await app.request(method, path.format(notebook=notebook), json=body)
        assert answer.status_code == 403, answer.text

    assert await status(app, "GET", f"v1/notebook/{notebook}") == 200


async def test_a_read_token_of_a_notebooks_owner_does_not_show_its_secrets(place):
    notebook = await place.notebook(envVars=[{"name": "KEY", "value": "very-secret"}])
    app = await place.app(role="operator")

    answers = [await app.get(f"v1/notebook/{notebook}"), await app.get("v1/notebook")]

    assert not any("very-secret" in answer.text for answer in answers)
    assert "very-secret" in (await place.person("ann").get(f"v1/notebook/{notebook}")).text


async def test_a_notebook_beyond_a_tokens_labels_or_project_is_not_found(place):
    notebook = await place.notebook(labels={"team": "red"})
    apps = [
        await place.app(labelSelector="team=blue"),
        await place.app(labelSelector="team=red,stage=test"),
        await place.app(labelSelector=f"ovh/id={uuid4()}"),
        await place.app(labelSelector="ovh/type=job"),
        await place.app("bob"),
    ]

    for app in apps:
        for method, path, body in CHANGES[1:7]:
            answer = await app.request(method, path.format(notebook=notebook), json=body)
            assert answer.status_code == 404, answer.text
            assert "team" not in answer.text
        assert await status(app, "GET", f"v1/notebook/{notebook}") == 404
        listed = (await app.get("v1/notebook")).json()
        assert (listed["items"], listed["metadata"]["total"]) == ([], 0)


async def test_a_tokens_labels_reach_what_has_them_now_or_later(place):
    notebook = await place.notebook(labels={"team": "red"})
    for selector in (
        "",
        "team=red",
        f"ovh/id={notebook}",
        "ovh/type=notebook",
        f"team=red,ovh/id={notebook}",
    ):
        app = await place.app(labelSelector=selector)
        assert await status(app, "GET", f"v1/notebook/{notebook}") == 200
        assert (await app.get("v1/notebook")).json()["metadata"]["total"] == 1

    later = await place.app(labelSelector="stage=test")
    assert await status(later, "GET", f"v1/notebook/{notebook}") == 404
    await place.person("ann").put(f"v1/notebook/{notebook}/label", json={"name": "stage", "value": "test"})

    assert await status(later, "GET", f"v1/notebook/{notebook}") == 200


async def test_a_list_with_a_filter_never_leaves_the_tokens_labels(place):
    await place.notebook(labels={"team": "red"})
    app = await place.app(labelSelector="team=blue")

    answer = await app.get("v1/notebook", params={"labelSelector": "team=red"})

    assert answer.json()["items"] == []


async def test_a_notebook_made_with_a_scoped_token_gets_its_labels(place):
    app = await place.app(labelSelector="team=red,ovh/type=notebook")

    made = await app.post("v1/notebook", json=spec(labels={"other": "x"}))

    labels = made.json()["spec"]["labels"]
    assert (labels["team"], labels["other"]) == ("red", "x")
    assert made.json()["user"] == "ann"
    assert await status(app, "GET", f"v1/notebook/{made.json()['id']}") == 200


async def test_a_scoped_token_makes_nothing_that_it_would_not_reach(place):
    for selector, labels in (
        ("team=red", {"team": "blue"}),
        (f"ovh/id={uuid4()}", {}),
        ("ovh/type=job", {}),
    ):
        app = await place.app(labelSelector=selector)
        answer = await app.post("v1/notebook", json=spec(labels=labels))
        assert answer.status_code == 403
        assert selector in answer.json()["message"]

    assert (await place.person("ann").get("v1/notebook")).json()["items"] == []


async def test_a_scoped_token_cannot_take_a_notebook_out_of_its_scope(place):
    notebook = await place.notebook(labels={"team": "red"})
    app = await place.app(labelSelector="team=red")

    refused = [
        await status(app, "PUT", f"v1/notebook/{notebook}/label", json={"name": "team", "value": value})
        for value in (None, "blue")
    ]
    refused.append(await status(app, "PUT", f"v1/notebook/{notebook}", json={"labels": {"team": "blue"}}))
    kept = await status(app, "PUT", f"v1/notebook/{notebook}", json={"labels": {"a": "b"}})

    assert (refused, kept) == ([403, 403, 403], 204)
    labels = (await app.get(f"v1/notebook/{notebook}")).json()["spec"]["labels"]
    assert (labels["team"], labels["a"]) == ("red", "b")


async def test_a_token_never_looks_after_tokens_or_reads_the_audit_log(place):
    made = await place.new_token("chief")
    app, token = place.door.client(made["status"]["value"]), f"v1/token/{made['id']}"

    for method, path, body in (
        ("GET", "v1/token", None),
        ("POST", "v1/token", {"name": "mine", "role": "read"}),
        ("GET", token, None),
        ("POST", f"{token}/renew", None),
        ("DELETE", token, None),
        ("GET", "v1/audit", None),
        ("GET", "v1/audit.csv", None),
        ("GET", "v1/audit.jsonl", None),
    ):
        assert await status(app, method, path, json=body) == 403, path


async def test_a_scoped_token_reads_no_bill_and_changes_no_data_store(place):
    app = await place.app(labelSelector="team=red")

    assert await status(app, "GET", "v1/usage") == 403
    assert await status(app, "DELETE", "v1/datastore/MINE") == 403


async def test_a_token_brings_no_rights_of_an_administrator(place):
    notebook = await place.notebook("bob")
    chief = await place.app("chief")

    assert await status(chief, "GET", f"v1/notebook/{notebook}") == 404
    assert await status(chief, "GET", "v1/me") == 200
    assert (await chief.get("v1/me")).json()["role"] == "ai_training_operator"


async def test_who_may_make_a_token_where(place):
    body = {"name": "ci", "role": "read"}

    for maker, query, expected in (
        ("ann", {}, 200),
        ("ann", {"project": "red"}, 200),
        ("ann", {"project": "blue"}, 404),
        ("ann", {"project": "none"}, 404),
        ("both", {}, 400),
        ("both", {"project": "blue"}, 200),
        ("rita", {}, 403),
        ("rita", {"project": "red"}, 403),
        ("nobody", {}, 403),
        ("boss", {"project": "red"}, 403),
    ):
        answer = await place.person(maker).post("v1/token", json=body, params=query)
        assert answer.status_code == expected, (maker, query, answer.text)


async def test_who_may_do_what_to_anns_token(place):
    for who, see, renew, delete in (
        ("ann", 200, 200, 204),
        ("ari", 404, 404, 404),
        ("rita", 404, 404, 404),
        ("bob", 404, 404, 404),
        ("chief", 200, 403, 204),
        ("boss", 200, 403, 204),
    ):
        made = await place.new_token("ann")
        person, path = place.person(who), f"v1/token/{made['id']}"

        listed = [token["id"] for token in (await person.get("v1/token")).json()["items"]]

        assert (made["id"] in listed) == (see == 200)
        assert await status(person, "GET", path) == see
        assert await status(person, "POST", f"{path}/renew") == renew
        assert await status(person, "DELETE", path) == delete


async def test_nobody_may_call_without_signing_in(place):
    client = place.door.client()
    token = uuid4()

    for method, path in (("GET", "v1/token"), ("POST", "v1/token"), ("DELETE", f"v1/token/{token}")):
        assert await status(client, method, path) == 401


async def test_a_token_ends_with_the_membership_of_who_made_it(place):
    app = await place.app()
    assert await status(app, "GET", "v1/me") == 200

    place.world.hub.strangers.add("ann")
    place.world.clock.advance(seconds=10)

    assert await status(app, "GET", "v1/me") == 401


async def test_an_expired_token_says_so(place):
    end = place.world.clock() + timedelta(hours=1)
    made = await place.new_token(expiresAt=end.isoformat())
    app = place.door.client(made["status"]["value"])
    assert await status(app, "GET", "v1/me") == 200

    place.world.clock.advance(hours=1)
    answer = await app.get("v1/me")

    assert answer.status_code == 401
    assert "expired" in answer.json()["message"]


async def test_a_renewed_token_lives_as_long_again(place):
    end = place.world.clock() + timedelta(days=3)
    made = await place.new_token(expiresAt=end.isoformat())

    place.world.clock.advance(days=2)
    renewed = (await place.person("ann").post(f"v1/token/{made['id']}/renew")).json()

    shown = datetime.fromisoformat(renewed["spec"]["expiresAt"])
    assert shown == (end + timedelta(days=2)).astimezone(UTC)


async def test_the_platforms_limit_also_holds_for_tokens_that_were_made_before_it(tmp_path):
    async with installation(tmp_path) as place:
        value = (await place.new_token())["status"]["value"]
        place.world.blocks["tokens"] = {"max_days": 1}
        await place.world.restart()
        checks = place.world.service.operations.token_checks
        await checks.authenticate(value)
        place.world.clock.advance(days=1)

        with pytest.raises(Exception, match="expired"):
            await checks.authenticate(value)


async def test_the_last_use_is_known_to_the_minute(place):
    made = await place.new_token()
    app = place.door.client(made["status"]["value"])
    start = place.world.clock()
    for _ in range(3):
        await app.get("v1/me")
        place.world.clock.advance(seconds=25)
    await place.world.service.means.background.settled("")

    shown = (await place.person("ann").get(f"v1/token/{made['id']}")).json()["status"]["lastUsedAt"]

    assert datetime.fromisoformat(shown) == start


async def test_a_token_that_was_just_used_costs_no_look_at_the_database(place):
    made = await place.new_token()
    checks = place.world.service.operations.token_checks
    value = made["status"]["value"]
    await checks.authenticate(value)
    await place.world.service.means.background.settled("")
    ledger = place.world.service.means.ledger
    looks = []
    reading = ledger.reading
    ledger.reading = lambda: looks.append(1) or reading()

    for _ in range(10):
        await checks.authenticate(value)
    assert looks == []

    place.world.clock.advance(seconds=4)
    await place.world.service.operations.people.person("ann")
    looks.clear()
    await checks.authenticate(value)
    assert len(looks) == 1


async def test_what_another_replica_renews_or_deletes_acts_within_seconds(place):
    made = await place.new_token()
    old = made["status"]["value"]
    other = await place.world.new_service()
    try:
        await other.operations.token_checks.authenticate(old)
        renewed = (await place.person("ann").post(f"v1/token/{made['id']}/renew")).json()
        await other.operations.token_checks.authenticate(renewed["status"]["value"])
        with pytest.raises(Exception, match="not valid"):
            await other.operations.token_checks.authenticate(old)
        await place.person("ann").delete(f"v1/token/{made['id']}")
        place.world.clock.advance(seconds=5)
        with pytest.raises(Exception, match="not valid"):
            await other.operations.token_checks.authenticate(renewed["status"]["value"])
    finally:
        await other.stop()


async def test_no_value_is_logged(place, capsys):
    made = await place.new_token()
    value = made["status"]["value"]
    await place.door.client(value).get("v1/me")
    await place.door.client(value[:-1] + "!").get("v1/me")
    await place.person("ann").delete(f"v1/token/{made['id']}")

    written = "".join(capsys.readouterr())
    assert "ovhn_" not in written


async def test_a_request_that_breaks_a_rule_makes_nothing(place):
    ann = place.person("ann")

    for body in (
        {},
        {"name": "ci"},
        {"name": "ci", "role": "administrator"},
        {"name": "<b>" * 30, "role": "read"},
        {"name": "ci", "role": "read", "labelSelector": "no selector"},
        {"name": "ci", "role": "read", "region": "BHS"},
        {"name": "ci", "role": "read", "id": "mine"},
    ):
        answer = await ann.post("v1/token", json=body)
        assert answer.status_code == 400
        assert answer.json()["problems"]

    assert (await ann.get("v1/token")).json()["items"] == []
