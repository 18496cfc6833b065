"""The SSH endpoint's part of the deployment: optional, unprivileged, and without any right in the cluster."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ovh_spawner.constants import ENV_SETTINGS
from ovh_spawner.pod import images, labels
from ovh_spawner.pod.containers import PORT
from ovh_spawner.settings_kubernetes import ImageSettings, NetworkSettings
from tests.pod.restricted import violations
from tests.support.kubernetes_shapes import mistakes

CHECKOUT = Path(__file__).parents[2]
DEPLOY = CHECKOUT / "deploy"


def _load(path):
    return list(YAML(typ="safe").load_all(path.read_text()))


OBJECTS = {each["kind"]: each for each in _load(DEPLOY / "ssh" / "ssh.yaml")}


@pytest.fixture
def pod():
    return OBJECTS["Deployment"]["spec"]["template"]


@pytest.fixture
def settings():
    (values,) = _load(CHECKOUT / "helm-values.yaml")
    return values["hub"]["extraFiles"]["ovh-spawner-settings"]["data"]


@pytest.mark.parametrize("kind", OBJECTS)
def test_a_manifest_has_the_shape_that_the_api_describes(kind):
    assert mistakes(OBJECTS[kind]) == []


def test_nothing_of_it_is_there_unless_an_overlay_asks_for_it(settings):
    (component,), (base,) = (_load(DEPLOY / name / "kustomization.yaml") for name in ("ssh", "."))

    assert component["kind"] == "Component"
    assert component["resources"] == ["ssh.yaml"]
    assert not any("ssh" in name for name in base["resources"])
    assert settings["ssh"]["enabled"] is False


def test_the_endpoint_is_unprivileged_and_has_no_account(pod):
    assert violations(pod["spec"]) == []
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in pod["spec"]
    assert pod["spec"]["securityContext"]["runAsUser"] == images.USER_ID
    assert all(each["securityContext"]["readOnlyRootFilesystem"] for each in pod["spec"]["containers"])


def test_the_endpoint_runs_the_image_that_the_build_makes(pod):
    (container,) = pod["spec"]["containers"]

    assert container["image"] == images.program_image(ImageSettings(), images.SSH)
    assert container["command"][0] == images.PYTHON


def test_notebooks_let_in_who_wears_these_labels(pod):
    wanted = NetworkSettings().ssh_labels

    assert wanted.items() <= pod["metadata"]["labels"].items()
    assert OBJECTS["Deployment"]["spec"]["selector"]["matchLabels"] == wanted
    assert OBJECTS["Service"]["spec"]["selector"] == wanted
    assert OBJECTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == wanted
    assert OBJECTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == wanted


def test_the_endpoint_reaches_service_gateways_and_names_and_nothing_else(settings):
    spec = OBJECTS["NetworkPolicy"]["spec"]
    service, notebooks, names = spec["egress"]

    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert service["to"] == [{"podSelector": {"matchLabels": NetworkSettings().service_labels}}]
    assert [port["port"] for port in service["ports"]] == [settings["service"]["port"]]
    (peer,) = notebooks["to"]
    assert peer["podSelector"]["matchLabels"] == {labels.COMPONENT: str(labels.Component.NOTEBOOK)}
    assert [port["port"] for port in notebooks["ports"]] == [PORT]
    assert {port["port"] for port in names["ports"]} == {53, 5353}


def test_the_service_takes_calls_of_the_endpoint():
    policies = {each["metadata"]["name"]: each for each in _load(DEPLOY / "network-policies.yaml")}
    (rule,) = policies["ovh-spawner-service"]["spec"]["ingress"]

    assert {"podSelector": {"matchLabels": NetworkSettings().ssh_labels}} in rule["from"]


def test_the_endpoint_has_the_shared_token_its_host_key_and_no_other_secret(pod, settings):
    (container,) = pod["spec"]["containers"]
    volumes = {each["name"]: each["secret"] for each in pod["spec"]["volumes"]}
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    service = next(each for each in _load(DEPLOY / "service.yaml") if each["kind"] == "Deployment")
    (of_service,) = service["spec"]["template"]["spec"]["containers"]

    assert container["envFrom"] == [{"secretRef": {"name": "ovh-spawner-ssh-token"}}]
    assert {"secretRef": {"name": "ovh-spawner-ssh-token", "optional": True}} in of_service["envFrom"]
    assert [each["name"] for each in container["env"]] == [ENV_SETTINGS]
    assert {name: [item["key"] for item in each["items"]] for name, each in volumes.items()} == {
        "settings": ["ovh-spawner-settings"],
        "host-key": ["ssh_host_key"],
    }
    assert settings["ssh"]["hostKeyFile"] == f"{mounts['host-key']}/ssh_host_key"


def test_ports_and_settings_tell_one_story(pod, settings):
    (container,) = pod["spec"]["containers"]
    (port,) = OBJECTS["Service"]["spec"]["ports"]

    assert container["ports"] == [{"name": "ssh", "containerPort": 2222}]
    assert settings["ssh"].get("port", 2222) == 2222
    assert port["port"] == settings["ssh"]["publicPort"]
    assert settings["ssh"]["host"] == "0.0.0.0"
