"""Bodies that nobody means well with: refused with a sentence, or accepted whole; never a failure of ours."""

import json
import shlex

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.conftest import REQUESTS
from tests.fuzz.hostile_json import GOOD_SPEC, TEXTS, VALUES, broken, mangled, to_bytes

SHARE = 0.6
"""Of the requests; nearly all others go to the operations of the OpenAPI document."""

STORE = {
    "alias": "MINE",
    "type": "s3",
    "endpoint": "https://s3.example.org",
    "credentials": {"s3": {"accessKey": "an-access-key", "secretKey": "a-secret-key", "region": "gra"}},
}
TOKEN = {
    "name": "ci",
    "role": "read",
    "labelSelector": "team=red",
    "region": "GRA",
    "expiresAt": "2099-01-01T00:00:00Z",
}
SWIFT = {**STORE, "type": "swift", "credentials": {"swift": {"user": "u", "key": "p", "tenant": "t"}}}
ORDERS = {
    # Method, path, a good body, and the part of the requests.
    "create": ("POST", "v1/notebook", GOOD_SPEC, 0.3),
    "command": ("POST", "v1/notebook/command", GOOD_SPEC, 0.25),
    "update": ("PUT", "v1/notebook/{stopped}", {k: v for k, v in GOOD_SPEC.items() if k != "env"}, 0.15),
    "label": ("PUT", "v1/notebook/{notebook}/label", {"name": "a", "value": "b"}, 0.1),
    "sync": (
        "POST",
        "v1/notebook/{notebook}/datasync",
        {"direction": "pull", "manual": True, "volume": None},
        0.05,
    ),
    "store": ("POST", "v1/datastore", STORE, 0.05),
    "token": ("POST", "v1/token", TOKEN, 0.05),
    "swift": ("POST", "v1/datastore", SWIFT, 0.05),
}


class Caller:
    """Sends bodies as ann does, and looks at each answer."""

    def __init__(self, served) -> None:
        self.served = served
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {served.ann}"
        self.accepted = 0

    def send(self, method, path, body, *, content_type="application/json"):
        if "{notebook}" in path:
            path = path.format(notebook=self.served.notebook())
        if "{stopped}" in path:
            path = path.format(stopped=self.served.stopped_notebook())
        url = f"{self.served.api}/{path}"
        answer = self.session.request(
            method, url, data=body, headers={"Content-Type": content_type}, timeout=30
        )
        self.check(answer)
        return answer

    def check(self, answer) -> None:
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            said = answer.json()
            assert said["message"]
            assert said["code"]
            assert len(answer.content) < 200_000
            assert len(said.get("problems", [])) <= 51
            return
        self.accepted += 1
        if answer.status_code == 200:
            self.check_kept(answer.json())

    def check_kept(self, answer) -> None:
        """What was accepted can be shown, listed, said as a command line, and deleted."""
        if "command" in answer:
            assert shlex.split(answer["command"])[:3] == ["ovhai", "notebook", "run"]
        elif "spec" in answer and "status" in answer and "user" in answer:
            url = f"{self.served.api}/v1/notebook/{answer['id']}"
            assert self.session.get(url, timeout=30).json()["spec"] == answer["spec"]
            assert self.session.get(f"{self.served.api}/v1/notebook", timeout=30).status_code == 200
            assert self.session.delete(url, params={"force": "true"}, timeout=30).status_code == 204
        elif "version" in answer.get("status", ()):
            url = f"{self.served.api}/v1/token/{answer['id']}"
            assert self.session.get(url, timeout=30).json()["spec"] == answer["spec"]
            assert self.session.delete(url, timeout=30).status_code == 204
        elif "alias" in answer:
            url = f"{self.served.api}/v1/datastore/{answer['alias']}"
            assert self.session.delete(url, timeout=30).status_code == 204


@pytest.fixture
def caller(served):
    made = Caller(served)
    yield made
    made.session.close()


def fuzz(strategy, part):
    """Run a test's inner function on its part of the requests."""

    def run(check) -> None:
        examples = max(5, round(REQUESTS * SHARE * part))
        settings(
            max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )(given(strategy)(check))()

    return run


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("order", ORDERS)
def test_a_good_body_with_something_replaced_is_no_failure(caller, order):
    method, path, good, part = ORDERS[order]
    assert caller.send(method, path, to_bytes(good)).status_code < 400, "the good body is good"

    def check(value):
        caller.send(method, path, to_bytes(value))

    fuzz(broken(good), part * 0.7)(check)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("order", ORDERS)
def test_a_good_body_with_changed_bytes_is_no_failure(caller, order):
    method, path, good, part = ORDERS[order]

    def check(raw):
        caller.send(method, path, raw)

    fuzz(mangled(good), part * 0.2)(check)


@pytest.mark.timeout(1800)
def test_any_json_at_all_is_no_failure(caller):
    def check(asked):
        order, value = asked
        method, path, _, _ = ORDERS[order]
        caller.send(method, path, to_bytes(value))

    fuzz(st.tuples(st.sampled_from(sorted(ORDERS)), VALUES), 0.05)(check)


@pytest.mark.timeout(1800)
def test_any_text_as_a_parameter_is_no_failure(caller):
    names = [
        "labelSelector",
        "userName",
        "updatedAfter",
        "page",
        "size",
        "sort",
        "statusState",
        "month",
        "user",
    ]

    def check(asked):
        path, name, text = asked
        parameters = {
            name.encode("utf-8", "surrogatepass")[:1000]: text.encode("utf-8", "surrogatepass")[:5000]
        }
        answer = caller.session.get(f"{caller.served.api}/{path}", params=parameters, timeout=30)
        assert answer.status_code < 500, answer.text
        assert answer.status_code == 200 or "message" in answer.json()

    paths = st.sampled_from(["v1/notebook", "v1/usage", "v1/datastore"])
    fuzz(st.tuples(paths, st.sampled_from(names) | TEXTS, TEXTS), 0.05)(check)


def test_ten_thousand_labels_are_told_in_a_short_answer(caller):
    labels = {f"label{number}": "x" for number in range(10_000)}
    answer = caller.send("POST", "v1/notebook", to_bytes({**GOOD_SPEC, "labels": labels}))
    bad = {f"label {number}": "not allowed" for number in range(10_000)}
    wrong = caller.send("POST", "v1/notebook", to_bytes({**GOOD_SPEC, "labels": bad}))

    assert answer.status_code == wrong.status_code == 400
    assert "10000 labels are too many" in answer.json()["message"]
    assert len(wrong.content) < 20_000


@pytest.mark.parametrize(
    "raw",
    [
        b'{"env":' * 50_000,
        b"[" * 500_000,
        json.dumps({"labels": {"a": "b"}})[:-1].encode() + b',"labels":{"a":"c"}}',
        b'{"resources": {"cpu": NaN}}',
        b'{"resources": {"cpu": ' + b"1" * 100_000 + b"}}",
        b'{"resources": {"cpu": 1e99999}}',
        b'{"name": "' + b"x" * 1_000_000 + b'"}',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
    ],
    ids=[
        "deep objects",
        "deep lists",
        "doubled key",
        "NaN",
        "long integer",
        "1e99999",
        "long name",
        "BOM",
        "UTF-16",
    ],
)
def test_a_hostile_body_is_refused_with_a_sentence(caller, raw):
    answer = caller.send("POST", "v1/notebook", raw)

    assert answer.status_code == 400
    assert len(answer.content) < 20_000
