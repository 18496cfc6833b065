"""What ``deploy/`` and our images say, for real: hub and two services in pods, one PostgreSQL, rights as deployed."""

import pytest

from ovh_spawner.loopback import free_port
from tests.cluster import notebook_images
from tests.cluster.conftest import fresh_namespace
from tests.cluster.deployed import SERVICE_PODS, Deployed, database_server
from tests.cluster.notebooks import SECONDS, WORDS, WRITTEN, notebook
from tests.cluster.s3_store import versity_store
from tests.support.postgresql import find_programs
from tests.support.requirements import need
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.journey, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def deployed(cluster, machine, tmp_path_factory):
    """An installation whose hub and services run in pods; a front stands for what this cluster does not have."""
    need("postgresql", find_programs(), "PostgreSQL's programs are not on this machine")
    notebook_images.load(cluster, "jupyterlab", *notebook_images.DEPLOYED)
    folder, port = tmp_path_factory.mktemp("deployed"), free_port()
    with (
        fresh_namespace(cluster) as name,
        versity_store(folder / "store", host=cluster.address) as store,
        database_server(port),
        Deployed(cluster, name, folder, store, port).running() as running,
    ):
        yield running


def test_a_notebook_lives_through_the_end_of_a_service_and_of_the_hub(deployed, cluster):
    with notebook(deployed, "deployed", bucket="deployed") as made:
        made.work()
        [hub] = deployed.pods("component=hub")
        deployed.kill(hub)
        deployed.wait_until_ready()
        assert made.run("cat", f"/workspace/data/{WRITTEN}") == WORDS

        deployed.store.go_away()
        made.stop()
        wait_for(lambda: "jobs" in made.things(), what="the push", seconds=SECONDS)
        for pod in deployed.pods(SERVICE_PODS)[:1]:
            deployed.kill(pod)
        deployed.store.come_back()
        wait_for(made.is_saved, what="the file in the bucket", seconds=SECONDS)
        made.wait("STOPPED")
        made.wait_clean()
        assert made.usage()["minutes"] >= 1

        made.start()
        made.wait("RUNNING")
        assert made.run("cat", f"/workspace/data/{WRITTEN}") == WORDS
    assert cluster.api.items("persistentvolumeclaims", namespace=deployed.namespace) == []


def test_a_drain_of_nodes_leaves_one_service_at_work(deployed, cluster):
    deployed.wait_until_ready()
    first, second = deployed.pods(SERVICE_PODS)

    assert evict(deployed, cluster, first).status_code == 201
    assert evict(deployed, cluster, second).status_code == 429


def evict(deployed, cluster, pod):
    path = f"/api/v1/namespaces/{deployed.namespace}/pods/{pod}/eviction"
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    return cluster.api.call("POST", path, json=body)
