"""What is wrong is refused at every door with one clear message, and nothing starts and nothing is billed."""

import copy
import html
import re
import secrets

import pytest

from tests.support.hub_versions import hub_body

pytestmark = pytest.mark.journey

GOOD = {
    "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
    "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
}


def _with(**changes):
    return copy.deepcopy(GOOD) | changes


def _volume(path, bucket="demo", alias="DEMO", permission="RW", **more):
    return {
        "mountPath": path,
        "permission": permission,
        "dataStore": {"alias": alias, "container": bucket},
        **more,
    }


WRONG = {
    "unknown editor": (_with(env={"editorId": "emacs", "frameworkId": "conda"}), "emacs", "jupyterlab"),
    "unknown framework": (_with(env={"editorId": "jupyterlab", "frameworkId": "cobol"}), "cobol", "conda"),
    "unknown version": (
        _with(env={"editorId": "jupyterlab", "frameworkId": "conda", "frameworkVersion": "one"}),
        "env.frameworkVersion",
        "one",
    ),
    "framework not installed": (
        _with(env={"editorId": "jupyterlab", "frameworkId": "pytorch"}),
        "pytorch",
        "installed",
    ),
    "unknown flavor": (_with(resources={"flavor": "big", "cpu": 1}), "resources.flavor", "ai1-1-cpu"),
    "CPU and GPU": (_with(resources={"cpu": 2, "gpu": 1}), "resources", "cannot go together"),
    "no CPU": (_with(resources={"flavor": "ai1-1-cpu", "cpu": 0}), "resources.cpu", "12"),
    "13 CPUs": (_with(resources={"flavor": "ai1-1-cpu", "cpu": 13}), "resources.cpu", "12"),
    "5 GPUs": (_with(resources={"flavor": "ai1-1-gpu", "gpu": 5}), "resources.gpu", "4"),
    "huge number": (_with(resources={"flavor": "ai1-1-cpu", "cpu": 10**400}), "resources.cpu", "12"),
    "relative mount path": (_with(volumes=[_volume("data")]), "volumes[0].mountPath", "data"),
    "mount path outside": (_with(volumes=[_volume("/etc")]), "volumes[0].mountPath", "/workspace"),
    "climbing mount path": (_with(volumes=[_volume("/workspace/../x")]), "volumes[0].mountPath", ".."),
    "same mount path twice": (
        _with(volumes=[_volume("/workspace/a"), _volume("/workspace/a")]),
        "volumes[1].mountPath",
        "/workspace/a",
    ),
    "one mount path inside another": (
        _with(volumes=[_volume("/workspace/a"), _volume("/workspace/a/b")]),
        "volumes[1].mountPath",
        "/workspace/a",
    ),
    "unknown data store": (_with(volumes=[_volume("/workspace/a", alias="NOPE")]), "volumes[0]", "DEMO"),
    "missing read-only bucket": (
        _with(volumes=[_volume("/workspace/a", bucket="not-there", permission="RO")]),
        "volumes[0]",
        "not-there",
    ),
    "reserved label": (_with(labels={"ovh/id": "x"}), "labels", "ovh/"),
    "platform variable": (_with(envVars=[{"name": "LD_PRELOAD", "value": "x"}]), "envVars", "LD_PRELOAD"),
    "hub variable": (
        _with(envVars=[{"name": "JUPYTERHUB_API_TOKEN", "value": "x"}]),
        "envVars",
        "JUPYTERHUB",
    ),
    "home variable": (_with(envVars=[{"name": "HOME", "value": "/"}]), "envVars", "HOME"),
    "unknown key": (_with(editor="jupyterlab"), "editor", "env"),
    "wrong type": (_with(volumes="none"), "volumes", "list"),
}
SECRET_ONLY_BY_API = {"platform variable", "hub variable", "home variable"}


@pytest.fixture(scope="module")
def bob(stack):
    return stack.sign_in("bob")


@pytest.fixture(autouse=True)
def _nothing_started_or_billed(bob):
    yield

    assert bob.api("GET", "notebook").json()["metadata"]["total"] == 0
    assert bob.api("GET", "usage").json()["lines"] == []


@pytest.mark.parametrize("what", WRONG)
def test_our_api_says_what_is_wrong_and_what_is_allowed(bob, what):
    spec, *words = WRONG[what]

    answer = bob.api("POST", "notebook", json=spec)

    assert answer.status_code == 400, answer.text
    for word in words:
        assert word in answer.text
    assert len(answer.text) < 2000


@pytest.mark.parametrize("what", sorted(WRONG))
def test_the_hub_api_says_the_same(bob, what):
    spec, *words = WRONG[what]
    server = f"nb-{secrets.token_hex(6).translate(str.maketrans('0189', 'abcd'))}"

    answer = bob.hub_api("POST", f"users/bob/servers/{server}", json=hub_body(spec))

    assert answer.status_code == 400, answer.text
    # Variables are refused at this door whatever they are: it would keep them in clear.
    for word in ["/services/ai/v1/notebook"] if what in SECRET_ONLY_BY_API else words:
        assert word in answer.json()["message"]
    kept = bob.hub_api("GET", "users/bob", params={"include_stopped_servers": "true"}).json()["servers"]
    assert all(s["user_options"] == {} for s in kept.values())


FORM = {
    "name": "<b>bold</b> & {braces}",
    "editor": "jupyterlab",
    "framework": "conda/",
    "flavor": "ai1-1-cpu",
    "count": "13",
    "access": "restricted",
    "volume-0-store": "DEMO",
    "volume-0-bucket": "demo",
    "volume-0-path": "/etc",
    "volume-0-permission": "RWD",
    "git-0-url": "ext::sh -c touch% /tmp/x",
    "git-0-ref": "--upload-pack=x",
    "git-0-path": "/workspace/code",
    "env-0-name": "LD_PRELOAD",
    "env-0-value": "kept as typed",
    "label-0-name": "ovh/id",
    "label-0-value": "mine",
}


def test_the_form_shows_every_mistake_beside_its_field_and_keeps_what_was_typed(bob):
    page = bob.get("/hub/spawn")
    xsrf = re.search(r"_xsrf=([^\"&]+)|name=\"_xsrf\"\s+value=\"([^\"]+)\"", page.text)

    answer = bob.post(page.url.path, params={"_xsrf": html.unescape(xsrf[1] or xsrf[2])}, data=FORM)

    assert answer.status_code == 400
    for name, value in FORM.items():
        if name not in {"editor", "framework", "flavor", "access", "volume-0-store", "volume-0-permission"}:
            assert html.escape(value) in answer.text or html.escape(value, quote=False) in answer.text, name
    for field in ("count", "volume-0-path", "git-0-url", "git-0-ref", "env-0-name", "label-0-name"):
        assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', answer.text), field
    assert "<b>bold</b>" not in answer.text
