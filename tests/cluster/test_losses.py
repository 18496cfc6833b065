"""What is gone and does not come back by itself: a node, a claim, a data store for a while."""

import time

import pytest

from tests.cluster.machine.api import is_ready
from tests.cluster.notebooks import GIVEN, SECONDS, notebook
from tests.support.kills import report
from tests.support.requirements import LONG, long_only
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.journey, pytest.mark.timeout(900)]

STORE_AWAY_SECONDS = 120 if LONG else 20


@pytest.fixture
def other_nodes(machine):
    """Where every node is lost, a cluster takes its own network for broken, and evicts nobody."""
    names = machine.fake_nodes.add(3)
    yield
    machine.fake_nodes.remove(names)


def _is_lost(made):
    return made.status["state"] != "RUNNING"


@pytest.mark.usefixtures("other_nodes")
def test_a_lost_node_ends_the_notebook_and_its_files_come_back_with_the_node(installed, cluster, machine):
    with notebook(installed, "lost", bucket="lost") as made:
        made.work()
        made.breaks(is_proof_lost=True)
        machine.node.kubelet.kill()
        try:
            cluster.api.wait("nodes", machine.node.name, lambda node: not is_ready(node), seconds=60)
            wait_for(lambda: _is_lost(made), what="the loss to be noticed", seconds=SECONDS)
        finally:
            machine.node.kubelet.start()
        cluster.api.wait("nodes", machine.node.name, is_ready)

        made.check("the node is lost, and comes back", "running")


@long_only
def test_a_node_that_is_deleted_ends_the_notebook_and_its_files_come_back_with_it(
    installed, cluster, machine
):
    with notebook(installed, "deleted-node", bucket="deleted-node") as made:
        made.work()
        made.breaks(is_proof_lost=True)
        machine.node.kubelet.kill()
        cluster.api.delete("nodes", machine.node.name)
        try:
            wait_for(lambda: _is_lost(made), what="the loss to be noticed", seconds=SECONDS)
        finally:
            machine.node.kubelet.start()
            cluster.api.wait("nodes", machine.node.name, is_ready)

        made.check("the node is deleted, and added again", "running")


def test_a_claim_that_somebody_deleted_is_told_and_nothing_in_the_bucket_goes_with_it(installed, cluster):
    with notebook(installed, "no-claim", bucket="no-claim") as made:
        made.work()
        cluster.api.delete("persistentvolumeclaims", made.pod_name, namespace=installed.namespace)
        made.stop()
        status = made.wait("SYNC_FAILED")

        assert "disk" in status["info"]["message"]
        assert installed.store.get("no-claim", GIVEN) == b"given"
        made.wait_released()
        held = ["no hold left", "one end", "no stray object", made.check_the_bill()]
        held.append("nothing in the bucket was changed; the loss is said in plain words")
        report("the claim is deleted behind our back", "running", "SYNC_FAILED", held=held)


def test_a_store_that_is_away_gets_the_files_when_it_is_back(installed):
    with notebook(installed, "store-away", bucket="store-away") as made:
        made.work()
        with installed.store.unavailable():
            back_at = time.monotonic() + STORE_AWAY_SECONDS
            made.stop()
            wait_for(lambda: made.pod() is None, what="the hardware to be free", seconds=SECONDS)
            made.times.ended()
            wait_for(lambda: time.monotonic() > back_at, what="the time", seconds=2 * STORE_AWAY_SECONDS)

        made.check(f"the data store answers 503 for {STORE_AWAY_SECONDS} seconds", "push after the stop")
