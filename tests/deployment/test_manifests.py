"""What is deployed beside the chart: the API's shapes, the restricted standard, the fewest rights, one set of names."""

import copy
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ovh_spawner.constants import ENV_SETTINGS
from ovh_spawner.pod import images, labels
from ovh_spawner.service.runners.kubernetes import VERBS
from ovh_spawner.settings_kubernetes import ImageSettings, NetworkSettings
from tests.pod.restricted import violations
from tests.support.kubernetes_shapes import mistakes

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = sorted(path for path in DEPLOY.glob("*.yaml") if path.name != "kustomization.yaml")
OBJECTS = [each for path in FILES for each in YAML(typ="safe").load_all(path.read_text())]


def _find(kind, name):
    (found,) = [each for each in OBJECTS if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def _rules(name):
    return {
        (group, resource): frozenset(rule["verbs"])
        for rule in _find("Role", name)["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


@pytest.fixture
def service():
    return copy.deepcopy(_find("Deployment", "ovh-spawner"))


@pytest.mark.parametrize("manifest", OBJECTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_a_manifest_has_the_shape_that_the_api_describes(manifest):
    assert mistakes(manifest) == []


def test_an_unknown_or_missing_key_would_be_found(service):
    service["spec"]["replica"] = 2
    service["spec"]["template"]["spec"]["containers"][0]["tty"] = "yes"
    del service["spec"]["selector"]

    found = " ".join(mistakes(service))

    assert "Deployment.spec.replica: not known" in found
    assert "tty: bool is wanted" in found
    assert "selector" in found


def test_kustomize_applies_every_file_but_the_namespace():
    listed = YAML(typ="safe").load((DEPLOY / "kustomization.yaml").read_text())["resources"]

    assert set(listed) == {path.name for path in FILES} - {"namespace.yaml"}


def test_the_namespace_enforces_the_restricted_standard():
    assert (
        _find("Namespace", "notebooks")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        == "restricted"
    )


def test_the_service_meets_the_restricted_standard(service):
    pod = service["spec"]["template"]["spec"]

    assert violations(pod) == []
    assert pod["securityContext"]["runAsUser"] == images.USER_ID
    assert all(each["securityContext"]["readOnlyRootFilesystem"] for each in pod["containers"])


def test_the_service_has_two_replicas_probes_and_a_budget(service):
    (container,) = service["spec"]["template"]["spec"]["containers"]
    budget = _find("PodDisruptionBudget", "ovh-spawner")["spec"]

    assert service["spec"]["replicas"] == 2
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
    assert budget["minAvailable"] == 1
    assert budget["selector"] == service["spec"]["selector"]


def test_policies_find_the_service_by_the_labels_that_the_settings_have(service):
    worn = service["spec"]["template"]["metadata"]["labels"]
    wanted = NetworkSettings().service_labels

    assert wanted.items() <= worn.items()
    assert service["spec"]["selector"]["matchLabels"] == wanted
    assert _find("Service", "ovh-spawner")["spec"]["selector"] == wanted
    assert _find("NetworkPolicy", "ovh-spawner-service")["spec"]["podSelector"]["matchLabels"] == wanted


def test_pods_without_a_policy_of_their_own_reach_nothing():
    spec = _find("NetworkPolicy", "ovh-spawner-notebooks")["spec"]

    assert spec["podSelector"]["matchExpressions"] == [
        {"key": labels.COMPONENT, "operator": "In", "values": [str(each) for each in labels.Component]}
    ]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    assert "egress" not in spec


def test_the_service_runs_the_image_that_the_build_makes(service):
    (container,) = service["spec"]["template"]["spec"]["containers"]

    assert container["image"] == images.program_image(ImageSettings(), images.SERVICE)
    assert container["command"][0] == images.PYTHON


def test_the_service_reads_the_hubs_own_settings_file(service):
    pod = service["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    (mount,) = [each for each in container["volumeMounts"] if each["name"] == "settings"]
    (volume,) = [each for each in pod["volumes"] if each["name"] == "settings"]

    # Only one entry of the chart's Secret: the rest is the hub's own.
    (item,) = volume["secret"]["items"]
    assert item["key"] == "ovh-spawner-settings"
    assert environment[ENV_SETTINGS] == f"{mount['mountPath']}/{item['path']}"


@pytest.mark.parametrize("role", ["ovh-spawner-hub", "ovh-spawner-service"])
def test_a_role_has_no_wildcard_and_reads_no_secrets(role):
    rules = _rules(role)
    words = {word for key, verbs in rules.items() for word in (*key, *verbs)}

    assert "*" not in words
    assert not {"update", "patch", "deletecollection", "bind", "escalate", "impersonate"} & words
    assert rules.get(("", "secrets"), frozenset()) <= {"create", "delete"}
    assert not {"pods/exec", "pods/attach", "pods/portforward"} & words


def test_roles_stay_in_the_namespace():
    assert not {"ClusterRole", "ClusterRoleBinding"} & {each["kind"] for each in OBJECTS}


def test_the_hub_makes_pods_and_nothing_else():
    assert _rules("ovh-spawner-hub") == {
        ("", "pods"): {"get", "list", "watch", "create", "delete"},
        ("", "events"): {"list"},
    }


def test_the_service_may_do_what_its_code_says_that_it_does():
    assert _rules("ovh-spawner-service") == {key: set(verbs) for key, verbs in VERBS.items()}


def test_each_verb_has_its_reason_beside_it():
    text = (DEPLOY / "rbac.yaml").read_text()
    verbs = re.findall(r"^      - (\w+)(.*)$", text, flags=re.MULTILINE)
    bare = [verb for verb, reason in verbs if not re.fullmatch(r" # \w.{8,}", reason)]

    assert len(verbs) == sum(
        len(v) for name in ("hub", "service") for v in _rules(f"ovh-spawner-{name}").values()
    )
    assert bare == []


def test_only_the_hub_and_the_service_have_an_account_with_rights():
    bound = [
        subject["name"] for each in OBJECTS if each["kind"] == "RoleBinding" for subject in each["subjects"]
    ]

    assert sorted(bound) == ["hub", "ovh-spawner"]
