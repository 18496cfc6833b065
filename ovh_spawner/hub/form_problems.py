"""Brings the service's answers back beside the fields of the spawn form. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ovh_spawner.errors import Problem
from ovh_spawner.hub.form import FormValues

_PLAIN = {
    "project": "project",
    "name": "name",
    "env": "framework",
    "env.editorId": "editor",
    "env.frameworkId": "framework",
    "env.frameworkVersion": "framework",
    "resources": "count",
    "resources.flavor": "flavor",
    "resources.cpu": "count",
    "resources.gpu": "count",
    "resources.flavorCount": "count",
    "unsecureHttp": "access",
}
_GROUPS = {"volumes": "volumes", "envVars": "variables", "labels": "labels", "sshPublicKeys": "keys"}
"""Lists as wholes; their ids on the page."""
_VOLUME_FIELDS = {
    "mountPath": "path",
    "permission": "permission",
    "dataStore": "store",
    "dataStore.alias": "store",
    "dataStore.container": "bucket",
    "dataStore.prefix": "prefix",
}
_GIT_FIELDS = {"mountPath": "path", "publicGit": "url", "publicGit.url": "url", "publicGit.ref": "ref"}
_INDEXED = re.compile(r"(volumes|envVars|sshPublicKeys)\[(\d+)\]\.?(.*)", re.ASCII)

WORDS = {
    "project": "Project",
    "name": "Name",
    "editor": "Editor",
    "framework": "Framework",
    "flavor": "Resources",
    "count": "Number of units",
    "access": "Access",
    "volumes": "Data and repositories",
    "variables": "Environment variables",
    "labels": "Labels",
    "keys": "SSH keys",
    "": "Notebook",
}
_ROW_WORDS = {"volume": "Data", "git": "Repository", "env": "Variable", "label": "Label", "ssh": "SSH key"}


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A problem at its place in the form; an empty id is the form as a whole."""

    id: str
    label: str
    message: str


def place_problems(problems: Sequence[Problem], values: FormValues) -> list[FieldProblem]:
    """Return each problem with the id of the field that it is about."""
    return [_place(problem, values) for problem in problems]


def by_field(problems: Sequence[FieldProblem]) -> Mapping[str, list[str]]:
    """Return the sentences of each field."""
    found: dict[str, list[str]] = {}
    for problem in problems:
        found.setdefault(problem.id, []).append(problem.message)
    return found


def _place(problem: Problem, values: FormValues) -> FieldProblem:
    field_id = _field_id(problem.field, values)
    if not field_id and problem.field:
        # The form has no such field: the API's word is better than none.
        return FieldProblem("", problem.field, problem.message)
    return FieldProblem(field_id, _label(field_id), problem.message)


def _field_id(field: str, values: FormValues) -> str:
    if field in _PLAIN:
        return _PLAIN[field]
    if match := _INDEXED.fullmatch(field):
        return _row_field(match, values)
    if re.fullmatch(r"label-\d+-name", field):
        return field
    group, _, name = field.partition(".")
    if group == "labels" and name:
        return _label_field(name, values)
    return _GROUPS.get(group, "")


def _row_field(match: re.Match[str], values: FormValues) -> str:
    group, index, part = match[1], int(match[2]), match[3]
    if group == "sshPublicKeys":
        return f"ssh-{index}-key" if index < len(values.rows["ssh"]) else ""
    if group == "envVars":
        return f"env-{index}-{part or 'name'}" if index < len(values.rows["env"]) else "variables"
    volumes, repositories = len(values.rows["volume"]), len(values.rows["git"])
    if index < volumes:
        return f"volume-{index}-{_VOLUME_FIELDS.get(part, 'bucket')}"
    if index < volumes + repositories:
        return f"git-{index - volumes}-{_GIT_FIELDS.get(part, 'url')}"
    return "volumes"


def _label_field(name: str, values: FormValues) -> str:
    for number, row in enumerate(values.rows["label"]):
        if row["name"].strip() == name:
            return f"label-{number}-name"
    return "labels"


def _label(field_id: str) -> str:
    if field_id in WORDS:
        return WORDS[field_id]
    kind, number, name = field_id.split("-")
    return f"{_ROW_WORDS[kind]} {int(number) + 1}, {name}"
