from datetime import UTC, datetime

import pytest

from ovh_spawner.domain.states import NotebookState

SPEC = {
    "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
    "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
}


async def create(client, **changes):
    answer = await client.post("v1/notebook", json={**SPEC, **changes})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_new_notebook_has_its_url_and_resources_at_once(ada):
    notebook = await create(ada, name="first")

    assert notebook["status"]["state"] == "STARTING"
    assert notebook["status"]["url"].endswith("/nb-abcdefghijkl/")
    assert notebook["spec"]["env"]["frameworkVersion"]
    assert notebook["spec"]["resources"]["gpu"] == 0
    assert notebook["spec"]["resources"]["memory"] > 0
    assert notebook["spec"]["labels"] == {"ovh/id": notebook["id"], "ovh/type": "notebook"}
    assert notebook["createdAt"] == "2026-11-22T09:30:00.123456Z"


async def test_objects_and_dates_without_a_value_are_left_out_and_the_rest_is_null(ada):
    notebook = await create(ada)

    assert notebook["status"]["lastStartedAt"] is None
    assert notebook["spec"]["envVars"] is None
    assert "workspace" not in notebook["status"]
    assert "next" not in (await ada.get("v1/notebook")).json()["metadata"]["links"]


async def test_a_volume_shows_the_one_source_that_it_has(ada):
    volumes = [
        {
            "mountPath": "/workspace/data",
            "permission": "RWD",
            "dataStore": {"alias": "GRA", "container": "data"},
        },
        {
            "mountPath": "/workspace/code",
            "permission": "R",
            "publicGit": {"url": "https://example.org/a.git"},
        },
    ]
    notebook = await create(ada, volumes=volumes)

    assert [sorted(v) for v in notebook["spec"]["volumes"]] == [
        ["cache", "dataStore", "mountPath", "permission"],
        ["cache", "mountPath", "permission", "publicGit"],
    ]
    assert len(notebook["status"]["volumes"]) == 2


async def test_what_we_answer_is_accepted_back_as_a_request(ada):
    volumes = [
        {"mountPath": "/workspace/d", "permission": "RW", "dataStore": {"alias": "GRA", "container": "data"}}
    ]
    spec = (await create(ada, volumes=volumes, envVars=[{"name": "A", "value": "b"}]))["spec"]

    # Labels of the platform belong to one notebook.
    answer = await ada.post("v1/notebook", json={**spec, "labels": {}})

    assert answer.status_code == 200, answer.text


async def test_values_of_environment_variables_are_shown_to_the_owner_only(door, ada):
    notebook = await create(ada, envVars=[{"name": "KEY", "value": "hidden-value"}])
    admin = door.person("root", admin=True)

    mine = (await ada.get(f"v1/notebook/{notebook['id']}")).json()
    theirs = await admin.get(f"v1/notebook/{notebook['id']}")

    assert mine["spec"]["envVars"] == [{"name": "KEY", "value": "hidden-value"}]
    assert theirs.json()["spec"]["envVars"] == [{"name": "KEY", "value": ""}]
    assert "hidden-value" not in theirs.text


async def test_what_somebody_else_owns_and_what_cannot_exist_are_equally_not_found(door, ada):
    notebook = await create(ada)
    eve = door.person("eve")

    for name in (notebook["id"], "00000000-0000-4000-8000-000000000000", "no-id", "%00", "%F0%9F%92%A9"):
        answer = await eve.get(f"v1/notebook/{name}")
        assert answer.status_code == 404
        assert answer.json()["code"] == "not_found"


async def test_orders_answer_204_without_a_body(ada):
    path = f"v1/notebook/{(await create(ada))['id']}"

    answers = [
        await ada.put(f"{path}/label", json={"name": "team", "value": "blue"}),
        await ada.put(path, json={"labels": {"a": "b"}}),
        await ada.put(f"{path}/stop"),
        await ada.put(f"{path}/start"),
        await ada.delete(path, params={"force": "true"}),
    ]

    assert [(a.status_code, a.content) for a in answers] == [(204, b"")] * 5


async def test_a_label_without_a_value_is_removed(ada):
    path = f"v1/notebook/{(await create(ada))['id']}"
    await ada.put(f"{path}/label", json={"name": "team", "value": "blue"})

    await ada.put(f"{path}/label", json={"name": "team"})

    assert "team" not in (await ada.get(path)).json()["spec"]["labels"]


async def test_a_wrong_state_is_a_400_with_its_own_code(ada):
    path = f"v1/notebook/{(await create(ada))['id']}"

    answer = await ada.put(f"{path}/start")

    assert (answer.status_code, answer.json()["code"]) == (400, "wrong_state")


async def test_a_manual_data_sync_shows_a_line_per_volume(ada):
    volumes = [
        {"mountPath": "/workspace/d", "permission": "RW", "dataStore": {"alias": "GRA", "container": "data"}}
    ]
    notebook = await create(ada, volumes=volumes)

    answer = await ada.post(
        f"v1/notebook/{notebook['id']}/datasync", json={"direction": "push", "manual": True}
    )
    shown = (await ada.get(f"v1/notebook/{notebook['id']}")).json()["status"]["dataSync"]

    assert answer.status_code == 200
    assert answer.json()["spec"]["direction"] == "push"
    assert shown[0]["status"]["progress"][0]["volumeStatus"]["mountPath"] == "/workspace/d"


async def test_the_equivalent_command_is_told(ada):
    answer = await ada.post("v1/notebook/command", json=SPEC)

    assert answer.json() == {"command": "ovhai notebook run conda"}


async def test_a_list_has_pages_with_a_link_to_the_next(ada):
    for _ in range(3):
        await create(ada)

    first = (await ada.get("v1/notebook", params={"size": 2, "statusState": ["RUNNING", "STARTING"]})).json()
    following = await ada.get(first["metadata"]["links"]["next"].removeprefix("/services/ai/"))

    assert first["metadata"] | {"links": {}} == {"currentPage": 1, "pageCount": 2, "total": 3, "links": {}}
    assert len(first["items"]) == 2
    assert following.status_code == 200, following.text
    assert following.json()["metadata"]["currentPage"] == 2


async def test_the_vendors_filters_reach_the_operations(door, ada):
    query = (
        "statusState=RUNNING&statusState=STARTING&userName=ada&labelSelector=a%3Db&updatedAfter=1700000000"
    )
    query += "&updatedBefore=2026-11-22T10:00:00Z&sort=name&order=asc&page=2&size=7&withSpark=false"

    answer = await ada.get(f"v1/notebook?{query}")

    asked = door.service.operations.notebooks.last_query
    assert answer.status_code == 200
    assert asked.states == {NotebookState.RUNNING, NotebookState.STARTING}
    assert (asked.user, asked.label_selector, asked.sort, asked.order) == ("ada", "a=b", "name", "asc")
    assert (asked.page, asked.size) == (2, 7)
    assert asked.updated_after == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert asked.updated_before == datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("page=0", "page"),
        ("page=99999999999999999999", "page"),
        ("size=501", "size"),
        ("size=many", "size"),
        ("sort=secret", "sort"),
        ("order=up", "order"),
        ("statusState=SLEEPING", "statusState"),
        ("updatedAfter=yesterday", "updatedAfter"),
        ("updatedAfter=999999999999", "updatedAfter"),
        ("updatedBefore=2026-11-22T10:00:00", "updatedBefore"),
        ("withSpark=perhaps", "withSpark"),
        ("userName=a&userName=b", "userName"),
        ("userName=%00", "userName"),
        ("userName=%FF", "userName"),
        ("statusstate=RUNNING", "statusstate"),
    ],
)
async def test_a_parameter_that_is_not_allowed_is_named(ada, query, named):
    answer = await ada.get(f"v1/notebook?{query}")

    assert answer.status_code == 400, answer.text
    assert answer.json()["problems"][0]["field"] == named
