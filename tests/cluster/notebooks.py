"""A notebook of the cluster tests: started over the API, with a bucket as a volume, and looked at in all its places."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from ovh_spawner.pod.record import condition, read_time
from tests.cluster.installation import Installation
from tests.support.kills import report
from tests.support.stack import Person
from tests.support.true_times import TrueTimes, now
from tests.support.waiting import wait_for

# A cold node and a busy machine take their time.
SECONDS = 240
FRAMEWORK = {"frameworkId": "conda", "frameworkVersion": "conda-py311-cpu"}
CPU = {"flavor": "ai1-1-cpu", "cpu": 1}
GIVEN, WRITTEN = "given.txt", "written.txt"
WORDS = "precious"
CLUSTER_TICK = timedelta(seconds=1)
"""A cluster writes whole seconds."""
OVER = {"Succeeded", "Failed"}
"""Phases of pods that hold nothing any more; a Job's stay for their log."""


def spec(
    *,
    editor: str = "jupyterlab",
    bucket: str = "",
    resources: dict[str, Any] = CPU,
    framework: dict[str, str] = FRAMEWORK,
    keys: Sequence[str] = (),
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
        "sshPublicKeys": list(keys),
        "volumes": [volume] if bucket else [],
    }


@dataclass
class Notebook:
    """One notebook, its owner and its place."""

    installed: Installation
    owner: Person
    id: str
    bucket: str = ""
    times: TrueTimes = field(default_factory=lambda: TrueTimes(begun_after=now() - CLUSTER_TICK))

    ready_at: datetime | None = None
    """By the cluster, when it began to work."""

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

    def work(self) -> None:
        """Wait until it runs, and leave a file that must not be lost."""
        self.wait("RUNNING")
        self.times.saw("RUNNING", now())
        self.ready_at = read_time(condition(self.pod(), "Ready").get("lastTransitionTime"))
        self.run("sh", "-c", f"echo -n {WORDS} > /workspace/data/{WRITTEN}")

    def stop(self) -> None:
        self.breaks()
        answer = self.owner.api("PUT", f"notebook/{self.id}/stop")
        assert answer.status_code == 204, answer.text

    def hang(self) -> None:
        """Let the editor hang: its end takes its whole grace."""
        self.run("pkill", "-STOP", "-f", "jupyter")

    def breaks(self, *, is_proof_lost: bool = False) -> None:
        """Note that it is about to end, and whether what could tell when goes with it."""
        self.times.is_proof_lost |= is_proof_lost
        self.times.over_after = self.times.over_after or now() - CLUSTER_TICK

    def is_ending(self) -> bool:
        """Tell whether its pod has been told to end."""
        pod = self.pod()
        return pod is not None and "deletionTimestamp" in pod["metadata"]

    def is_saved(self) -> bool:
        """Tell whether its file is in the bucket; a push that gave up is ordered again, as its owner would."""
        try:
            return self.installed.store.get(self.bucket, WRITTEN) == WORDS.encode()
        except KeyError:
            if self.status["state"] == "SYNC_FAILED":
                self.owner.api("POST", f"notebook/{self.id}/datasync", json={"direction": "push"})
            return False

    def run(self, *command: str) -> str:
        """Run a command in the editor's container."""
        return self.installed.cluster.api.run_in(
            self.pod_name, *command, namespace=self.installed.namespace, container="editor"
        )

    def things(self) -> dict[str, list[str]]:
        """Name what the notebook has in the cluster, by kind; of pods, those that have not ended."""
        kinds = ("pods", "jobs", "networkpolicies", "secrets", "persistentvolumeclaims")
        labels = f"ovh-spawner/notebook={self.id}"
        api, namespace = self.installed.cluster.api, self.installed.namespace
        found = {
            k: [
                t["metadata"]["name"]
                for t in api.items(k, namespace=namespace, labels=labels)
                if k != "pods" or t["status"]["phase"] not in OVER
            ]
            for k in kinds
        }
        return {kind: names for kind, names in found.items() if names}

    def wait_clean(self) -> None:
        """Wait until nothing of the notebook holds hardware, secrets or rights; its files stay."""
        self.wait_released()
        assert self.things()["persistentvolumeclaims"] == [self.pod_name]

    def wait_released(self) -> None:
        held = {"pods", "networkpolicies", "secrets"}
        try:
            wait_for(lambda: not held & self.things().keys(), what="all that it held to go", seconds=SECONDS)
        except AssertionError as error:
            error.add_note(f"left: {self.things()}")
            raise

    def usage(self) -> dict[str, Any]:
        """The notebook's line of the bill."""
        lines = self.owner.api("GET", "usage").json()["lines"]
        return next((line for line in lines if line["notebook"] == self.id), {"minutes": 0})

    def check(self, what: str, when: str) -> None:
        """Check what must hold when everything is back and the notebook at rest; add a line to the report."""
        self.wait("STOPPED", "FAILED", "ERROR", "SYNC_FAILED")
        self.times.ended()
        wait_for(self.is_saved, what="the file in the bucket", seconds=SECONDS)
        ended = self.wait("STOPPED", "FAILED", "ERROR")["state"]
        self.wait_clean()
        held = ["no hold left", "one end", "no stray object", self.check_the_bill(), SAVED]
        report(what, when, ended, held=held)

    def check_the_bill(self) -> str:
        """Compare the books with what was seen, and return what held, in words."""
        (run,) = self.runs()
        assert run["state"] in {"STOPPED", "FAILED", "ERROR"}, dict(run)
        assert run["ended_at"], dict(run)
        assert utc(run["running_at"]) == self.ready_at, dict(run)
        return self.times.check(utc(run["running_at"]), utc(run["stopped_at"]), self.usage()["minutes"])

    def runs(self) -> list[sqlite3.Row]:
        """What the ledger has of it."""
        query = "SELECT * FROM runs WHERE notebook = ? ORDER BY created_at"
        return ask_books(self.installed.state / "ledger.sqlite", query, UUID(self.id).hex)


SAVED = "the changed file is in the bucket"


def ask_books(ledger: Path, query: str, *values: str) -> list[sqlite3.Row]:
    """Return what the ledger's own file says."""
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as books:
        books.row_factory = sqlite3.Row
        return books.execute(query, values).fetchall()


def utc(text: str) -> datetime:
    """Return a time as the ledger's file has it."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@contextmanager
def notebook(installed: Installation, name: str, **wishes: Any) -> Iterator[Notebook]:
    """Create a notebook (which starts it), and delete it at the end whatever became of it."""
    owner = installed.sign_in(name)
    if bucket := wishes.get("bucket"):
        installed.store.create_bucket(bucket)
        installed.store.put(bucket, GIVEN, "given")
    answer = owner.api("POST", "notebook", json=spec(**wishes))
    assert answer.status_code in {200, 201}, answer.text
    made = Notebook(installed, owner, answer.json()["id"], bucket=bucket or "")
    try:
        yield made
    finally:
        wait_for(lambda: _is_deleted(made), what="the notebook to be deleted", seconds=SECONDS)


def _is_deleted(made: Notebook) -> bool:
    """A notebook that is on its way somewhere refuses to be deleted; ask again until it does not."""
    answer = made.owner.api("DELETE", f"notebook/{made.id}", params={"force": "true"})
    return answer.status_code == 404
