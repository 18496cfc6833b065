"""One notebook of an installation that is broken on purpose: how it is used, and what must hold in the end."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.support.installation_processes import of_runs
from tests.support.jupyter import LabSession
from tests.support.stack import Person
from tests.support.true_times import TrueTimes, now
from tests.support.waiting import wait_for

SETTLED = {"STOPPED", "FAILED", "ERROR", "SYNC_FAILED"}
OVER = SETTLED | {"STOPPING"}


@dataclass
class Life:
    """A notebook from its creation to its deletion; the installation may be half away at any time."""

    person: Person
    id: str
    url: str
    times: TrueTimes = field(default_factory=TrueTimes)

    @classmethod
    def begin(cls, person: Person, spec: dict[str, Any]) -> "Life":
        """Create the notebook, which starts it."""
        times = TrueTimes()
        answer = person.api("POST", "notebook", json=spec)
        assert answer.status_code < 300, answer.text
        return cls(person, answer.json()["id"], answer.json()["status"]["url"], times)

    @property
    def server(self) -> str:
        """Return its path in JupyterHub's API."""
        return f"users/{self.person.name}/servers/{self.url.rstrip('/').rsplit('/', 1)[1]}"

    def state(self) -> str:
        """Ask for the state; empty while something of the installation is away."""
        asked = now()
        try:
            answer = self.person.api("GET", f"notebook/{self.id}")
        except httpx.HTTPError:
            return ""
        if answer.status_code != 200:
            return f"HTTP {answer.status_code}" if answer.status_code == 404 else ""
        state = answer.json()["status"]["state"]
        self.times.saw(state, asked)
        return state

    def wait(self, *states: str, seconds: float = 180) -> str:
        try:
            return wait_for(
                lambda: (seen := self.state()) in states and seen, what=f"{states}", seconds=seconds
            )
        except AssertionError as error:
            raise AssertionError(f"{error}; state {self.state()}\n{self.person.stack.logs()}") from None

    def write(self, text: str) -> None:
        """Let the notebook's own kernel write a file into its volume."""
        LabSession(self.person, self.url).run(f"open('data/result.txt', 'w').write({text!r})")

    def start(self) -> None:
        self.times = TrueTimes()
        answer = self.person.api("PUT", f"notebook/{self.id}/start")
        assert answer.status_code < 300, answer.text

    def order_stop(self) -> None:
        """Order the stop once; there is a service to take the order."""
        self.times.ordering()
        answer = self.person.api("PUT", f"notebook/{self.id}/stop")
        assert answer.status_code < 300, answer.text
        self.times.ended()

    def stop(self) -> None:
        """Order the stop until it is taken."""
        self.times.ordering()
        wait_for(self._is_stop_taken, what="the stop to be taken", seconds=120)
        self.times.ended()

    def _is_stop_taken(self) -> bool:
        if self.state() in OVER:
            return True
        try:
            self.person.api("PUT", f"notebook/{self.id}/stop")
        except httpx.HTTPError:
            return False
        return self.state() in OVER

    def order_deletion(self) -> None:
        answer = self.person.api("DELETE", f"notebook/{self.id}", params={"force": "true"})
        assert answer.status_code < 300, answer.text

    def is_deleted(self) -> bool:
        """Order the deletion until the notebook is gone."""
        try:
            state = self.state()
            if state and state not in {"HTTP 404", "DELETING"}:
                self.person.api("DELETE", f"notebook/{self.id}", params={"force": "true"})
        except httpx.HTTPError:
            return False
        return state == "HTTP 404"

    def rows(self, query: str, *values: str) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(self.person.stack.state / "ledger.sqlite", timeout=60)) as database:
            database.row_factory = sqlite3.Row
            return database.execute(query, values).fetchall()

    def runs(self) -> list[sqlite3.Row]:
        identifier = self.id.replace("-", "")
        return self.rows("SELECT * FROM runs WHERE notebook = ? ORDER BY created_at", identifier)

    @property
    def files(self) -> Path:
        return self.person.stack.state / "notebooks" / self.id

    def check_the_end(self) -> str:
        """Wait until all is at rest; check runs, quota and strays; return the state."""
        wait_for(lambda: not self.processes(), what="the last process of the run to be gone", seconds=180)
        self.times.ended()
        ended = self.wait(*SETTLED, seconds=240)
        if ended == "SYNC_FAILED":
            raise AssertionError(f"not saved\n{self.person.stack.logs()}")
        assert not self.processes()
        for run in self.runs():
            history = self.rows("SELECT * FROM transitions WHERE run = ? ORDER BY id", run["id"])
            assert run["state"] in SETTLED, dict(run)
            assert run["ended_at"], dict(run)
            assert run["push"] in {"none", "done"}, dict(run)
            assert ("RUNNING" in {row["state"] for row in history}) == bool(run["running_at"])
            if run["running_at"]:
                assert run["running_at"] <= run["stopped_at"] <= run["ended_at"], dict(run)
        held = "SELECT id FROM runs WHERE notebook = ? AND state IN ('STARTING', 'RUNNING')"
        assert not self.rows(held, self.id.replace("-", ""))
        return ended

    def check_the_bill(self) -> str:
        """Compare the statement with the true times, and return what held, in words."""
        ran = [run for run in self.runs() if run["running_at"]]
        lines = self.statement()
        assert len(lines) == len(ran) <= 1, lines
        if not ran:
            return "nothing billed"
        running_at, stopped_at = _time(ran[0]["running_at"]), _time(ran[0]["stopped_at"])
        return self.times.check(running_at, stopped_at, sum(line["minutes"] for line in lines))

    def statement(self) -> list[dict[str, Any]]:
        """Return the notebook's lines of this month's statement, and of the last one's when it began there."""
        months = {f"{at:%Y-%m}" for at in (self.times.begun_after, now())}
        found = []
        for month in sorted(months):
            query = {"month": month, "notebook": self.id, "groupBy": "run"}
            found += self.person.api("GET", "usage", params=query).raise_for_status().json()["lines"]
        return found

    def processes(self) -> list[psutil.Process]:
        """Return what carries the mark of one of its runs."""
        return of_runs({run["id"].replace("-", "") for run in self.runs()})


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
