"""The real node: containerd and kubelet in folders and cgroups of their own, beside whatever else the machine runs."""

import json
from dataclasses import dataclass
from pathlib import Path

from ovh_spawner.loopback import free_port
from tests.cluster.machine import cgroups, images, programs
from tests.cluster.machine.control_plane import ControlPlane
from tests.cluster.machine.daemons import Daemon, wait_until
from tests.cluster.machine.network import PLUGINS, Bridge

NAME = "node-1"
# A closed port: an image that is not here fails at once, instead of asking the internet.
NOWHERE = "http://127.0.0.1:1"
CONTAINERD = """\
version = 2
root = "{state}/containerd"
state = "{state}/run"
[grpc]
  address = "{state}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{state}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  tolerate_missing_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{networks}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "{state}/runc"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{state}/registries"
"""


@dataclass
class Node:
    """The machine as a node of its own cluster."""

    state: Path
    bridge: Bridge
    control_plane: ControlPlane
    name: str = NAME

    def __post_init__(self) -> None:
        self.logs = self.state / "logs"
        self.containerd_socket = self.state / "containerd.sock"
        self.cgroup = cgroups.name_for(self.state)
        self.containerd = Daemon(
            "containerd", ["containerd", "--config", self._containerd_settings()], self.logs
        )
        self.kubelet = Daemon("kubelet", self._kubelet_command(), self.logs)

    def start(self) -> None:
        cgroups.make(self.cgroup)
        self.containerd.start()
        wait_until(self.containerd, self._answers, what="containerd to listen")
        pause = self.state / "pause.tar"
        images.write_pause_archive(pause)
        images.load(pause, self.containerd_socket)
        self.kubelet.start()

    def stop(self) -> None:
        self.kubelet.stop()
        self.containerd.stop()

    def _answers(self) -> bool:
        try:
            images.names(self.containerd_socket)
        except AssertionError:
            return False
        return True

    def _containerd_settings(self) -> Path:
        for registry in ("_default", "docker.io"):
            folder = self.state / "registries" / registry
            folder.mkdir(parents=True)
            (folder / "hosts.toml").write_text(
                f'server = "{NOWHERE}"\n[host."{NOWHERE}"]\n  capabilities = ["pull", "resolve"]\n'
            )
        networks = self.bridge.write_plugin_settings(self.state)
        path = self.state / "containerd.toml"
        path.write_text(
            CONTAINERD.format(state=self.state, pause=images.PAUSE, plugins=PLUGINS, networks=networks)
        )
        return path

    def _kubelet_command(self) -> list[str | Path]:
        authority = self.control_plane.authority
        access = authority.kubeconfig(
            "kubelet", f"system:node:{NAME}", server=self.control_plane.server, organization="system:nodes"
        )
        return [
            programs.place("kubelet"),
            f"--config={self._kubelet_settings()}",
            f"--kubeconfig={access}",
            f"--root-dir={self.state / 'kubelet'}",
            f"--hostname-override={NAME}",
            f"--node-ip={self.bridge.address}",
            "--node-labels=ovh-spawner.test/node=real",
        ]

    def _kubelet_settings(self) -> Path:
        serving = self.control_plane.authority.issue(
            "kubelet-serving",
            f"system:node:{NAME}",
            organization="system:nodes",
            hosts=(NAME, self.bridge.address),
        )
        settings = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.bridge.address,
            "port": free_port(),
            "healthzBindAddress": "127.0.0.1",
            "healthzPort": free_port(),
            "tlsCertFile": str(serving.certificate),
            "tlsPrivateKeyFile": str(serving.key),
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.control_plane.authority.certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "containerRuntimeEndpoint": f"unix://{self.containerd_socket}",
            "podLogsDir": str(self.state / "pod-logs"),
            "volumePluginDir": str(self.state / "volume-plugins"),
            "resolvConf": str(self._resolver()),
            # Some machines still run cgroup v1, and some have swap.
            "failCgroupV1": False,
            "failSwapOn": False,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.cgroup}",
            "enforceNodeAllocatable": [],
            # A full disk of the machine is not this test's business.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "nodeStatusUpdateFrequency": "2s",
            "nodeStatusReportFrequency": "10s",
            "nodeLeaseDurationSeconds": 8,
            "syncFrequency": "5s",
            "shutdownGracePeriod": "0s",
        }
        path = self.state / "kubelet.json"
        path.write_text(json.dumps(settings, indent=1))
        return path

    def _resolver(self) -> Path:
        """Pods have no name server: whatever they need they get by address."""
        path = self.state / "resolv.conf"
        path.write_text("options timeout:1 attempts:1\n")
        return path
