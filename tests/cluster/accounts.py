"""The accounts of hub and service with the roles that we deploy, as kubeconfigs: tests run with no more rights."""

import json
from pathlib import Path

from ruamel.yaml import YAML

from tests.cluster.machine.cluster import Cluster
from tests.support.stack import CHECKOUT

RBAC = CHECKOUT / "deploy" / "rbac.yaml"
KINDS = {"Role": "roles", "RoleBinding": "rolebindings", "ServiceAccount": "serviceaccounts"}
ACCOUNTS = {"hub": "hub", "service": "ovh-spawner"}


def make_accounts(cluster: Cluster, namespace: str, folder: Path) -> dict[str, Path]:
    """Apply the deployed roles to a namespace and return a kubeconfig for each program."""
    hub = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "hub"}}
    for thing in [hub, *YAML(typ="safe").load_all(RBAC.read_text())]:
        cluster.api.create(KINDS[thing["kind"]], thing, namespace=namespace)
    return {
        program: kubeconfig_of(cluster, namespace, folder / f"{program}.kubeconfig", account=account)
        for program, account in ACCOUNTS.items()
    }


def kubeconfig_of(cluster: Cluster, namespace: str, path: Path, *, account: str) -> Path:
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": 7200},
    }
    url = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    token = cluster.api.call("POST", url, json=request).json()["status"]["token"]
    config = YAML(typ="safe").load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": "account", "user": {"token": token}}]
    for context in config["contexts"]:
        context["context"] |= {"user": "account", "namespace": namespace}
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path
