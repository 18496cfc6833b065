"""What every pod holds true, whatever was asked for."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kubernetes_asyncio.client import models
from pydantic import SecretStr

from ovh_spawner.errors import StartFailedError
from ovh_spawner.pod.claim import plan_claim
from ovh_spawner.pod.job import plan_sync_job
from ovh_spawner.pod.labels import QUEUE, Component, Subject, label_value, labels_of, selector
from ovh_spawner.pod.names import environment_secret_name
from ovh_spawner.pod.network import plan_run_policy
from ovh_spawner.pod.plan import plan_pod
from ovh_spawner.pod.secrets import plan_environment_secret
from tests.pod.building import (
    CATALOG,
    NOTEBOOK,
    RUN,
    SETTINGS,
    SUBJECT,
    SYNC,
    VOLUMES,
    request,
    volume,
)

LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
EVERY_FLAVOR = [(flavor.id, count) for flavor in CATALOG.flavors for count in (1, flavor.max)]


def unknown_keys(value, type_name, path=""):
    """Return keys that the API does not know: it drops them without a word."""
    if inner := re.fullmatch(r"list\[(.*)\]", type_name):
        return [
            found for i, each in enumerate(value) for found in unknown_keys(each, inner[1], f"{path}[{i}]")
        ]
    model = getattr(models, type_name, None)
    if model is None or not isinstance(value, dict):
        return []
    types = {key: model.openapi_types[name] for name, key in model.attribute_map.items()}
    found = [f"{path}.{key}" for key in value.keys() - types.keys()]
    for key in value.keys() & types.keys():
        found += unknown_keys(value[key], types[key], f"{path}.{key}")
    return found


@pytest.mark.parametrize(
    ("manifest", "type_name"),
    [
        (plan_pod(request(has_pull=True, volumes=VOLUMES)), "V1Pod"),
        (plan_sync_job(SUBJECT, SYNC, SETTINGS.kubernetes, flavor=CATALOG.flavors[0]), "V1Job"),
        (plan_claim(SUBJECT, SETTINGS.kubernetes.storage), "V1PersistentVolumeClaim"),
        (plan_run_policy(SUBJECT, SETTINGS.kubernetes.network, service_port=1), "V1NetworkPolicy"),
        (plan_environment_secret(SUBJECT, {"A": SecretStr("b")}), "V1Secret"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_api_knows_every_key_that_we_write(manifest, type_name):
    assert unknown_keys(manifest, type_name) == []
    assert json.loads(json.dumps(manifest)) == manifest


@pytest.mark.parametrize(("flavor", "count"), EVERY_FLAVOR)
def test_every_container_asks_for_what_it_is_limited_to(flavor, count):
    spec = plan_pod(request(flavor=flavor, count=count, has_pull=True))["spec"]

    for container in [*spec["initContainers"], *spec["containers"]]:
        resources = container["resources"]
        assert resources["requests"] == resources["limits"]
        assert {"cpu", "memory", "ephemeral-storage"} <= resources["limits"].keys()


@pytest.mark.parametrize(("flavor", "count"), EVERY_FLAVOR)
def test_the_pull_reserves_nothing_that_the_notebook_does_not(flavor, count):
    spec = plan_pod(request(flavor=flavor, count=count, has_pull=True))["spec"]
    (data,), (_, editor) = spec["initContainers"], spec["containers"]

    amounts = data["resources"]["limits"]
    assert amounts.items() <= editor["resources"]["limits"].items()
    assert not any("/" in name for name in amounts)


def test_cards_go_to_the_editor_only():
    gateway, editor = plan_pod(request(count=2))["spec"]["containers"]

    assert editor["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert "nvidia.com/gpu" not in gateway["resources"]["limits"]


def test_a_notebook_without_cards_cannot_see_those_of_its_node():
    editor = plan_pod(request(flavor="ai1-1-cpu"))["spec"]["containers"][1]

    assert {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"} in editor["env"]


def test_the_editor_sees_no_secret_of_ours_and_no_state_of_the_data_sync():
    spec = plan_pod(request(has_pull=True, volumes=VOLUMES))["spec"]
    secrets = {volume["name"] for volume in spec["volumes"] if "secret" in volume}
    mounts = spec["containers"][1]["volumeMounts"]

    assert secrets.isdisjoint(mount["name"] for mount in mounts)
    claim = [mount for mount in mounts if mount["name"] == "files"]
    assert all(mount["subPath"].split("/")[0] in {"home", "volumes"} for mount in claim)


def test_gateway_and_pull_see_each_its_own_file_only():
    spec = plan_pod(request(has_pull=True))["spec"]
    keys = {
        v["name"]: [item["key"] for item in v["secret"]["items"]] for v in spec["volumes"] if "secret" in v
    }
    seen = {
        container["name"]: [keys[m["name"]] for m in container["volumeMounts"] if m["name"] in keys]
        for container in [*spec["initContainers"], *spec["containers"]]
    }

    assert seen == {"data": [["pull.json"]], "gateway": [["gateway.json"]], "editor": []}


def test_volumes_that_are_read_only_cannot_be_written_by_the_editor():
    mounts = plan_pod(request(volumes=VOLUMES))["spec"]["containers"][1]["volumeMounts"]
    by_path = {mount["mountPath"]: mount.get("readOnly", False) for mount in mounts}

    assert by_path["/workspace/read"] is by_path["/workspace/code"] is by_path["/outside/read"] is True
    assert by_path["/outside/write"] is by_path["/kept"] is by_path["/workspace"] is False
    assert "/workspace/write" not in by_path


def test_a_persons_variables_stand_in_a_secret_and_not_in_the_pod_where_ours_are():
    pod = plan_pod(request(environment={"TOKEN": SecretStr("very-secret-value")}))
    editor = pod["spec"]["containers"][1]

    assert editor["envFrom"] == [{"secretRef": {"name": environment_secret_name(RUN)}}]
    assert {"NOTEBOOK_ID", "HOME"} <= {variable["name"] for variable in editor["env"]}
    assert "TOKEN" not in json.dumps(editor["env"])
    assert "very-secret-value" not in json.dumps(pod)


def test_what_a_user_typed_is_in_no_label():
    pod = plan_pod(request(name="my own name", labels={"group": "mine"}))

    assert not {"my own name", "mine", "group"} & set(json.dumps(pod["metadata"]).split('"'))


def test_open_and_restricted_notebooks_have_the_same_pod():
    assert plan_pod(request(open_access=True)) == plan_pod(request(open_access=False))


def test_the_queue_is_named_where_there_is_one_and_a_push_never_waits_in_it():
    settings = SETTINGS.model_copy(
        update={"kubernetes": SETTINGS.kubernetes.model_copy(update={"queue_name": "gpus"})}
    )

    assert plan_pod(request(settings=settings))["metadata"]["labels"][QUEUE] == "gpus"
    assert QUEUE not in plan_sync_job(SUBJECT, SYNC, settings.kubernetes, flavor=None)["metadata"]["labels"]


@pytest.mark.parametrize("change", [{"editor": "emacs"}, {"flavor": "gone"}])
def test_what_is_not_offered_any_more_is_told_in_a_sentence(change):
    with pytest.raises(StartFailedError, match="is not offered here any more"):
        plan_pod(request(**change))


def expanded(text, variables):
    """Do what a kubelet does to commands and variables: $(NAME) is filled in, $$ is a dollar sign."""
    return re.sub(
        r"\$(?:(\$)|\(([^)]*)\))",
        lambda m: "$" if m[1] else variables.get(m[2], m[0]),
        text,
    )


ODD_TEXT = st.text(alphabet="ab${}()%\n\\\"'/é", max_size=30)


@settings(max_examples=200, deadline=None)
@given(ODD_TEXT)
def test_a_prefix_arrives_in_the_editors_command_as_it_is(text):
    command = plan_pod(request(prefix=f"/user/{text}/"))["spec"]["containers"][1]["command"]
    filled = [expanded(word, {"a": "x", "b": "y", "": "z"}) for word in command]

    assert f"--ServerApp.base_url=/user/{text}/" in filled


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_every_text_becomes_a_label_value_that_a_cluster_takes(text):
    value = label_value(text)

    assert len(value) <= 63
    assert LABEL_VALUE.fullmatch(value)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_different_projects_have_different_labels(first, second):
    assert (label_value(first) == label_value(second)) is (first == second)


def test_labels_leave_out_what_does_not_apply():
    labels = labels_of(Subject(notebook=NOTEBOOK, project="p", hub="h"), Component.SYNC)

    assert labels == {
        "app.kubernetes.io/part-of": "ovh-spawner",
        "ovh-spawner/component": "sync",
        "ovh-spawner/notebook": str(NOTEBOOK),
        "ovh-spawner/project": "p",
        "ovh-spawner/hub": "h",
    }


def test_a_selector_names_us_and_what_is_looked_for():
    assert selector(run=str(RUN), component="notebook") == (
        f"app.kubernetes.io/part-of=ovh-spawner,ovh-spawner/component=notebook,ovh-spawner/run={RUN}"
    )


PATH_PART = st.text(
    st.characters(codec="utf-8", exclude_characters="/:\\", exclude_categories=("C", "Z")),
    min_size=1,
    max_size=8,
)
MOUNT_PATHS = st.builds(
    lambda top, parts: "/".join([top, *parts]),
    st.sampled_from(["/workspace", "/data", "/elsewhere", ""]),
    st.lists(PATH_PART.filter(lambda part: part not in {".", ".."}), min_size=1, max_size=3),
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(MOUNT_PATHS, st.sampled_from(["R", "RW", "RWD"])), max_size=10, unique_by=lambda v: v[0]
    )
)
def test_any_volumes_are_mounted_once_each_and_within_the_claim(chosen):
    volumes = tuple(volume(path, permission) for path, permission in chosen)
    mounts = plan_pod(request(volumes=volumes))["spec"]["containers"][1]["volumeMounts"]
    places = [mount["mountPath"] for mount in mounts]

    assert len(places) == len(set(places))
    for mount in mounts:
        steps = mount.get("subPath", "x").split("/")
        assert "" not in steps
        assert ".." not in steps
    for path, permission in chosen:
        inside = path.startswith("/workspace/") and permission != "R"
        assert (path in places) is not inside
