"""An installation whose notebooks are pods: hub, proxy and service as programs of this machine, each killable alone."""

import json
import secrets
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from ovh_spawner.cli.ssh_host_key import keep_host_key
from ovh_spawner.hub.configuration import _real_node
from ovh_spawner.loopback import free_port
from tests.cluster import notebook_images
from tests.cluster.machine.cluster import Cluster
from tests.cluster.machine.daemons import Daemon, wait_until
from tests.cluster.s3_store import ACCESS_KEY, SECRET_KEY, VersityStore
from tests.support.stack import TOOLS, Person

HUB_CONFIG = Path(__file__).with_name("hub_config.py")
PROXY = TOOLS / "node/node_modules/.bin/configurable-http-proxy"
SMALL = {"cpu": "50m", "memory": "256Mi", "ephemeralStorage": "128Mi"}
# Small units, so that several fit on the one real node; the GPU's other numbers are the catalog's business.
FLAVORS = {
    "ai1-1-cpu": {"perUnit": {"cpu": 1, "memory": "1 GiB", "ephemeralStorage": "1 GiB"}},
    "ai1-1-gpu": {"perUnit": {"cpu": 1, "memory": "1 GiB", "ephemeralStorage": "1 GiB"}},
}


@dataclass
class Installation:
    """The programs, and the people who use them."""

    cluster: Cluster
    namespace: str
    state: Path
    store: VersityStore
    kubeconfigs: dict[str, Path]
    changes: dict[str, Any] = field(default_factory=dict)
    hub_config: Path = HUB_CONFIG
    hub_facts: dict[str, Any] = field(default_factory=dict)
    """What another configuration of the hub wants to know beside the usual."""
    people: list[Person] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ports = {name: free_port() for name in ("public", "hub", "service", "proxy_api", "ssh")}
        self.password = secrets.token_urlsafe(9)
        self.logs_folder = self.state / "logs"
        self.logs_folder.mkdir(parents=True)
        YAML().dump(self.settings(), self.state / "settings.yaml")
        (self.state / "hub.json").write_text(json.dumps(self._hub_facts()))
        keep_host_key(self.state / "ssh_host_key")
        environment = self._environment()
        self.ssh = Daemon("ssh", [sys.executable, "-m", "ovh_spawner.ssh"], self.logs_folder, environment)
        self.proxy = Daemon("proxy", self._proxy_command(), self.logs_folder, environment)
        self.service = Daemon(
            "service",
            [sys.executable, "-m", "ovh_spawner.service"],
            self.logs_folder,
            environment | {"KUBECONFIG": str(self.kubeconfigs["service"])},
        )
        self.hub = Daemon(
            "hub",
            [sys.executable, "-m", "jupyterhub", "-f", self.hub_config],
            self.logs_folder,
            environment | {"KUBECONFIG": str(self.kubeconfigs["hub"])},
        )

    @property
    def url(self) -> str:
        return self._address("public")

    @property
    def daemons(self) -> list[Daemon]:
        return [self.proxy, self.service, self.hub, self.ssh]

    def start(self) -> None:
        self.proxy.start()
        self.start_service()
        self.start_hub()

    def start_service(self) -> None:
        self.service.start()
        url = f"{self._address('service')}/services/ai/health"
        wait_until(self.service, lambda: _answers(url), what="the service to be ready")

    def start_hub(self, *, is_waited_for: bool = True) -> None:
        self.hub.start()
        if is_waited_for:
            self.wait_for_hub()

    def wait_for_hub(self) -> None:
        wait_until(self.hub, lambda: _answers(f"{self.url}/hub/health"), what="the hub to be ready")

    def stop(self) -> None:
        while self.people:
            self.people.pop().close()
        for daemon in reversed(self.daemons):
            daemon.stop()

    def sign_in(self, name: str) -> Person:
        return Person.signed_in(self, name)

    def logs(self, lines: int = 40) -> str:
        pods = self.cluster.api.items("pods", namespace=self.namespace)
        told = [f"--- pod {pod['metadata']['name']}\n{json.dumps(pod['status'])}" for pod in pods]
        events = self.cluster.api.items("events", namespace=self.namespace)
        told += [
            f"{e['involvedObject'].get('name')} {e.get('reason')}: {e.get('message')}" for e in events[-30:]
        ]
        return "\n".join([*told, *(daemon.last_words(lines) for daemon in self.daemons)])

    def settings(self) -> dict[str, Any]:
        settings = {
            "deployment": {"mode": "kubernetes", "publicUrl": self.url},
            "service": {
                "host": self.cluster.address,
                "port": self.ports["service"],
                "url": self._address("service"),
                "hubApiUrl": f"{self._address('hub')}/hub/api",
                "reconcileSeconds": 1,
                "heartbeatSeconds": 2,
                "leftoversSeconds": 3,
            },
            "ssh": {
                "enabled": True,
                "host": self.cluster.address,
                "port": self.ports["ssh"],
                "hostKeyFile": str(self.state / "ssh_host_key"),
            },
            "database": {"url": f"sqlite+aiosqlite:///{self.state / 'ledger.sqlite'}"},
            **settings_of_notebooks(self.cluster, self.namespace, self.store),
        }
        for block, values in self.changes.items():
            settings[block] = settings.get(block, {}) | values
        return settings

    def _address(self, name: str) -> str:
        return f"http://{self.cluster.address}:{self.ports[name]}"

    def _hub_facts(self) -> dict[str, Any]:
        return {
            "public_url": self.url,
            "address": self.cluster.address,
            "hub_port": self.ports["hub"],
            "hub_url": self._address("hub"),
            "proxy_api_url": f"http://127.0.0.1:{self.ports['proxy_api']}",
            "state": str(self.state),
            **self.hub_facts,
        }

    def _environment(self) -> dict[str, str]:
        return {
            "OVH_SPAWNER_SETTINGS": str(self.state / "settings.yaml"),
            "OVH_SPAWNER_SERVICE_TOKEN": secrets.token_hex(32),
            "OVH_SPAWNER_INTERNAL_TOKEN": secrets.token_hex(32),
            "OVH_SPAWNER_ENCRYPTION_KEYS": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "OVH_SPAWNER_SSH_TOKEN": secrets.token_hex(32),
            "OVH_SPAWNER_SIGN_IN_PASSWORD": self.password,
            "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(32),
            "DEMO_ACCESS_KEY": ACCESS_KEY,
            "DEMO_SECRET_KEY": SECRET_KEY,
            "CLUSTER_TEST_HUB": str(self.state / "hub.json"),
        }

    def _proxy_command(self) -> list[str | Path]:
        ports = ["--port", str(self.ports["public"]), "--api-port", str(self.ports["proxy_api"])]
        addresses = ["--ip", self.cluster.address, "--api-ip", "127.0.0.1"]
        target = [
            "--default-target",
            self._address("hub"),
            "--error-target",
            f"{self._address('hub')}/hub/error",
        ]
        return [_real_node() or "node", PROXY, *addresses, *ports, *target]


def settings_of_notebooks(cluster: Cluster, namespace: str, store: VersityStore) -> dict[str, Any]:
    """Return the settings about pods and what they reach, wherever hub and service run."""
    repository = "" if cluster.machine else notebook_images.given_repository()
    demo = {
        "type": "s3",
        "endpoint": store.endpoint,
        "accessKeyEnv": "DEMO_ACCESS_KEY",
        "secretKeyEnv": "DEMO_SECRET_KEY",
    }
    return {
        "kubernetes": {
            "namespace": namespace,
            "stopGraceSeconds": 15,
            "storage": {"size": "1Gi"},
            "gateway": SMALL,
            "dataSync": SMALL,
            "images": {"repository": repository} if repository else {},
        },
        "dataStores": {"DEMO": demo},
        # Store and repositories of the tests are on this machine.
        "outgoing": {"privateAddresses": "allowed"},
        "catalog": {"flavors": FLAVORS},
    }


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=5).is_success
    except httpx.TransportError:
        return False


@contextmanager
def installation(cluster: Cluster, namespace: str, state: Path, **parts: Any) -> Iterator[Installation]:
    """Start an installation, and end it at the end."""
    running = Installation(cluster, namespace, state, **parts)
    try:
        running.start()
        yield running
    finally:
        running.stop()
