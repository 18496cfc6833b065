"""The two sides of the cluster benchmark: an installation of ours, and a hub with plain KubeSpawner."""

import json
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from ovh_spawner.loopback import free_port
from tests.cluster.accounts import kubeconfig_of, make_accounts
from tests.cluster.conftest import fresh_namespace
from tests.cluster.installation import FLAVORS, Installation
from tests.cluster.machine.cluster import Cluster
from tests.cluster.machine.daemons import Daemon
from tests.cluster.machine.fake_nodes import TAINT
from tests.cluster.pods import RESTRICTED
from tests.cluster.s3_store import versity_store
from tests.support.hub_versions import hub_body
from tests.support.waiting import wait_for

PATIENCE = 1800.0
LOOK_SECONDS = 2.0
"""A hub that lists hundreds of users does nothing else for that long."""

PAGE = 200
"""Users or routes that a hub lists at a time, whatever it is asked for."""

RECONCILE_SECONDS = 15
SERVER = "nb-bench"
FAKE = {"ovh-spawner.test/node": "fake"}
IMAGE = "bench.invalid/notebook:1"
SPEC = {
    "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
    "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
}
PLAIN = {
    "image": IMAGE,
    "cmd": ["jupyterhub-singleuser"],
    "start_timeout": int(PATIENCE),
    "node_selector": FAKE,
    "tolerations": [TAINT | {"operator": "Equal"}],
    "cpu_guarantee": 1.0,
    "cpu_limit": 1.0,
    "mem_guarantee": "1G",
    "mem_limit": "1G",
    "uid": 42420,
    "gid": 42420,
    "fs_gid": 42420,
    "container_security_context": RESTRICTED,
    "storage_pvc_ensure": True,
    "pvc_name_template": "claim-{username}--{servername}",
    "storage_capacity": "1Gi",
    "storage_access_modes": ["ReadWriteOnce"],
    "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "{pvc_name}"}}],
    "volume_mounts": [{"name": "home", "mountPath": "/workspace"}],
    "consecutive_failure_limit": 0,
}
PLAIN_RULES = [
    {"apiGroups": [""], "resources": ["pods", "persistentvolumeclaims"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["get", "list", "watch"]},
]


@dataclass
class Side:
    """One of the two: an installation of ours, or a hub with plain KubeSpawner and no service."""

    installed: Installation
    is_plain: bool
    audit_log: Path
    hub: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        token = self.installed.hub_facts["token"]
        headers = {"Authorization": f"token {token}"}
        self.hub = httpx.Client(
            base_url=f"{self.installed.url}/hub/api",
            headers=headers,
            timeout=PATIENCE,
            limits=httpx.Limits(max_connections=None),
        )

    def add_users(self, names: Sequence[str]) -> None:
        self.hub.post("/users", json={"usernames": list(names)}).raise_for_status()

    def start(self, names: Sequence[str]) -> float:
        """Order all servers, and return after how many seconds the last one was ready."""
        began = time.perf_counter()
        _at_once(self._order, names)
        if len(names) == 1:
            wait_for(lambda: self._is_ready(names[0]), what="the server", seconds=PATIENCE)
        else:
            _wait_patiently(lambda: self.ready() >= set(names), what="all servers")
        return time.perf_counter() - began

    def _is_ready(self, name: str) -> bool:
        servers = self.hub.get(f"/users/{name}").json()["servers"]
        return any(server["ready"] for server in servers.values())

    def _order(self, name: str) -> None:
        options = {} if self.is_plain else SPEC
        answer = self.hub.post(f"/users/{name}/servers/{SERVER}", json=hub_body(options))
        answer.raise_for_status()

    def stop(self, names: Sequence[str]) -> None:
        _at_once(self._order_stop, names)
        _wait_patiently(lambda: not self.active() & set(names), what="all stops")

    def _order_stop(self, name: str) -> None:
        self.hub.delete(f"/users/{name}/servers/{SERVER}").raise_for_status()

    def ready(self) -> set[str]:
        return {name for name, servers in self._servers().items() if any(s["ready"] for s in servers)}

    def active(self) -> set[str]:
        return set(self._servers())

    def _servers(self) -> Mapping[str, list[dict[str, Any]]]:
        users = self._every("/users", {"state": "active"})
        return {user["name"]: list(user["servers"].values()) for user in users}

    def routes(self) -> int:
        return sum("/user/" in path for path in self._every("/proxy", {}))

    def _every(self, address: str, asked: Mapping[str, str]) -> list[Any]:
        """Return all that the hub lists there, page by page."""
        found: list[Any] = []
        while True:
            page = self.hub.get(address, params={**asked, "offset": len(found), "limit": PAGE}).json()
            found += list(page)
            if len(page) < PAGE:
                return found

    def cpu_seconds(self) -> float:
        """Processor time of the hub so far."""
        times = psutil.Process(self.installed.hub.process.pid).cpu_times()
        return float(times.user + times.system)

    def requests(self) -> Counter[str]:
        """Requests to the API server so far, by account and verb; watches and lists are no part of a start."""
        found: Counter[str] = Counter()
        for line in self.audit_log.read_text().splitlines():
            said = json.loads(line)
            _, _, account = said["user"]["username"].partition(f":{self.installed.namespace}:")
            if account:
                found[f"{account} {said['verb']}"] += 1
        return found

    def restart_hub(self, count: int) -> float:
        """Kill the hub, and return how long a new one takes until all servers are known and routed."""
        self.installed.hub.kill()
        began = time.perf_counter()
        self.installed.start_hub()
        _wait_patiently(
            lambda: len(self.ready()) >= count and self.routes() >= count,
            what="every server to be known again",
        )
        return time.perf_counter() - began


def _at_once(order: Callable[[str], None], names: Sequence[str]) -> None:
    """Give all orders at the same time: each is answered when it is carried out, or after ten seconds."""
    with ThreadPoolExecutor(len(names)) as threads:
        for done in [threads.submit(order, name) for name in names]:
            done.result()


def _wait_patiently(look: Callable[[], bool], *, what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not look():
        if time.monotonic() > until:
            raise RuntimeError(f"waited {PATIENCE:.0f} s for {what}")
        time.sleep(LOOK_SECONDS)


@contextmanager
def one_side(cluster: Cluster, folder: Path, *, is_plain: bool, stub: str) -> Iterator[Side]:
    machine = cluster.machine
    assert machine is not None
    facts = {"stub": stub, "token": secrets.token_hex(16), "plain": {}}
    with (
        fresh_namespace(cluster) as namespace,
        versity_store(folder / "store", host=cluster.address) as store,
    ):
        accounts = make_accounts(cluster, namespace, folder)
        if is_plain:
            accounts["hub"] = _plain_account(cluster, namespace, folder)
            facts["plain"] = PLAIN | {"namespace": namespace}
        installed = Installation(
            cluster,
            namespace,
            folder / "state",
            store=store,
            kubeconfigs=accounts,
            changes=_changes(),
            hub_config=Path(__file__).with_name("cluster_hub.py"),
            hub_facts=facts,
        )
        try:
            installed.proxy.start()
            if not is_plain:
                installed.start_service()
            installed.start_hub()
            side = Side(installed, is_plain=is_plain, audit_log=machine.control_plane.audit_log)
            yield side
            side.hub.close()
        finally:
            installed.stop()


def _changes() -> dict[str, Any]:
    """Put notebooks onto the fake nodes, and let the service reconcile as often as it does by default."""
    placement = {"nodeSelector": FAKE, "tolerations": [TAINT | {"operator": "Equal"}]}
    return {
        "kubernetes": {"placement": placement},
        "service": {"reconcileSeconds": RECONCILE_SECONDS, "heartbeatSeconds": 30},
        "catalog": {"flavors": FLAVORS},
    }


def _plain_account(cluster: Cluster, namespace: str, folder: Path) -> Path:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "plain"}}
    cluster.api.create("roles", role | {"rules": PLAIN_RULES}, namespace=namespace)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "plain"}}
    cluster.api.create("serviceaccounts", account, namespace=namespace)
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "plain"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "plain"},
        "subjects": [{"kind": "ServiceAccount", "name": "plain", "namespace": namespace}],
    }
    cluster.api.create("rolebindings", binding, namespace=namespace)
    return kubeconfig_of(cluster, namespace, folder / "plain.kubeconfig", account="plain")


@contextmanager
def stub(cluster: Cluster, folder: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, Path(__file__).with_name("cluster_stub.py"), cluster.address, str(port)]
    daemon = Daemon("stub", command, folder)
    daemon.start()
    try:
        yield f"http://{cluster.address}:{port}"
    finally:
        daemon.stop()
