"""A real API server takes every object that we plan, word for word, where only restricted pods are admitted."""

import json
import subprocess
import sys

import pytest
from pydantic import SecretStr

from ovh_spawner.pod.claim import plan_claim
from ovh_spawner.pod.job import plan_sync_job
from ovh_spawner.pod.network import plan_run_policy, plan_sync_policy
from ovh_spawner.pod.plan import plan_pod
from ovh_spawner.pod.secrets import plan_environment_secret, plan_run_secret, plan_sync_secret
from ovh_spawner.settings_kubernetes import NetworkSettings
from tests.pod.building import CATALOG, SETTINGS, SUBJECT, SYNC, VOLUMES, request
from tests.pod.test_golden_objects import GATEWAY, OF_SYNC, STORES, job
from tests.pod.test_golden_pods import VARIANTS

pytestmark = pytest.mark.cluster

# These name a RuntimeClass and a PriorityClass of somebody's cluster.
PODS = {
    name: changes for name, changes in VARIANTS.items() if name not in {"operator", "flavor-with-placement"}
}
NETWORK = NetworkSettings.model_validate(
    {"allowed": ["10.20.0.0/16"], "denied": ["203.0.113.9", "2400::/12"]}
)
STRICTLY = {"dryRun": "All", "fieldValidation": "Strict"}
PLACES = {
    "Pod": "api/v1/namespaces/{}/pods",
    "Secret": "api/v1/namespaces/{}/secrets",
    "PersistentVolumeClaim": "api/v1/namespaces/{}/persistentvolumeclaims",
    "ConfigMap": "api/v1/namespaces/{}/configmaps",
    "Job": "apis/batch/v1/namespaces/{}/jobs",
    "NetworkPolicy": "apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
}


def offered(cluster, namespace, thing):
    """Return what the API server would store."""
    place = PLACES[thing["kind"]].format(namespace)
    answer = cluster.api.call("POST", f"/{place}", params=STRICTLY, json=thing)
    assert answer.status_code == 201, answer.text
    assert "Warning" not in answer.headers, answer.headers["Warning"]
    return answer.json()


@pytest.mark.parametrize("name", PODS)
def test_every_pod_is_admitted_and_guaranteed(cluster, namespace, name):
    stored = offered(cluster, namespace, plan_pod(request(**PODS[name])))

    assert stored["status"]["qosClass"] == "Guaranteed"
    assert not any("projected" in volume for volume in stored["spec"]["volumes"])


def test_a_pod_with_every_volume_is_admitted(cluster, namespace):
    offered(cluster, namespace, plan_pod(request(has_pull=True, volumes=VOLUMES)))


@pytest.mark.parametrize(
    "thing",
    [
        plan_claim(SUBJECT, SETTINGS.kubernetes.storage),
        plan_run_secret(SUBJECT, GATEWAY, job("pull")),
        plan_environment_secret(SUBJECT, {"A": SecretStr("a{b}$(HOME)\n\u00e9")}),
        plan_sync_secret(OF_SYNC, job("push")),
        plan_sync_job(OF_SYNC, SYNC, SETTINGS.kubernetes, flavor=CATALOG.flavors[0]),
        plan_run_policy(SUBJECT, NETWORK, service_port=8002, stores=STORES),
        plan_sync_policy(OF_SYNC, NETWORK, stores=STORES),
    ],
    ids=lambda thing: f"{thing['kind']}-{thing['metadata']['name'].split('-')[0]}",
)
def test_everything_around_a_pod_is_admitted(cluster, namespace, thing):
    offered(cluster, namespace, thing)


def test_the_check_of_the_network_is_admitted_as_well(cluster, namespace, tmp_path):
    settings = tmp_path / "settings.yaml"
    settings.write_text("deployment: {mode: kubernetes, publicUrl: https://notebooks.example.org}")
    command = [
        sys.executable,
        "-m",
        "ovh_spawner.cli",
        "check-network",
        "--print-job",
        "--settings",
        settings,
    ]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    made = {thing["kind"]: thing for thing in json.loads(told.stdout)["items"]}
    pod = {"apiVersion": "v1", "kind": "Pod", **made["Job"]["spec"]["template"]}
    pod["metadata"] = {**pod["metadata"], "name": "check"}

    for thing in (*made.values(), pod):
        offered(cluster, namespace, thing)


def test_a_jobs_pod_is_admitted_as_well(cluster, namespace):
    template = plan_sync_job(OF_SYNC, SYNC, SETTINGS.kubernetes, flavor=None)["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "push"}, "spec": template["spec"]}

    assert offered(cluster, namespace, pod)["status"]["qosClass"] == "Guaranteed"
