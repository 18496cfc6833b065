"""Fake nodes for mass tests (kwok): pods on them become Ready, end and go, and cost no memory."""

from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.machine import programs
from tests.cluster.machine.api import Api, is_ready
from tests.cluster.machine.control_plane import ControlPlane
from tests.cluster.machine.daemons import Daemon

MARK_NAME = "kwok.x-k8s.io/node"
MARK = {MARK_NAME: "fake"}
TAINT = {"key": "ovh-spawner.test/fake", "value": "true", "effect": "NoSchedule"}


@dataclass
class FakeNodes:
    """Starts with the first fake node that a test asks for."""

    state: Path
    control_plane: ControlPlane
    api: Api
    kwok: Daemon | None = field(default=None, init=False)

    def add(self, count: int, *, capacity: dict[str, str] | None = None) -> list[str]:
        """Add nodes with a taint that only pods made for them tolerate, and wait until they are Ready."""
        self._start()
        names = [f"fake-{number}" for number in range(count)]
        for name in names:
            self.api.create("nodes", _node(name, capacity or {}))
        for name in names:
            self.api.wait("nodes", name, is_ready)
        return names

    def remove(self, names: list[str]) -> None:
        for name in names:
            self.api.delete("nodes", name)

    def stop(self) -> None:
        if self.kwok:
            self.kwok.stop()

    def _start(self) -> None:
        if self.kwok:
            return
        command = [
            programs.place("kwok"),
            f"--kubeconfig={self.control_plane.kubeconfig}",
            f"--config={programs.stages_file()}",
            "--manage-all-nodes=false",
            f"--manage-nodes-with-annotation-selector={MARK_NAME}={MARK[MARK_NAME]}",
            "--node-lease-duration-seconds=40",
        ]
        self.kwok = Daemon("kwok", command, self.control_plane.logs)
        self.kwok.start()


def _node(name: str, capacity: dict[str, str]) -> dict[str, object]:
    room = {"cpu": "64", "memory": "512Gi", "pods": "250", "ephemeral-storage": "1Ti"} | capacity
    labels = {"kubernetes.io/hostname": name, "ovh-spawner.test/node": "fake"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": MARK, "labels": labels},
        "spec": {"taints": [TAINT]},
        "status": {"capacity": room, "allocatable": room, "phase": "Running"},
    }
