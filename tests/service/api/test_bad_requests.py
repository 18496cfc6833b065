import json

import pytest

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe", "UTF-8"),
        (b'{"name": "a", "name": "b"}', "twice"),
        (b'{"x": NaN}', "NaN"),
        (b'{"x": 1e999}', "too large"),
        (b'{"x": ' + b"9" * 6000 + b"}", "too long"),
        (b'{"x": "\\u0000"}', "NUL"),
        (b'{"x": "\\ud800"}', "surrogate"),
        (b"[" * 40 + b"]" * 40, "levels deep"),
        (b"[" * 200_000, "levels deep"),
        (b'{"volumes": [' + b"{}," * 340_000 + b"{}]}", "more than 20000 entries"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'"text"', "object"),
    ],
)
async def test_a_body_that_is_no_honest_json_object_is_refused_with_a_sentence(ada, body, said):
    answer = await ada.post("v1/notebook", content=body, headers=JSON)

    assert answer.status_code == 400, answer.text
    assert said in answer.json()["message"]


async def test_a_body_of_another_type_is_refused(ada):
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        answer = await ada.post("v1/notebook", content=b"{}", headers={"Content-Type": kind})
        assert answer.status_code == 400
        assert "application/json" in answer.json()["message"]


async def test_a_body_above_the_limit_is_told_the_limit(ada):
    body = json.dumps({"name": "x" * 1_100_000}).encode()

    answer = await ada.post("v1/notebook", content=body, headers=JSON)

    assert answer.status_code == 413
    assert "1048576" in answer.json()["message"]


async def test_every_broken_rule_of_a_spec_is_listed_with_its_field(ada):
    spec = {
        "env": {"editorId": "emacs", "frameworkId": "conda"},
        "resources": {"flavor": "ai1-1-cpu", "cpu": 13},
        "volumes": [{"mountPath": "data", "permission": "RW", "standalone": {}}],
    }

    answer = await ada.post("v1/notebook", json=spec)

    fields = {problem["field"] for problem in answer.json()["problems"]}
    assert answer.status_code == 400
    assert {"env.editorId", "resources.cpu", "volumes[0].mountPath"} <= fields


async def test_a_label_order_names_what_is_wrong(ada):
    path = "v1/notebook/00000000-0000-4000-8000-000000000000/label"

    wrong_type = await ada.put(path, json={"name": 1})
    unknown = await ada.put(path, json={"name": "a", "vlaue": "b"})

    assert wrong_type.json()["problems"][0]["field"] == "name"
    assert "value" in unknown.json()["message"]
    assert {wrong_type.status_code, unknown.status_code} == {400}


async def test_unknown_paths_and_methods_answer_in_the_same_shape(door, ada):
    unknown = await ada.get("v2/notebook")
    trailing = await ada.get("v1/notebook/")
    method = await ada.patch("v1/notebook", json={})
    internal = await ada.get(f"{door.url}/internal/v1/secret")

    assert [a.status_code for a in (unknown, trailing, method, internal)] == [404, 404, 405, 404]
    assert all(set(a.json()) == {"message", "code"} for a in (unknown, trailing, method, internal))
    assert method.headers["Allow"] == "GET, POST"


async def test_a_fault_of_ours_tells_a_number_and_nothing_else(door, ada, monkeypatch):
    async def broken(*_):
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(door.service.operations.notebooks, "list", broken)
    answer = await ada.get("v1/notebook")

    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "hunter2" not in answer.text
