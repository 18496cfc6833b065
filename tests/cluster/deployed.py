"""Hub and services as pods of their own images, with what ``deploy/`` says, one PostgreSQL and one proxy.

There is no kube-proxy here, and no name server: a front stands for each Service, and addresses stand for names.
"""

import json
import secrets
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ruamel.yaml import YAML

from ovh_spawner.hub.configuration import _real_node
from ovh_spawner.loopback import free_port
from tests.cluster.accounts import RBAC
from tests.cluster.installation import PROXY, settings_of_notebooks
from tests.cluster.machine.api import kubectl
from tests.cluster.machine.cluster import Cluster
from tests.cluster.machine.daemons import Daemon
from tests.cluster.machine.fronts import front, ready_pods
from tests.cluster.s3_store import ACCESS_KEY, SECRET_KEY, VersityStore
from tests.support.postgresql import PostgresqlServer, find_programs, postgresql_server
from tests.support.stack import Person
from tests.support.waiting import wait_for

DEPLOY = RBAC.parent
HUB_CONFIG = Path(__file__).with_name("deployed_hub_config.py")
SERVICE_PODS = "app.kubernetes.io/name=ovh-spawner,component=service"
HUB_PODS = "component=hub"
SECONDS = 240


@dataclass
class Deployed:
    """A whole installation inside of a namespace, for people on this machine."""

    cluster: Cluster
    namespace: str
    state: Path
    store: VersityStore
    database_port: int
    people: list[Person] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = ("public", "proxy_api", "hub", "service", "database")
        self.ports = {name: free_port() for name in names}
        self.password, self.proxy_token = secrets.token_urlsafe(9), secrets.token_hex(32)

    @property
    def url(self) -> str:
        return self._address("public")

    def sign_in(self, name: str) -> Person:
        return Person.signed_in(self, name)

    def pods(self, labels: str) -> list[str]:
        found = self.cluster.api.items("pods", namespace=self.namespace, labels=labels)
        return [pod["metadata"]["name"] for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def kill(self, pod: str) -> None:
        self.cluster.api.delete("pods", pod, namespace=self.namespace, grace=0)

    def wait_until_ready(self) -> None:
        """Wait until both services and the hub take requests."""
        for labels, number in ((SERVICE_PODS, 2), (HUB_PODS, 1)):
            look = ready_pods(self.cluster.api, self.namespace, labels, port=0)
            wait_for(
                lambda look=look, n=number: len(look()) == n, what=f"{labels} to be ready", seconds=SECONDS
            )

    @contextmanager
    def running(self) -> Iterator["Deployed"]:
        with ExitStack() as ends:
            proxy = self._proxy()
            ends.callback(proxy.stop)
            proxy.start()
            for name, targets in self._targets().items():
                ends.enter_context(front((self.cluster.address, self.ports[name]), targets))
            self._make_secrets()
            self._apply("deploy", self._overlay())
            self._apply("hub", self._hub())
            self.wait_until_ready()
            yield self
            while self.people:
                self.people.pop().close()

    def logs(self) -> str:
        told = []
        for pod in self.pods(SERVICE_PODS) + self.pods(HUB_PODS):
            container = "hub" if pod.startswith("hub") else "service"
            told.append(
                f"--- {pod}\n{self.cluster.api.log(pod, container, namespace=self.namespace)[-4000:]}"
            )
        return "\n".join(told)

    def _address(self, name: str) -> str:
        return f"http://{self.cluster.address}:{self.ports[name]}"

    def _targets(self) -> dict[str, Any]:
        api, namespace = self.cluster.api, self.namespace
        return {
            "hub": ready_pods(api, namespace, HUB_PODS, port=8081),
            "service": ready_pods(api, namespace, SERVICE_PODS, port=8002),
            "database": lambda: [("127.0.0.1", self.database_port)],
        }

    def _database(self, name: str) -> str:
        return f"postgresql+psycopg://tests@{self.cluster.address}:{self.ports['database']}/{name}"

    def _proxy(self) -> Daemon:
        address, hub = self.cluster.address, self._address("hub")
        command = [
            _real_node() or "node", PROXY, "--ip", address, "--port", str(self.ports["public"]),
            "--api-ip", address, "--api-port", str(self.ports["proxy_api"]),
            "--default-target", hub, "--error-target", f"{hub}/hub/error",
        ]  # fmt: skip
        return Daemon("deployed-proxy", command, self.state, {"CONFIGPROXY_AUTH_TOKEN": self.proxy_token})

    def _settings(self) -> dict[str, Any]:
        return {
            "deployment": {"mode": "kubernetes", "publicUrl": self.url},
            "service": {
                "host": "0.0.0.0",
                "port": 8002,
                "url": self._address("service"),
                "hubApiUrl": f"{self._address('hub')}/hub/api",
                "reconcileSeconds": 2,
                "leftoversSeconds": 3,
            },
            "database": {"url": self._database("ledger")},
            **settings_of_notebooks(self.cluster, self.namespace, self.store),
        }

    def _make_secrets(self) -> None:
        settings = self.state / "settings.yaml"
        YAML().dump(self._settings(), settings)
        shared = {
            "OVH_SPAWNER_SERVICE_TOKEN": secrets.token_hex(32),
            "OVH_SPAWNER_INTERNAL_TOKEN": secrets.token_hex(32),
        }
        service = {
            "OVH_SPAWNER_ENCRYPTION_KEYS": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "DEMO_ACCESS_KEY": ACCESS_KEY,
            "DEMO_SECRET_KEY": SECRET_KEY,
        }
        hub = {
            "OVH_SPAWNER_SIGN_IN_PASSWORD": self.password,
            "CONFIGPROXY_AUTH_TOKEN": self.proxy_token,
            "JPY_COOKIE_SECRET": secrets.token_hex(32),
        }
        chart = {"ovh-spawner-settings": settings.read_text(), "config.py": HUB_CONFIG.read_text()}
        made = {"ovh-spawner": shared, "ovh-spawner-service": service, "ovh-spawner-hub": hub, "hub": chart}
        for name, content in made.items():
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": content}
            self.cluster.api.create("secrets", secret, namespace=self.namespace)

    def _overlay(self) -> list[dict[str, Any]]:
        """Return what an operator's overlay says beside ``deploy/`` itself."""
        container = {
            "name": "service",
            "env": self._api_server(),
            "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}},
        }
        spec = {"template": {"spec": {"containers": [container]}}}
        patch = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "ovh-spawner"},
            "spec": spec,
        }
        return [patch]

    def _api_server(self) -> list[dict[str, str]]:
        """Where the API server is; a Service would lead there."""
        found = YAML(typ="safe").load(self.cluster.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        server = urlsplit(found)
        return [
            {"name": "KUBERNETES_SERVICE_HOST", "value": server.hostname},
            {"name": "KUBERNETES_SERVICE_PORT", "value": str(server.port)},
        ]

    def _apply(self, name: str, things: list[dict[str, Any]]) -> None:
        """``kubectl apply -k``, as the deployment's own page says."""
        folder = self.state / name
        folder.mkdir()
        (folder / "things.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": things}))
        overlay: dict[str, Any] = {"namespace": self.namespace}
        if name == "deploy":
            copy = folder / "deploy"
            copy.mkdir()
            for file in DEPLOY.glob("*.yaml"):
                (copy / file.name).write_text(file.read_text())
            patches = [{"patch": json.dumps(thing)} for thing in things]
            overlay |= {"resources": ["deploy"], "patches": patches}
        else:
            overlay |= {"resources": ["things.json"]}
        (folder / "kustomization.yaml").write_text(json.dumps(overlay))
        command = [kubectl(), "--kubeconfig", str(self.cluster.kubeconfig), "apply", "-k", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def _hub(self) -> list[dict[str, Any]]:
        """Return the chart's hub, as far as it matters here."""
        environment = {
            "PUBLIC_URL": self.url,
            "HUB_URL": self._address("hub"),
            "PROXY_API_URL": self._address("proxy_api"),
            "DATABASE_URL": self._database("hub"),
            "OVH_SPAWNER_SETTINGS": "/etc/ovh-spawner/settings.yaml",
        }
        items = [
            {"key": "ovh-spawner-settings", "path": "settings.yaml"},
            {"key": "config.py", "path": "config.py"},
        ]
        container = {
            "name": "hub",
            "image": "localhost/ovh-spawner/hub:0.1.0",
            "command": ["jupyterhub", "--config", "/etc/ovh-spawner/config.py", "--upgrade-db"],
            "env": [*({"name": k, "value": v} for k, v in environment.items()), *self._api_server()],
            "envFrom": [{"secretRef": {"name": name}} for name in ("ovh-spawner", "ovh-spawner-hub")],
            "readinessProbe": {"httpGet": {"path": "/hub/health", "port": 8081}, "periodSeconds": 2},
            "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": "settings", "mountPath": "/etc/ovh-spawner", "readOnly": True}],
        }
        pod = {
            "serviceAccountName": "hub",
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 10,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [{"name": "settings", "secret": {"secretName": "hub", "items": items}}],
        }
        labels = {"component": "hub"}
        spec = {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        }
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "hub"}}
        return [
            account,
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "hub"}, "spec": spec},
        ]


@contextmanager
def database_server(port: int) -> Iterator[PostgresqlServer]:
    """Run PostgreSQL with the two databases that an installation needs."""
    with postgresql_server(find_programs(), port=port) as server:
        for name in ("ledger", "hub"):
            server.create(name)
        yield server
