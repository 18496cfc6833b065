"""The bridge between this machine and the pods: a free private range, no way out of the machine.

Programs on the machine (API server, hub, service, stores) listen on the bridge's address; pods reach them there, and
they reach the pods. The plugin enforces no NetworkPolicy: policies can be checked as objects only.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

PLUGINS = Path("/usr/lib/cni")
INTERFACE_PREFIX = "ovhs"


@dataclass(frozen=True)
class Bridge:
    """One bridge; the third part of its range tells clusters on one machine apart."""

    number: int

    @property
    def interface(self) -> str:
        return f"{INTERFACE_PREFIX}{self.number}"

    @property
    def address(self) -> str:
        return f"10.251.{self.number}.1"

    @property
    def range(self) -> str:
        return f"10.251.{self.number}.0/24"

    def remove(self) -> None:
        _ip("link", "delete", self.interface, check=False)

    def write_plugin_settings(self, state: Path) -> Path:
        """Write what containerd reads, and return its folder."""
        folder = state / "cni"
        folder.mkdir()
        bridge = {
            "type": "bridge",
            "bridge": self.interface,
            "isGateway": True,
            "hairpinMode": True,
            "ipMasq": False,
            "ipam": {
                "type": "host-local",
                "dataDir": str(state / "addresses"),
                "ranges": [[{"subnet": self.range, "gateway": self.address}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
        settings = {"cniVersion": "0.4.0", "name": self.interface, "plugins": [bridge]}
        (folder / "10-bridge.conflist").write_text(json.dumps(settings, indent=1))
        return folder


def make_bridge() -> Bridge:
    """Make a bridge with the first free number."""
    for number in range(1, 255):
        bridge = Bridge(number)
        if _ip("link", "add", bridge.interface, "type", "bridge", check=False):
            continue
        _ip("address", "add", f"{bridge.address}/24", "dev", bridge.interface)
        _ip("link", "set", bridge.interface, "up")
        return bridge
    raise RuntimeError("no free name for a bridge: end the clusters of earlier runs")


def _ip(*words: str, check: bool = True) -> int:
    return subprocess.run(["ip", *words], check=check, capture_output=True).returncode
