"""Pods to look at: one notebook as most people have it, and others that differ from it in one thing."""

from dataclasses import replace
from io import StringIO
from uuid import UUID

from ruamel.yaml import YAML

from ovh_spawner.catalog.loader import load_catalog
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.volumes import DataStoreSource, GitSource, StandaloneSource, Volume
from ovh_spawner.pod.labels import Subject
from ovh_spawner.pod.request import PodRequest
from ovh_spawner.settings import Settings

NOTEBOOK = UUID("7600dda5-27f7-4937-9260-e24c987ae3c6")
RUN = UUID("0f3ff5b4-9d2b-4c8e-8f0e-6a3d6c1f2b11")
SYNC = UUID("b3e7c0a2-5f2d-4d18-93a4-71f7b6d0c9e2")
PREFIX = "/user/maria/nb-abcdefghijkl/"
CATALOG = load_catalog({}, region="GRA")
SETTINGS = Settings.model_validate({"kubernetes": {"images": {"repository": "images.test/ai", "tag": "1"}}})

SPEC = NotebookSpec(
    name="jupyterlab-inspiring",
    editor="jupyterlab",
    framework="pytorch",
    framework_version="pytorch2.4.0-py311-cuda11.8",
    flavor="ai1-1-gpu",
    count=1,
)
SUBJECT = Subject(
    notebook=NOTEBOOK,
    project="default",
    hub="hub",
    run=RUN,
    editor=SPEC.editor,
    framework=SPEC.framework,
    flavor=SPEC.flavor,
)


def volume(mount_path, permission, source=None):
    source = source or DataStoreSource(alias="GRA", container="bucket")
    return Volume(id=UUID(int=len(mount_path)), mount_path=mount_path, permission=permission, source=source)


VOLUMES = (
    volume("/workspace/read", "R"),
    volume("/workspace/write", "RW"),
    volume("/workspace/code", "R", GitSource(url="https://git.test/code.git")),
    volume("/outside/read", "R"),
    volume("/outside/write", "RWD"),
    volume("/kept", "RW", StandaloneSource()),
)


def request(**changes):
    """Return the request for a pod; ``changes`` go to the spec where it has such a field, else to the request."""
    of_spec = {name: changes.pop(name) for name in list(changes) if name in NotebookSpec.model_fields}
    base = PodRequest(
        notebook=NOTEBOOK,
        run=RUN,
        project="default",
        hub="hub",
        prefix=PREFIX,
        spec=SPEC.model_copy(update=of_spec),
        capabilities=CATALOG,
        settings=SETTINGS,
        has_pull=False,
        platform_variables={"NOTEBOOK_ID": str(NOTEBOOK), "NOTEBOOK_HOST": "hub.test"},
    )
    return replace(base, **changes)


def as_yaml(*objects):
    """Return objects as an operator would write them."""
    yaml, text = YAML(), StringIO()
    yaml.default_flow_style = False
    yaml.width = 1000
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump_all(objects, text)
    return text.getvalue()


def differences(base, other):
    """Return what is different in ``other``, line by line: a change of all pods then shows in one file only."""
    before, after = _flat(base), _flat(other)
    lines = []
    for path in dict.fromkeys([*before, *after]):
        if path in before and path in after and before[path] != after[path]:
            lines.append(f"~ {path}: {before[path]} -> {after[path]}")
        elif path not in after:
            lines.append(f"- {path}: {before[path]}")
        elif path not in before:
            lines.append(f"+ {path}: {after[path]}")
    return "\n".join(lines or ["no difference"]) + "\n"


def _flat(value, path=""):
    if isinstance(value, dict) and value:
        items = [(f"{path}.{key}" if path else key, each) for key, each in value.items()]
    elif isinstance(value, list) and value:
        items = [(f"{path}[{_key(each, index)}]", each) for index, each in enumerate(value)]
    else:
        return {path: value}
    return {inner: found for key, each in items for inner, found in _flat(each, key).items()}


def _key(value, index):
    if not isinstance(value, dict):
        return index
    return value.get("mountPath") or value.get("name") or value.get("key") or index
