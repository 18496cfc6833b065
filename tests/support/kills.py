"""A local installation that is broken on purpose: which process is which, how it is killed, what must hold after."""

import json
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.support.jupyter import LabSession
from tests.support.odd_s3_server import OddS3Server, odd_s3_server
from tests.support.stack import LocalStack, Person, local_stack
from tests.support.waiting import wait_for

RUN = "OVH_SPAWNER_RUN"
REPORT = "OVH_SPAWNER_RELIABILITY_REPORT"
BUCKET = "work"
VOLUME = {
    "mountPath": "/workspace/data",
    "permission": "RW",
    "dataStore": {"alias": "ODD", "container": BUCKET},
}
SPEC = {
    "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
    "resources": {"flavor": "ai1-1-gpu", "gpu": 4},
    "volumes": [VOLUME],
}
SETTLED = {"STOPPED", "FAILED", "ERROR", "SYNC_FAILED"}

PROGRAMS: dict[str, Callable[[list[str]], bool]] = {
    "hub": lambda words: "jupyterhub" in words and "-m" in words,
    "service": lambda words: "ovh_spawner.service" in words,
    "proxy": lambda words: any(word.endswith("configurable-http-proxy") for word in words),
    "gateway": lambda words: "ovh_spawner.gateway" in words,
    "editor": lambda words: any("jupyterlab" in word or "jupyter-lab" in word for word in words),
    "data sync": lambda words: "ovh_spawner.datasync" in words,
}


@dataclass
class BrokenStack:
    """One installation, its store, one person, and one notebook of hers at a time."""

    stack: LocalStack
    store: OddS3Server
    alice: Person
    notebook: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)

    def is_whole(self) -> bool:
        """Tell whether proxy, hub and service answer; a proxy that has just come back knows no routes yet."""
        try:
            paths = ("/hub/health", "/services/ai/health")
            return all(httpx.get(f"{self.stack.url}{path}", timeout=10).status_code == 200 for path in paths)
        except httpx.HTTPError:
            return False

    def find(self, program: str) -> list[psutil.Process]:
        """Return the installation's processes of one program, and no other installation's."""
        found = []
        for process in psutil.process_iter():
            try:
                if PROGRAMS[program](process.cmdline()) and self._is_ours(process):
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def _is_ours(self, process: psutil.Process) -> bool:
        marks = (str(self.stack.state), *process.environ().values())
        return process.pid != os.getpid() and any(
            str(self.stack.state) in text for text in (*process.cmdline(), *marks[1:], _cwd(process))
        )

    def break_(self, program: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to every process of a program; there must be one."""
        victims = wait_for(lambda: self.find(program), what=f"a process of the {program}", seconds=60)
        for process in victims:
            process.send_signal(number)

    def create(self) -> None:
        answer = self.alice.api("POST", "notebook", json=SPEC)
        assert answer.status_code == 200, answer.text
        self.notebook = answer.json()["id"]

    def ask(self, method: str, path: str) -> dict[str, Any] | None:
        """Ask the API; None while something of the installation is away."""
        try:
            answer = self.alice.api(method, f"notebook/{self.notebook}{path}")
        except httpx.HTTPError:
            return None
        return answer.json() if answer.status_code < 300 and answer.content else None

    def deleted(self) -> bool:
        """Order the deletion until the notebook is gone; the installation may be half away."""
        if not self.is_whole():
            return False
        try:
            state = self.alice.state(self.notebook)
            if state not in {"HTTP 404", "DELETING"}:
                self.alice.api("DELETE", f"notebook/{self.notebook}", params={"force": "true"})
        except httpx.HTTPError:
            return False
        return state == "HTTP 404"

    def state(self) -> str:
        found = self.ask("GET", "")
        return found["status"]["state"] if found else ""

    def wait(self, *states: str, seconds: float = 120) -> str:
        try:
            return wait_for(
                lambda: (now := self.state()) in states and now, what=f"{states}", seconds=seconds
            )
        except AssertionError as error:
            raise AssertionError(f"{error}; state {self.state()}\n{self.stack.logs()}") from None

    def write(self, text: str) -> None:
        """Let the notebook's own kernel write a file into its volume."""
        url = self.ask("GET", "")["status"]["url"]
        LabSession(self.alice, url).run(f"open('data/result.txt', 'w').write({text!r})")

    def stop(self) -> None:
        """Order the stop; the installation may be half away."""
        wait_for(self._stopped, what="the stop to be taken", seconds=60)

    def _stopped(self) -> bool:
        if self.state() in SETTLED | {"STOPPING"}:
            return True
        try:
            self.alice.api("PUT", f"notebook/{self.notebook}/stop")
        except httpx.HTTPError:
            return False
        return self.state() in SETTLED | {"STOPPING"}

    def rows(self, query: str, *values: str) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(self.stack.state / "ledger.sqlite", timeout=30)) as database:
            database.row_factory = sqlite3.Row
            return database.execute(query, values).fetchall()

    def runs(self) -> list[sqlite3.Row]:
        identifier = self.notebook.replace("-", "")
        return self.rows("SELECT * FROM runs WHERE notebook = ? ORDER BY created_at", identifier)

    def strays(self) -> list[psutil.Process]:
        """Return what still carries the mark of one of the notebook's ended runs."""
        ids = {run["id"].replace("-", "") for run in self.runs() if run["ended_at"]}
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(RUN, "-").replace("-", "") in ids:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def check(self, *, what: str, when: str, file: str | None) -> str:
        """Check what must hold after everything is back and at rest; add a line to the report."""
        ended = self.wait(*SETTLED, seconds=150)
        if ended == "SYNC_FAILED":
            raise AssertionError(f"not saved\n{self.stack.logs()}")
        wait_for(lambda: not self.strays(), what="the last stray to be gone", seconds=60)
        for run in self.runs():
            history = self.rows("SELECT * FROM transitions WHERE run = ? ORDER BY id", run["id"])
            assert run["state"] in SETTLED, dict(run)
            assert run["ended_at"], dict(run)
            assert run["push"] in {"none", "done"}, dict(run)
            states = {row["state"] for row in history}
            assert ("RUNNING" in states) == bool(run["running_at"])
            if run["running_at"]:
                assert _time(run["running_at"]) <= _time(run["stopped_at"]) <= _time(run["ended_at"]), dict(
                    run
                )
        if file is not None:
            assert [bool(run["running_at"]) for run in self.runs()] == [True], "one run, and it ran"
            assert self.store.objects[BUCKET].get("result.txt") == file.encode(), self.stack.logs()
        # The whole quota is free again: the next start takes all of it.
        assert not self.rows("SELECT id FROM runs WHERE state IN ('STARTING', 'RUNNING')")
        self._report(what, when, ended, file)
        return ended

    def _report(self, what: str, when: str, ended: str, file: str | None) -> None:
        if not os.environ.get(REPORT):
            return
        run = self.runs()[-1]
        held = [
            "no hold left",
            "one end",
            "no stray process",
            *(["nothing billed"] if not run["running_at"] else ["its times are in order"]),
            *(["the changed file is in the bucket"] if file is not None else []),
        ]
        line = {"broken": what, "when": when, "ended": ended, "held": held}
        with Path(os.environ[REPORT]).open("a") as file_:
            file_.write(json.dumps(line) + "\n")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _cwd(process: psutil.Process) -> str:
    try:
        return process.cwd()
    except psutil.Error:
        return ""


@contextmanager
def broken_stack(folder: Path) -> Iterator[BrokenStack]:
    with odd_s3_server() as store:
        store.objects[BUCKET] = {"old.txt": b"old"}
        odd = {
            "type": "s3",
            "endpoint": store.endpoint,
            "accessKeyEnv": "OVH_SPAWNER_DEMO_ACCESS_KEY",
            "secretKeyEnv": "OVH_SPAWNER_DEMO_SECRET_KEY",
        }
        with local_stack(folder, dataStores={"ODD": odd}) as stack:
            yield BrokenStack(stack, store, stack.sign_in("alice"))
