"""From the spawn form's values to the API's shape. Pure; what is right or wrong, the service says."""

from typing import Any

from ovh_spawner.contract.notebooks import SpawnPage
from ovh_spawner.errors import Problem
from ovh_spawner.hub.form import ALL_HISTORY, FormValues, Row

GIT_PERMISSION = "RW"
"""Repositories are for working in; nothing of them is ever pushed by the platform."""


def build_request(values: FormValues, page: SpawnPage) -> dict[str, Any]:
    """Return the request for the notebook, in the shape of ``POST /v1/notebook``."""
    framework, _, version = values.fields["framework"].partition("/")
    request: dict[str, Any] = {
        "env": {"editorId": values.fields["editor"], "frameworkId": framework},
        "resources": _resources(values, page),
        "unsecureHttp": values.fields["access"] == "open",
        "volumes": [
            *(_volume(row) for row in values.rows["volume"]),
            *(_repository(row) for row in values.rows["git"]),
            *values.carried.get("volumes", []),
        ],
        "envVars": [dict(row) for row in values.rows["env"]],
        "labels": {row["name"].strip(): row["value"].strip() for row in values.rows["label"]},
    }
    if page.has_ssh:
        request["sshPublicKeys"] = [row["key"].strip() for row in values.rows["ssh"]]
    if page.notebook is None and (project := values.fields["project"].strip()):
        request["project"] = project
    if version:
        request["env"]["frameworkVersion"] = version
    if name := values.fields["name"].strip():
        request["name"] = name
    return request | {key: value for key, value in values.carried.items() if key != "volumes"}


def find_duplicates(values: FormValues) -> list[Problem]:
    """Return what the API's shape cannot even express: one label given twice."""
    seen: set[str] = set()
    problems = []
    for number, row in enumerate(values.rows["label"]):
        name = row["name"].strip()
        if name in seen:
            problems.append(
                Problem(f"label-{number}-name", f"{name!r} is there twice. Leave one of them out.")
            )
        seen.add(name)
    return problems


def _resources(values: FormValues, page: SpawnPage) -> dict[str, Any]:
    flavor = next((f for f in page.flavors if f.id == values.fields["flavor"]), None)
    resources: dict[str, Any] = {"flavor": values.fields["flavor"]} if values.fields["flavor"] else {}
    text = values.fields["count"].strip()
    # A text that is no number goes on as it is, so that the one place that judges can say what is allowed.
    count: int | str = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text  # noqa: PLR2004
    if text:
        resources["gpu" if flavor and flavor.gpu else "cpu"] = count
    return resources


def _volume(row: Row) -> dict[str, Any]:
    store = {"alias": row["store"].strip(), "container": row["bucket"].strip()}
    if prefix := row["prefix"].strip():
        store["prefix"] = prefix
    return {"mountPath": row["path"].strip(), "permission": row["permission"].strip(), "dataStore": store}


def _repository(row: Row) -> dict[str, Any]:
    source: dict[str, Any] = {"url": row["url"].strip()}
    if ref := row["ref"].strip():
        source["ref"] = ref
    if row["history"] == ALL_HISTORY:
        source["full"] = True
    return {"mountPath": row["path"].strip(), "permission": GIT_PERMISSION, "publicGit": source}
