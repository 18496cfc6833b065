"""Strategies: JSON that nobody means well with, and a good spec in which something was replaced by it."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

CORPUS = (
    "", " ", "{}", "{0.__class__}", "%", "%s%n", "%(type)s", "$(id)", "`id`", "; id", "| id", "' OR 1=1 --", '"', "\\",
    "<script>alert(1)</script>", "{{7*7}}", "{%raw%}",
    "../..", "/workspace/../etc", "//", ".", "-rf", "--upload-pack=x",
    "\x00", "\n", "\r\nX-Evil: 1", "\x1b[31m", "\u202e", "\ufeff", "\u2028", "\ud800", "\udfff", "𝔞", "é", "e\u0301",
    "ﷺ", "İ", "ß", "null", "NaN", "True", "1e400", "x" * 256, "x" * 20_000, "🧨" * 300, "a=b,c=d", "ovh/id", "@{-1}",
    "http://user:secret@127.0.0.1/x.git", "ext::sh -c id", "file:///etc/passwd", "http://[::1", "http://a:99999999/",
)  # fmt: skip
"""What broke other programs."""

# All categories, also halves of surrogate pairs: JSON can name them.
TEXTS = st.sampled_from(CORPUS) | st.text(st.characters(), max_size=40)

NUMBERS = (
    st.integers(-(10**400), 10**400)
    | st.integers(-3, 20)
    | st.sampled_from([2**31, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**4000])
    | st.floats()
)

LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS

VALUES = st.recursive(
    LEAVES,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXTS, below, max_size=4),
    max_leaves=12,
)

GOOD_SPEC: dict[str, Any] = {
    "name": "a name",
    "env": {"editorId": "jupyterlab", "frameworkId": "conda", "frameworkVersion": None},
    "envVars": [{"name": "A", "value": "b"}],
    "labels": {"a": "b"},
    "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
    "sshPublicKeys": [],
    "timeoutAutoRestart": False,
    "unsecureHttp": False,
    "volumes": [
        {
            "mountPath": "/workspace/out",
            "permission": "RW",
            "cache": False,
            "dataStore": {"alias": "DEMO", "container": "results", "prefix": "a/b"},
        },
        {
            "mountPath": "/workspace/code",
            "permission": "RWD",
            "publicGit": {"url": "https://a.b/c.git", "ref": "v1"},
        },
        {"mountPath": "/workspace/empty", "permission": "RW", "standalone": {}},
    ],
}


def _places(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        below = list(value.items())
    elif isinstance(value, list):
        below = list(enumerate(value))
    return [above, *(place for key, inner in below for place in _places(inner, (*above, key)))]


def _put(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    inner = value
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = new
    return value


@st.composite
def broken(draw: st.DrawFn, good: dict[str, Any]) -> Any:
    """Return ``good`` with one to three places replaced, taken out or given one key more."""
    value = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(_places(value)))
        new = draw(TEXTS | LEAVES | VALUES)
        inner = value
        for key in place:
            inner = inner[key]
        if isinstance(inner, dict) and draw(st.booleans()):
            inner[draw(TEXTS)] = new
        else:
            value = _put(value, place, new)
    return value


def to_bytes(value: Any) -> bytes:
    """Return JSON as a careless program writes it: with NaN, with halves of characters."""
    return json.dumps(value).encode()


@st.composite
def mangled(draw: st.DrawFn, good: dict[str, Any]) -> bytes:
    """Return the bytes of a good body that were cut, doubled or changed."""
    raw = bytearray(to_bytes(good))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(raw)))
        until = draw(st.integers(at, min(len(raw), at + 20)))
        match draw(st.sampled_from(["cut", "remove", "insert", "double"])):
            case "cut":
                del raw[at:]
            case "remove":
                del raw[at:until]
            case "insert":
                raw[at:at] = draw(st.binary(max_size=10))
            case "double":
                raw[at:at] = raw[at:until]
    return bytes(raw)
