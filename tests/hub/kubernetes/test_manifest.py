"""The pod that a cluster is given: the plan over what the operator configured, nothing of what a person sent."""

import json

import pytest

from ovh_spawner.hub.pod_manifest import lay_over
from ovh_spawner.pod.refusals import read_refusal


@pytest.fixture
def pod(api, hub, notebook):
    def make(**options):
        hub.begin(notebook.user, **options)
        hub.wait_for_ready(notebook.user)
        return api.get("pods", notebook.pod)

    return make


def test_an_operators_settings_and_hook_are_kept(pod, notebook):
    made = pod()

    containers = {c["name"]: c for c in made["spec"]["containers"]}
    assert list(containers) == ["gateway", "editor", "watcher"]
    assert {"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"} in containers["editor"]["env"]
    assert {"key": "notebooks", "operator": "Exists"} in made["spec"]["tolerations"]
    assert made["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert made["metadata"]["annotations"]["operator/mark"] == notebook.user
    assert made["metadata"]["labels"]["component"] == "singleuser-server"


def test_the_hubs_token_is_nowhere_in_the_pod(pod):
    made = json.dumps(pod())

    assert "JUPYTERHUB" not in made
    assert "gateway-secret" not in made
    assert "my own" not in made


def test_options_that_somebody_made_by_hand_choose_nothing(pod, hub, notebook):
    forged = {
        "image": "evil:1",
        "profile": "root",
        "node_selector": {"kubernetes.io/hostname": "control-plane"},
        "kubespawner_override": {"privileged": True},
        "volumes": [{"name": "x", "secret": {"secretName": "of-somebody-else"}}],
        "pod_name": "nb-of-somebody-else",
    }

    made = pod(**forged)

    text = json.dumps(made)
    assert not [word for word in ("evil", "control-plane", "somebody-else") if word in text]
    assert hub.server(notebook.user)["user_options"] == {"notebook": notebook.id, "revision": 1}
    assert made["metadata"]["name"] == notebook.pod


def test_the_pod_holds_what_a_restricted_namespace_asks_for(pod):
    spec = pod()["spec"]

    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["restartPolicy"] == "Never"
    assert spec["terminationGracePeriodSeconds"] == 60
    assert spec["securityContext"]["runAsNonRoot"] is True


def test_braces_in_what_a_person_typed_stay_as_they_are():
    plan = _pod([{"name": "editor", "command": ["run", "{username}", "{0}", "{unclosed"]}])

    laid = lay_over(_pod([{"name": "notebook"}]), plan, variables={})

    assert laid["spec"]["containers"][0]["command"] == ["run", "{username}", "{0}", "{unclosed"]


def test_the_plan_wins_where_both_say_something():
    base = _pod([{"name": "notebook", "image": "hub"}], restartPolicy="OnFailure", schedulerName="theirs")
    base["metadata"]["labels"] = {"a": "theirs", "b": "theirs"}
    plan = _pod([{"name": "editor", "image": "ours"}], restartPolicy="Never")
    plan["metadata"]["labels"] = {"a": "ours"}

    laid = lay_over(base, plan, variables={})

    assert [c["image"] for c in laid["spec"]["containers"]] == ["ours"]
    assert (laid["spec"]["restartPolicy"], laid["spec"]["schedulerName"]) == ("Never", "theirs")
    assert laid["metadata"]["labels"] == {"a": "ours", "b": "theirs"}


def test_an_operators_mount_does_not_hide_one_of_the_notebook():
    theirs = {"name": "shared", "mountPath": "/shared"}
    hiding = {"name": "home", "mountPath": "/workspace"}
    ours = {"name": "claim", "mountPath": "/workspace"}
    base = _pod([{"name": "notebook", "volumeMounts": [theirs, hiding]}])

    laid = lay_over(base, _pod([{"name": "editor", "volumeMounts": [ours]}]), variables={})

    assert laid["spec"]["containers"][0]["volumeMounts"] == [ours, theirs]


@pytest.mark.parametrize(
    ("said", "words", "advice"),
    [
        (
            'pods "x" is forbidden: exceeded quota: team, requested: pods=1, used: pods=2, limited: pods=2',
            "this needs 1 of pods; in use: 2 of pods, of at most 2 of pods",
            "Stop a notebook that is not needed, or choose less hardware.",
        ),
        (
            "exceeded quota: t, requested: requests.nvidia.com/gpu=2, used: pods=1, limited: pods=4",
            "this needs 2 of GPUs",
            "choose less hardware.",
        ),
        (
            (
                "exceeded quota: t, requested: ssd.storageclass.storage.k8s.io/requests.storage=5Gi,"
                "persistentvolumeclaims=1, used: requests.storage=6Gi, limited: x=1"
            ),
            "this needs 5Gi of storage, 1 of disks; in use: 6Gi of storage",
            "Delete a notebook that is not needed, or tell the operator.",
        ),
        (
            "exceeded quota: t, requested: count/networkpolicies.networking.k8s.io=1, used: secrets=3, limited: y=2",
            "this needs 1 of objects; in use: 3 of secrets",
            "Tell the operator.",
        ),
        (
            'pods "x" is forbidden: [maximum memory usage per Container is 2Gi, but limit is 4Gi]',
            "at most 2Gi of memory per container, and this needs 4Gi",
            "Choose another number of units.",
        ),
        (
            "minimum cpu usage per Container is 500m, but request is 250m",
            "at least 500m of CPUs per container, and this needs 250m",
            "Tell the operator.",
        ),
        (
            "maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 50Gi",
            "at most 10Gi of disk per notebook, and this needs 50Gi",
            "Tell the operator.",
        ),
        (
            'User "system:serviceaccount:a:hub" cannot create resource "pods"',
            "may not do this in its cluster",
            "Tell the operator.",
        ),
        (
            'admission webhook "gatekeeper" denied the request: you cannot do that',
            "The cluster's rules refuse this",
            "Tell the operator.",
        ),
    ],
)
def test_a_clusters_no_is_one_plain_sentence(said, words, advice):
    refusal = read_refusal(said)

    assert words in refusal.message
    assert refusal.message.endswith(advice)
    assert refusal.is_callers == (advice != "Tell the operator.")


def _pod(containers, **spec):
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x"},
        "spec": {"containers": containers, **spec},
    }
