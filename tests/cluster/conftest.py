"""``cluster``: ours, or the one that KUBECONFIG names. ``namespace``: a fresh, restricted one."""

import os
import uuid
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster import notebook_images
from tests.cluster.accounts import make_accounts
from tests.cluster.installation import installation
from tests.cluster.machine import programs
from tests.cluster.machine.cluster import given_cluster, own_cluster
from tests.cluster.s3_store import versity_store
from tests.support.requirements import need

RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}


@pytest.fixture(scope="session")
def cluster():
    if given := os.environ.get("KUBECONFIG"):
        with given_cluster(Path(given)) as running:
            yield running
        return
    reason = programs.why_not()
    need("cluster", not reason, reason)
    need("cluster", not programs.missing(), "make test-cluster builds Kubernetes first")
    with own_cluster() as running:
        yield running


@pytest.fixture(scope="session")
def machine(cluster):
    """The parts of our own cluster, for tests that stop or kill them."""
    need("cluster", cluster.machine, "a cluster that KUBECONFIG names is not ours to break")
    return cluster.machine


@contextmanager
def fresh_namespace(cluster):
    """A namespace that admits restricted pods only; it goes with all that is in it."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    metadata = {"name": name, "labels": RESTRICTED}
    cluster.api.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    cluster.api.wait("serviceaccounts", "default", bool, namespace=name)
    yield name
    cluster.api.delete("namespaces", name)


@pytest.fixture
def namespace(cluster):
    with fresh_namespace(cluster) as name:
        yield name


@pytest.fixture(scope="module")
def installed(cluster, tmp_path_factory):
    """A whole installation with an S3 store; its notebooks are pods of our images in a restricted namespace."""
    need(
        "cluster",
        cluster.address,
        "OVH_SPAWNER_TEST_ADDRESS must name this machine as your cluster's pods reach it",
    )
    notebook_images.load(cluster, "jupyterlab")
    folder = tmp_path_factory.mktemp("installed")
    with fresh_namespace(cluster) as name, versity_store(folder / "store", host=cluster.address) as store:
        accounts = make_accounts(cluster, name, folder)
        with installation(cluster, name, folder / "state", store=store, kubeconfigs=accounts) as running:
            yield running
