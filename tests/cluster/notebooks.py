"""A notebook of the cluster tests: started over the API, with a bucket as a volume, and looked at in all its places."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.cluster.installation import Installation
from tests.support.stack import Person
from tests.support.waiting import wait_for

# A cold node and a busy machine take their time.
SECONDS = 240
FRAMEWORK = {"frameworkId": "conda", "frameworkVersion": "conda-py311-cpu"}
CPU = {"flavor": "ai1-1-cpu", "cpu": 1}
ENDED = {"STOPPED", "FAILED", "ERROR", "SYNC_FAILED"}


def spec(
    *,
    editor: str = "jupyterlab",
    bucket: str = "",
    resources: dict[str, Any] = CPU,
    framework: dict[str, str] = FRAMEWORK,
) -> dict[str, Any]:
    """What is posted to the API."""
    volume = {
        "mountPath": "/workspace/data",
        "permission": "RW",
        "dataStore": {"alias": "DEMO", "container": bucket},
    }
    return {
        "env": {"editorId": editor, **framework},
        "resources": resources,
        "volumes": [volume] if bucket else [],
    }


@dataclass
class Notebook:
    """One notebook, its owner and its place."""

    installed: Installation
    owner: Person
    id: str

    @property
    def pod_name(self) -> str:
        return f"nb-{self.id}"

    @property
    def status(self) -> dict[str, Any]:
        return self.owner.api("GET", f"notebook/{self.id}").json()["status"]

    def pod(self) -> dict[str, Any] | None:
        return self.installed.cluster.api.get("pods", self.pod_name, namespace=self.installed.namespace)

    def wait(self, *states: str, seconds: float = SECONDS) -> dict[str, Any]:
        return self.owner.wait_for_state(self.id, *states, seconds=seconds)["status"]

    def start(self) -> None:
        assert self.owner.api("PUT", f"notebook/{self.id}/start").status_code == 204

    def stop(self) -> None:
        answer = self.owner.api("PUT", f"notebook/{self.id}/stop")
        assert answer.status_code == 204, answer.text

    def write(self, text: str) -> None:
        """Write a file into the volume from inside of the pod, as the editor would."""
        self.installed.cluster.api.run_in(
            self.pod_name,
            "sh",
            "-c",
            f"echo -n {text} > /workspace/data/written.txt",
            namespace=self.installed.namespace,
            container="editor",
        )

    def things(self) -> dict[str, list[str]]:
        """Name what the notebook has in the cluster, by kind."""
        kinds = ("pods", "jobs", "networkpolicies", "secrets", "persistentvolumeclaims")
        labels = f"ovh-spawner/notebook={self.id}"
        api, namespace = self.installed.cluster.api, self.installed.namespace
        found = {
            k: [t["metadata"]["name"] for t in api.items(k, namespace=namespace, labels=labels)]
            for k in kinds
        }
        return {kind: names for kind, names in found.items() if names}

    def wait_clean(self) -> None:
        """Wait until nothing of the notebook holds hardware, secrets or rights; its files stay."""
        held = {"pods", "networkpolicies", "secrets"}
        wait_for(lambda: not held & self.things().keys(), what=f"{self.things()} to go", seconds=SECONDS)
        assert self.things()["persistentvolumeclaims"] == [self.pod_name]

    def usage(self) -> dict[str, Any]:
        """The notebook's line of the bill."""
        lines = self.owner.api("GET", "usage").json()["lines"]
        return next((line for line in lines if line["notebook"] == self.id), {"minutes": 0})


@contextmanager
def notebook(installed: Installation, name: str, **wishes: Any) -> Iterator[Notebook]:
    """Create a notebook (which starts it), and delete it at the end whatever became of it."""
    owner = installed.sign_in(name)
    if bucket := wishes.get("bucket"):
        installed.store.create_bucket(bucket)
        installed.store.put(bucket, "given.txt", "given")
    answer = owner.api("POST", "notebook", json=spec(**wishes))
    assert answer.status_code in {200, 201}, answer.text
    made = Notebook(installed, owner, answer.json()["id"])
    try:
        yield made
    finally:
        wait_for(lambda: _is_deleted(made), what="the notebook to be deleted", seconds=SECONDS)


def _is_deleted(made: Notebook) -> bool:
    """A notebook that is on its way somewhere refuses to be deleted; ask again until it does not."""
    answer = made.owner.api("DELETE", f"notebook/{made.id}", params={"force": "true"})
    return answer.status_code == 404
