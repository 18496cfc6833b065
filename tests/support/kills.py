"""A local installation that is broken on purpose: which process is killed, what is away, what must hold after."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any

import httpx
import psutil

from tests.support.installation_processes import kill_all, of_program
from tests.support.lives import Life
from tests.support.odd_s3_server import OddS3Server, odd_s3_server
from tests.support.stack import LocalStack, Person, local_stack
from tests.support.waiting import wait_for

REPORT = "OVH_SPAWNER_RELIABILITY_REPORT"
BUCKET = "work"
VOLUME = {
    "mountPath": "/workspace/data",
    "permission": "RW",
    "dataStore": {"alias": "ODD", "container": BUCKET},
}
ENDING = {"gateway", "editor"}
"""Who is killed with one of these has ended the run."""


def spec(gpus: int, **changes: Any) -> dict[str, Any]:
    """Return a request; four GPUs are the whole quota."""
    return {
        "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
        "resources": {"flavor": "ai1-1-gpu", "gpu": gpus},
        "volumes": [VOLUME],
    } | changes


@dataclass
class BrokenStack:
    """One installation, its store, one person, and the notebook that is looked at."""

    stack: LocalStack
    store: OddS3Server
    alice: Person
    lives: list[Life] = field(default_factory=list)
    frozen: list[psutil.Process] = field(default_factory=list)

    @property
    def life(self) -> Life:
        """Return the notebook that is looked at: the newest."""
        return self.lives[-1]

    def create(self) -> Life:
        return self.take_over(Life.begin(self.alice, spec(4)))

    def clear_up(self) -> None:
        """Delete every notebook, whatever happened to it."""
        self.release()
        while self.lives:
            wait_for(self.life.is_deleted, what="the deletion", seconds=180)
            self.lives.pop()

    def take_over(self, life: Life) -> Life:
        """Look at one more notebook; all of them are deleted in the end."""
        self.lives.append(life)
        return life

    def is_whole(self) -> bool:
        """Tell whether proxy, hub and service answer; a proxy that has just come back knows no routes yet."""
        try:
            paths = ("/hub/health", "/services/ai/health")
            return all(httpx.get(f"{self.stack.url}{path}", timeout=10).status_code == 200 for path in paths)
        except httpx.HTTPError:
            return False

    def wait_until_whole(self) -> None:
        wait_for(self.is_whole, what="the installation to be whole", seconds=180)

    def find(self, program: str) -> list[psutil.Process]:
        """Return the installation's processes of one program, and no other installation's."""
        return of_program(self.stack.state, program)

    def await_program(self, program: str) -> list[psutil.Process]:
        return wait_for(lambda: self.find(program), what=f"a process of the {program}", seconds=120)

    def break_(self, program: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to every process of a program; there must be one."""
        victims = self.await_program(program)
        if program in ENDING or number is signal.SIGTERM:
            # Killed with its gateway, a run's end is known only as well as its last proof of life.
            self.life.times.broken(is_proof_lost=program == "gateway")
        for process in victims:
            process.send_signal(number)

    def freeze(self, program: str) -> None:
        """Let a program do nothing more, so that the moment in which it is stays as it is."""
        for process in self.await_program(program):
            process.suspend()
            self.frozen.append(process)

    def release(self) -> None:
        """Let everything go on that was held to make a moment last."""
        self.store.hold.set()
        self.store.hold_puts.set()
        while self.frozen:
            with suppress(psutil.Error):
                self.frozen.pop().resume()

    def lose_power(self) -> None:
        """Kill every process at once, the supervisor and the store too; what was under way is lost."""
        self.life.times.broken(is_proof_lost=True)
        self.store.lose_power()
        kill_all(self.stack.state)
        if self.life.times.is_begun:
            self.life.times.ended()
        self.stack.process.wait(timeout=60)
        # What a machine keeps in memory only is empty when it is back.
        for folder in self._socket_folders():
            rmtree(folder, ignore_errors=True)

    def come_back(self) -> None:
        """Start the installation again by its own command, and check that nothing runs twice."""
        self.stack.start()
        self.wait_until_whole()
        for program in ("supervisor", "data store", "hub", "service", "proxy"):
            assert len(self.find(program)) == 1, program

    def _socket_folders(self) -> Iterator[Path]:
        for record in self.stack.state.glob("notebooks/*/runs/*/gateway.json"):
            socket = json.loads(record.read_text())["editor"].get("socket")
            if socket:
                yield Path(socket).parent

    @contextmanager
    def service_away(self) -> Iterator[None]:
        """Kill the service; whoever would bring it back sleeps meanwhile."""
        (supervisor,) = self.find("supervisor")
        supervisor.suspend()
        try:
            self.break_("service")
            wait_for(lambda: not self.find("service"), what="the service to be gone")
            yield
        finally:
            supervisor.resume()
        self.wait_until_whole()

    def check(self, *, what: str, when: str, file: str | None) -> str:
        """Check what must hold after everything is back and at rest; add a line to the report."""
        ended = self.life.check_the_end()
        # All may be at rest before the proxy is back, through which the bill is asked for.
        self.wait_until_whole()
        runs = self.life.runs()
        if file is not None:
            assert [bool(run["running_at"]) for run in runs] == [True], "one run, and it ran"
            assert self.store.objects[BUCKET].get("result.txt") == file.encode(), self.stack.logs()
        bill = self.life.check_the_bill()
        saved = ["the changed file is in the bucket"] if file is not None else []
        report(what, when, ended, held=["no hold left", "one end", "no stray process", bill, *saved])
        return ended


def report(what: str, when: str, ended: str, *, held: list[str]) -> None:
    """Add a line to the record of which docs/reliability.md is made, when one is kept."""
    if not os.environ.get(REPORT):
        return
    line = {"broken": what, "when": when, "ended": ended, "held": held}
    with Path(os.environ[REPORT]).open("a") as file:
        file.write(json.dumps(line) + "\n")


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
