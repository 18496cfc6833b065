"""Speaks to the API server in its own JSON, whoever started it: our cluster, or the one that KUBECONFIG names.

``kubectl proxy`` on a Unix socket does the signing-in: every kind of kubeconfig works, and nobody else gets in.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx

from tests.cluster.machine import programs
from tests.support.waiting import wait_for

Thing = dict[str, Any]
GROUPS = {
    "jobs": "apis/batch/v1",
    "networkpolicies": "apis/networking.k8s.io/v1",
    "roles": "apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "apis/rbac.authorization.k8s.io/v1",
    "storageclasses": "apis/storage.k8s.io/v1",
    "leases": "apis/coordination.k8s.io/v1",
    "deployments": "apis/apps/v1",
    "poddisruptionbudgets": "apis/policy/v1",
}
MERGE = {"Content-Type": "application/merge-patch+json"}


def kubectl() -> str:
    """Our own kubectl, or the one on the PATH."""
    own = programs.place("kubectl")
    found = str(own) if own.exists() else shutil.which("kubectl")
    assert found, "kubectl is missing: run make test-cluster, which builds it, or install it"
    return found


class Api:
    """The API server through the eyes of a kubeconfig; answers are plain dictionaries."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._folder = tempfile.TemporaryDirectory(prefix="kubectl-")
        socket = Path(self._folder.name, "proxy")
        self._proxy = subprocess.Popen(
            [*self._kubectl(), "proxy", f"--unix-socket={socket}", "--reject-paths=^$"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(socket.exists, what="kubectl proxy to listen")
        transport = httpx.HTTPTransport(uds=str(socket))
        self._http = httpx.Client(transport=transport, base_url="http://localhost", timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()
        self._proxy.terminate()
        self._proxy.wait(timeout=20)
        self._folder.cleanup()

    def is_ready(self) -> bool:
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def call(self, method: str, path: str, **keywords: Any) -> httpx.Response:
        return self._http.request(method, path, **keywords)

    def get(self, kind: str, name: str, *, namespace: str = "") -> Thing | None:
        """Return the thing, or nothing when it is not there."""
        answer = self._http.get(f"{_path(kind, namespace)}/{name}")
        return None if answer.status_code == 404 else _json(answer)

    def items(self, kind: str, *, namespace: str = "", labels: str = "") -> list[Thing]:
        params = {"labelSelector": labels} if labels else {}
        return _json(self._http.get(_path(kind, namespace), params=params))["items"]

    def create(self, kind: str, thing: Thing, *, namespace: str = "") -> Thing:
        return _json(self._http.post(_path(kind, namespace), json=thing))

    def patch(self, kind: str, name: str, change: Thing, *, namespace: str = "", part: str = "") -> Thing:
        """Merge a change into the thing, or into a part of it (``status``)."""
        path = f"{_path(kind, namespace)}/{name}" + (f"/{part}" if part else "")
        return _json(self._http.patch(path, content=json.dumps(change), headers=MERGE))

    def delete(self, kind: str, name: str, *, namespace: str = "", grace: int | None = None) -> None:
        """Delete the thing; one that is gone already is fine."""
        params = {} if grace is None else {"gracePeriodSeconds": grace}
        answer = self._http.delete(f"{_path(kind, namespace)}/{name}", params=params)
        if answer.status_code != 404:
            _json(answer)

    def log(self, pod: str, container: str, *, namespace: str) -> str:
        path = f"{_path('pods', namespace)}/{pod}/log"
        answer = self._http.get(path, params={"container": container})
        return answer.text if answer.is_success else ""

    def run_in(self, pod: str, *command: str, namespace: str, container: str) -> str:
        """Run a command in a container and return what it printed."""
        answer = subprocess.run(
            [*self._kubectl(), "exec", "-n", namespace, pod, "-c", container, "--", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert answer.returncode == 0, f"{command} in {pod}: {answer.stdout}{answer.stderr}"
        return answer.stdout

    def wait(
        self,
        kind: str,
        name: str,
        until: Callable[[Thing], Any],
        *,
        namespace: str = "",
        seconds: float = 120,
    ) -> Thing:
        """Wait until the thing is there and as wanted."""
        last: list[Thing | None] = [None]

        def look() -> Thing | None:
            last[0] = self.get(kind, name, namespace=namespace)
            return last[0] if last[0] and until(last[0]) else None

        try:
            return wait_for(look, what=f"{kind} {name}", seconds=seconds)
        except AssertionError as error:
            status = last[0].get("status") if last[0] else "not there"
            error.add_note(f"its status: {json.dumps(status, indent=1)}")
            error.add_note(self.story(name, namespace=namespace))
            raise

    def wait_gone(self, kind: str, name: str, *, namespace: str = "", seconds: float = 120) -> None:
        wait_for(
            lambda: self.get(kind, name, namespace=namespace) is None,
            what=f"{name} to be gone",
            seconds=seconds,
        )

    def story(self, name: str, *, namespace: str) -> str:
        """What the cluster's events say of a thing."""
        events = [
            e for e in self.items("events", namespace=namespace) if e["involvedObject"].get("name") == name
        ]
        return "\n".join(f"{e.get('reason')}: {e.get('message')}" for e in events)

    def _kubectl(self) -> list[str]:
        return [kubectl(), "--kubeconfig", str(self.kubeconfig)]


def is_ready(thing: Thing) -> bool:
    """True for a node or a pod whose Ready condition holds."""
    conditions = thing.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _path(kind: str, namespace: str) -> str:
    group = GROUPS.get(kind, "api/v1")
    return f"/{group}/namespaces/{namespace}/{kind}" if namespace else f"/{group}/{kind}"


def _json(answer: httpx.Response) -> Thing:
    assert answer.is_success, f"{answer.request.method} {answer.request.url.path}: {answer.text}"
    return answer.json()
