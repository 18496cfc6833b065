"""The table of access: who asks, what for, and what they are told. A test asks; ``docs/reference/access.md`` shows it.

Each rule is one word with a letter for each column, written by hand: it is what is promised, not what the code says.
"""

from dataclasses import dataclass, field
from typing import Any

COLUMNS = {
    "anonymous": "nobody signed in",
    "wrong token": "a token that nobody has",
    "stranger": "a member of another project",
    "reader": "read",
    "operator": "operator",
    "owner": "operator who made the notebook",
    "administrator": "administrator of the project",
    "platform": "administrator of the hub, not in the project",
    "read token": "application token, read",
    "operator token": "application token, operator",
    "matching token": "application token, operator, whose label selector matches",
    "other token": "application token, operator, whose label selector does not match",
    "renewed token": "the value of a token before it was renewed",
    "deleted token": "application token that was deleted",
    "expired token": "application token that has expired",
    "stopped notebook": "the token that a notebook was given for itself, after it stopped",
}
LETTERS = {"Y": "yes", "F": "forbidden", "N": "not found", "A": "sign in"}
STATUSES = {"F": 403, "N": 404, "A": 401}

RULES = {
    "for anyone": "YYY YYYYY YYYY YYYY",
    "for who is signed in": "AAY YYYYY YYYY AAAA",
    "see a notebook": "AAN YYYYY YYYN AAAA",
    "operate a notebook": "AAN FYYYY FYYN AAAA",
    "make something in a project": "AAN FYYYF FYYY AAAA",
    "look into a project": "AAN YYYYY YYYY AAAA",
    "read what a project costs": "AAN YYYYY YYFF AAAA",
    "change a project": "AAN FFFFY FFFF AAAA",
    "make a project": "AAF FFFFY FFFF AAAA",
    "look after members": "AAN FFFYY FFFF AAAA",
    "look after one's own tokens": "AAY YYYYY FFFF AAAA",
    "make a token": "AAN FYYYF FFFF AAAA",
    "see or delete a token": "AAN NNYYY FFFF AAAA",
    "renew a token": "AAN NNYFF FFFF AAAA",
    "read the audit log": "AAF FFFYY FFFF AAAA",
    "add a data store": "AAN FYYYF FYFF AAAA",
    "see a data store": "AAN NNYNN YYYY AAAA",
    "remove a data store": "AAN FNYNF FYFF AAAA",
}


@dataclass(frozen=True, eq=False)
class Row:
    """One operation with a request that changes nothing that another row needs."""

    method: str
    path: str
    rule: str
    body: Any = None
    query: dict[str, str] = field(default_factory=dict)
    also: tuple[int, ...] = ()
    """Statuses that say yes as well: allowed, and refused for a reason that has nothing to do with who asks."""

    @property
    def letters(self) -> str:
        return RULES[self.rule].replace(" ", "")


DOORS = {
    "page": "AAN YYYYF YYYA AAAA",
    "websocket": "AAN YYYYF YYYA AAAA",
    "other port": "AAN YYYYF YYYA AAAA",
}
"""The doors of a running notebook; tests/gateway/test_access_matrix.py tries them at a real gateway."""

IN = {"project": "ai"}
_SPEC = {
    "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
    "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
}
_STORE = {
    "alias": "NEW",
    "type": "s3",
    "endpoint": "https://s3.example.org",
    "credentials": {"s3": {"accessKey": "a", "secretKey": "b", "region": "gra"}},
}
_MEMBER = "/v1/project/{project}/member/user/somebody"
_OPEN = "for who is signed in"
_SEE, _OPERATE = "see a notebook", "operate a notebook"

ROWS = (
    Row("GET", "/health", "for anyone"),
    Row("GET", "/openapi.json", "for anyone"),
    Row("GET", "/v1/me", _OPEN),
    Row("GET", "/v1/notebook", _OPEN),
    Row("GET", "/v1/notebook", "look into a project", query=IN),
    Row("POST", "/v1/notebook", "make something in a project", _SPEC, IN),
    Row("POST", "/v1/notebook/command", _OPEN, _SPEC),
    Row("GET", "/v1/notebook/{notebook}", _SEE),
    Row("PUT", "/v1/notebook/{notebook}", _OPERATE, {"labels": {"team": "red", "a": "b"}}),
    Row("PUT", "/v1/notebook/{notebook}/label", _OPERATE, {"name": "a", "value": "c"}),
    Row("POST", "/v1/notebook/{notebook}/datasync", _OPERATE, {"direction": "push"}, also=(400,)),
    Row("PUT", "/v1/notebook/{notebook}/start", _OPERATE, also=(400,)),
    Row("PUT", "/v1/notebook/{notebook}/stop", _OPERATE, also=(400,)),
    Row("DELETE", "/v1/notebook/{notebook}", _OPERATE, also=(400,)),
    *(
        Row("GET", f"/v1/{path}", _OPEN)
        for path in (
            "capabilities/notebook/editor",
            "capabilities/notebook/editor/jupyterlab",
            "capabilities/notebook/framework",
            "capabilities/notebook/framework/conda",
            "notebook/capabilities/editor",
            "notebook/capabilities/editor/jupyterlab",
            "notebook/capabilities/framework",
            "notebook/capabilities/framework/conda",
            "capabilities/flavor",
            "capabilities/flavor/ai1-1-cpu",
        )
    ),
    Row("GET", "/v1/capabilities/quota", "look into a project", query=IN),
    Row("GET", "/v1/project", _OPEN),
    Row("POST", "/v1/project", "make a project", {"name": "ai"}, also=(400,)),
    Row("GET", "/v1/project/{project}", "look into a project"),
    Row("PUT", "/v1/project/{project}", "change a project", {"gpuQuota": 3}),
    Row("DELETE", "/v1/project/{project}", "change a project", also=(400,)),
    Row("GET", "/v1/project/{project}/member", "look after members"),
    Row("PUT", _MEMBER, "look after members", {"role": "read"}),
    Row("DELETE", _MEMBER, "look after members"),
    Row("GET", "/v1/datastore", "look into a project", query=IN),
    Row(
        "POST",
        "/v1/datastore",
        "add a data store",
        _STORE,
        {**IN, "skipDataStoreConnectionCheck": "true"},
        (400,),
    ),
    Row("GET", "/v1/datastore/MINE", "see a data store", query=IN),
    Row("POST", "/v1/datastore/MINE/check", "see a data store", query=IN),
    Row("DELETE", "/v1/datastore/MINE", "remove a data store", query=IN),
    Row("GET", "/v1/usage", "read what a project costs", query=IN),
    Row("GET", "/v1/usage.csv", "read what a project costs", query=IN),
    Row("GET", "/v1/token", "look after one's own tokens"),
    Row("POST", "/v1/token", "make a token", {"name": "t", "role": "read"}, IN),
    Row("GET", "/v1/token/{token}", "see or delete a token"),
    Row("POST", "/v1/token/{token}/renew", "renew a token"),
    Row("DELETE", "/v1/token/{token}", "see or delete a token"),
    Row("GET", "/v1/audit", "read the audit log", query=IN),
    Row("GET", "/v1/audit.csv", "read the audit log", query=IN),
    Row("GET", "/v1/audit.jsonl", "read the audit log", query=IN),
)


def page(answers: dict[Row, str]) -> str:
    """Return the page of the documentation, from the answers that were given."""
    lines = [
        "<!-- Written by tests/service/api/test_access_matrix.py from the answers that it got. -->",
        "",
        "# Access",
        "",
        "After this page you know who may do what. What somebody may not even know of is not found.",
        "",
        "The project is called `ai` here and shares notebooks among its members. Who asks:",
        "",
        "| | |",
        "|---|---|",
        *(f"| {key} | {words} |" for key, words in COLUMNS.items()),
        "",
        "Who [signed in at the hub with a token](../howto/set-up-sign-in.md#application-tokens) is told what that",
        "token is told, in every row.",
        "",
        "| operation | " + " | ".join(COLUMNS) + " |",
        "|---|" + "---|" * len(COLUMNS),
    ]
    for row, letters in answers.items():
        query = "?project=ai" if "project" in row.query else ""
        told = " | ".join(LETTERS[letter] for letter in letters)
        lines.append(f"| `{row.method} {row.path}{query}` | {told} |")
    lines += [
        "",
        "## A running notebook",
        "",
        "Its pages, its websockets and its other programs, at its own address. An open notebook lets everybody in. A",
        "browser that has signed out at the hub is told what nobody signed in is told.",
        "",
        "| door | " + " | ".join(COLUMNS) + " |",
        "|---|" + "---|" * len(COLUMNS),
    ]
    for door, promised in DOORS.items():
        told = " | ".join(LETTERS[letter] for letter in promised.replace(" ", ""))
        lines.append(f"| {door} | {told} |")
    lines += [
        "",
        "Over SSH neither roles nor tokens count: whoever holds one of the notebook's own keys comes in, and to",
        "everybody else, administrators among them, it does not exist ([work over SSH](../howto/connect-over-ssh.md)).",
    ]
    return "\n".join(lines) + "\n"
