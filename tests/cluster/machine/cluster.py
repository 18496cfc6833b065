"""Puts the parts together: a whole cluster for a test session or a developer, or one that somebody else runs."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.machine import images, leftovers
from tests.cluster.machine.api import Api, is_ready
from tests.cluster.machine.control_plane import ControlPlane
from tests.cluster.machine.fake_nodes import FakeNodes
from tests.cluster.machine.network import Bridge, make_bridge
from tests.cluster.machine.node import NAME, Node
from tests.cluster.machine.storage import FolderProvisioner


@dataclass
class Machine:
    """What only our own cluster has: its parts can be stopped, killed and given images."""

    state: Path
    bridge: Bridge
    control_plane: ControlPlane
    node: Node
    fake_nodes: FakeNodes

    def load(self, archive: Path) -> None:
        images.load(archive, self.node.containerd_socket)

    def last_words(self) -> str:
        daemons = [*self.control_plane.daemons, self.node.containerd, self.node.kubelet]
        return "\n".join(daemon.last_words() for daemon in daemons)


@dataclass
class Cluster:
    """A cluster to test on; ``machine`` is empty when KUBECONFIG named a foreign one."""

    kubeconfig: Path
    api: Api
    machine: Machine | None

    @property
    def address(self) -> str:
        """Where pods reach programs of this machine."""
        return self.machine.bridge.address if self.machine else os.environ.get("OVH_SPAWNER_TEST_ADDRESS", "")


@contextmanager
def given_cluster(kubeconfig: Path) -> Iterator[Cluster]:
    with Api(kubeconfig) as api:
        yield Cluster(kubeconfig, api, machine=None)


@contextmanager
def own_cluster(*, has_audit: bool = False) -> Iterator[Cluster]:
    """Start everything, and leave nothing behind."""
    leftovers.remove_dead()
    state = leftovers.new_state()
    with ExitStack() as ends:
        ends.callback(leftovers.remove, state)
        bridge = make_bridge()
        leftovers.remember_bridge(state, bridge)
        control_plane = ControlPlane(state, bridge.address, has_audit=has_audit)
        ends.callback(control_plane.stop)
        control_plane.start()
        node = Node(state, bridge, control_plane)
        ends.callback(node.stop)
        node.start()
        api = ends.enter_context(Api(control_plane.kubeconfig))
        ends.callback(_delete_pods, api)
        provisioner = FolderProvisioner(api, state / "claims")
        ends.callback(provisioner.stop)
        provisioner.start()
        fake_nodes = FakeNodes(state, control_plane, api)
        ends.callback(fake_nodes.stop)
        machine = Machine(state, bridge, control_plane, node, fake_nodes)
        try:
            api.wait("nodes", NAME, is_ready)
        except AssertionError as error:
            error.add_note(machine.last_words())
            raise
        yield Cluster(control_plane.kubeconfig, api, machine)


def _delete_pods(api: Api) -> None:
    """Ask the cluster to take its pods off the node; what is left after that is ended as processes."""
    if not api.is_ready():
        return
    for namespace in api.items("namespaces"):
        name = namespace["metadata"]["name"]
        api.call("DELETE", f"/api/v1/namespaces/{name}/pods", params={"gracePeriodSeconds": 0})
