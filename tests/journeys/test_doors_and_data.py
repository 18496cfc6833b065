"""Three doors give one notebook; data stores of one's own; what can be done when data cannot be saved."""

import secrets

import pytest

from tests.support.hub_versions import hub_body
from tests.support.jupyter import LabSession
from tests.support.s3_server import s3_server
from tests.support.waiting import wait_for

pytestmark = pytest.mark.journey

SPEC = {
    "name": "same",
    "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
    "resources": {"flavor": "ai1-1-cpu", "cpu": 2},
    "labels": {"team": "meteo"},
    "volumes": [
        {
            "mountPath": "/workspace/data",
            "permission": "RW",
            "dataStore": {"alias": "DEMO", "container": "demo"},
        }
    ],
}


def _new_server() -> str:
    return "nb-" + "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(12))


def _comparable(notebook: dict) -> dict:
    """What is asked for, without what is each notebook's own."""
    spec = notebook["spec"]
    labels = {k: v for k, v in spec["labels"].items() if not k.startswith("ovh/")}
    return {k: spec[k] for k in ("name", "env", "resources", "volumes", "unsecureHttp")} | {"labels": labels}


def test_three_doors_give_the_same_notebook(stack):
    hana = stack.sign_in("hana")
    by_api = hana.api("POST", "notebook", json=SPEC).json()
    server = _new_server()
    answer = hana.hub_api("POST", f"users/hana/servers/{server}", json=hub_body(SPEC))
    assert answer.status_code in {201, 202}, answer.text
    items = hana.api("GET", "notebook").json()["items"]
    (by_hub,) = [found for found in items if found["id"] != by_api["id"]]

    assert _comparable(by_hub) == _comparable(by_api)
    assert server in by_hub["status"]["url"]
    for notebook in (by_api, by_hub):
        hana.wait_for_state(notebook["id"], "RUNNING")
    kept = hana.hub_api("GET", "users/hana", params={"include_stopped_servers": "true"}).json()["servers"]
    named = [set(server["user_options"]) for name, server in kept.items() if name]
    assert named == [{"notebook", "revision"}] * 2
    for notebook in (by_api, by_hub):
        assert hana.api("DELETE", f"notebook/{notebook['id']}", params={"force": "true"}).status_code == 204


def test_our_own_answer_is_accepted_back(stack):
    ivan = stack.sign_in("ivan")
    first = ivan.api("POST", "notebook", json=SPEC).json()

    second = ivan.api("POST", "notebook", json=first["spec"])

    assert second.status_code == 400, "platform labels are another notebook's"
    spec = first["spec"] | {"labels": {"team": "meteo"}}
    second = ivan.api("POST", "notebook", json=spec)
    assert second.status_code == 200, second.text
    for notebook in (first, second.json()):
        assert ivan.api("DELETE", f"notebook/{notebook['id']}", params={"force": "true"}).status_code == 204


def test_wrong_credentials_are_refused_and_right_ones_are_never_shown(stack, tmp_path):
    judy = stack.sign_in("judy")
    with s3_server(tmp_path) as s3:
        s3.create_bucket("weather")
        s3.put("weather", "a.txt", b"a")
        keys = {"accessKey": s3.access_key, "secretKey": s3.secret_key, "region": "us-east-1"}
        store = {"alias": "MINE", "type": "s3", "owner": "customer", "endpoint": s3.endpoint}

        wrong = judy.api(
            "POST", "datastore", json=store | {"credentials": {"s3": keys | {"secretKey": "not-the-key"}}}
        )
        right = judy.api("POST", "datastore", json=store | {"credentials": {"s3": keys}})

        assert wrong.status_code == 400, wrong.text
        assert "MINE" in wrong.text
        assert right.status_code == 200, right.text
        shown = judy.api("GET", "datastore").text
        assert s3.secret_key not in shown + right.text
        volume = {
            "mountPath": "/workspace/w",
            "permission": "RO",
            "dataStore": {"alias": "MINE", "container": "weather"},
        }
        notebook = judy.api("POST", "notebook", json=SPEC | {"volumes": [volume]}).json()["id"]
        url = judy.wait_for_state(notebook, "RUNNING")["status"]["url"]
        assert LabSession(judy, url).run("print(open('w/a.txt').read())").strip() == "a"
        judy.api("PUT", f"notebook/{notebook}/stop")
        judy.wait_for_state(notebook, "STOPPED")
    logs = stack.logs(lines=10_000)
    assert s3.secret_key not in logs
    assert stack.secrets["OVH_SPAWNER_DEMO_SECRET_KEY"] not in logs


def test_a_start_that_fails_says_why_in_one_sentence(stack):
    karl = stack.sign_in("karl")
    git = {
        "mountPath": "/workspace/code",
        "permission": "RW",
        "publicGit": {"url": "http://127.0.0.1:9/x.git"},
    }
    notebook = karl.api("POST", "notebook", json=SPEC | {"volumes": [git]}).json()["id"]

    failed = karl.wait_for_state(notebook, "FAILED")

    assert "127.0.0.1:9/x.git" in failed["status"]["info"]["message"]
    server = failed["status"]["url"].rstrip("/").rsplit("/", 1)[1]
    page = wait_for(
        lambda: (p := karl.get(f"/hub/spawn-pending/karl/{server}")) and "x.git" in p.text and p,
        what="the page to tell",
    )
    assert "127.0.0.1:9/x.git" in page.text
    assert "Traceback" not in page.text
    assert karl.api("GET", "usage").json()["minutes"] == 0


def test_a_notebook_that_could_not_be_saved_keeps_its_files_until_a_push_works(stack, tmp_path):
    lena = stack.sign_in("lena")
    with s3_server(tmp_path) as s3:
        s3.create_bucket("fragile")
        port = s3.port
        keys = {"accessKey": s3.access_key, "secretKey": s3.secret_key}
        store = {"alias": "LENA", "type": "s3", "owner": "customer", "endpoint": s3.endpoint}
        lena.api("POST", "datastore", json=store | {"credentials": {"s3": keys}}).raise_for_status()
        volume = _rw("fragile") | {"dataStore": {"alias": "LENA", "container": "fragile"}}
        notebook = lena.api("POST", "notebook", json=SPEC | {"volumes": [volume]}).json()["id"]
        url = lena.wait_for_state(notebook, "RUNNING")["status"]["url"]
        LabSession(lena, url).run("open('data/precious.txt', 'w').write('42')")
    with s3_server(tmp_path, secret_key="somebody-changed-it", port=port):
        lena.api("PUT", f"notebook/{notebook}/stop")
        failed = lena.wait_for_state(notebook, "SYNC_FAILED")

        assert "fragile@LENA" in failed["status"]["info"]["message"]
        kept = stack.state / "notebooks" / notebook / "workspace/data/precious.txt"
        assert kept.read_text() == "42"
        refused = lena.api("PUT", f"notebook/{notebook}/start")
        assert refused.status_code == 400
        assert "push" in refused.json()["message"].lower()
        assert lena.api("DELETE", f"notebook/{notebook}").status_code == 400
    with s3_server(tmp_path, port=port) as s3:
        pushed = lena.api("POST", f"notebook/{notebook}/datasync", json={"direction": "push"})
        assert pushed.status_code == 200, pushed.text
        wait_for(lambda: lena.state(notebook) == "STOPPED", what="the push to unlock it")
        assert s3.get("fragile", "precious.txt") == b"42"


def _rw(bucket: str) -> dict:
    return {
        "mountPath": "/workspace/data",
        "permission": "RW",
        "dataStore": {"alias": "DEMO", "container": bucket},
    }


def test_a_manual_sync_brings_and_saves_while_the_notebook_runs(stack):
    mona = stack.sign_in("mona")
    notebook = mona.api("POST", "notebook", json=SPEC | {"volumes": [_rw("shared-notes")]}).json()["id"]
    url = mona.wait_for_state(notebook, "RUNNING")["status"]["url"]
    lab = LabSession(mona, url)
    lab.run("open('data/mine.txt', 'w').write('mine')")

    assert mona.api("POST", f"notebook/{notebook}/datasync", json={"direction": "push"}).status_code == 200
    theirs = stack.store / "shared-notes" / "mine.txt"
    wait_for(lambda: theirs.exists() and theirs.read_text() == "mine", what="the push to arrive")
    (stack.store / "shared-notes" / "theirs.txt").write_text("theirs")
    pull = wait_for(
        lambda: (
            mona.api("POST", f"notebook/{notebook}/datasync", json={"direction": "pull"}).status_code == 200
        ),
        what="the pull to be accepted",
    )

    assert pull
    local = stack.state / "notebooks" / notebook / "workspace/data/theirs.txt"
    wait_for(lambda: local.exists() and local.read_text() == "theirs", what="the pull to arrive")
    syncs = mona.api("GET", f"notebook/{notebook}").json()["status"]["dataSync"]
    assert {s["spec"]["direction"] for s in syncs} == {"pull", "push"}
    assert mona.api("DELETE", f"notebook/{notebook}", params={"force": "true"}).status_code == 204
