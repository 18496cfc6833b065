"""What the cluster's own rules refuse is told in plain words, and leaves nothing behind."""

from contextlib import contextmanager

import pytest

from tests.cluster.notebooks import notebook
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.journey, pytest.mark.timeout(600)]


@contextmanager
def _rule(installed, kind, thing):
    api, namespace = installed.cluster.api, installed.namespace
    name = thing["metadata"]["name"]
    api.create(kind, thing, namespace=namespace)
    try:
        yield
    finally:
        api.delete(kind, name, namespace=namespace)
        api.wait_gone(kind, name, namespace=namespace)


def _refused(installed, name):
    with notebook(installed, name) as made:
        status = made.wait("FAILED", "ERROR")
        made.wait_released()
        assert made.pod() is None
        assert made.usage()["minutes"] == 0
        return status["info"]["message"]


def test_a_full_resource_quota_is_told(installed):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "no-pods"},
        "spec": {"hard": {"pods": "0"}},
    }
    with _rule(installed, "resourcequotas", quota):
        wait_for(
            lambda: installed.cluster.api.get("resourcequotas", "no-pods", namespace=installed.namespace).get(
                "status"
            ),
            what="the quota to be counted",
        )
        said = _refused(installed, "over-quota")

    assert "quota" in said.lower()
    assert "exceeded quota: no-pods" not in said


def test_a_limit_range_that_allows_less_is_told(installed):
    limits = {
        "apiVersion": "v1",
        "kind": "LimitRange",
        "metadata": {"name": "tiny"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]},
    }
    with _rule(installed, "limitranges", limits):
        said = _refused(installed, "too-large")

    assert "memory" in said
    assert "limits.memory" not in said


def test_a_notebooks_own_account_can_do_nothing(installed):
    with notebook(installed, "powerless") as made:
        made.wait("RUNNING")
        account = made.pod()["spec"].get("serviceAccountName", "default")
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"system:serviceaccount:{installed.namespace}:{account}",
                "groups": ["system:serviceaccounts", "system:authenticated"],
            },
        }
        for verb, resource in (("list", "pods"), ("get", "secrets"), ("create", "pods"), ("list", "nodes")):
            asked = {"verb": verb, "resource": resource, "namespace": installed.namespace}
            body = review | {"spec": review["spec"] | {"resourceAttributes": asked}}
            answer = installed.cluster.api.call(
                "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", json=body
            ).json()
            assert answer["status"]["allowed"] is False, asked
        assert made.run("sh", "-c", "ls /var/run/secrets 2>/dev/null | wc -l").strip() == "0"
        made.stop()
        made.wait("STOPPED")
