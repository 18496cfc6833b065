"""Whether the books of many notebooks are right: none lost, each ran once, from when it began to when it ended."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from ovh_spawner.pod.names import pod_name
from ovh_spawner.pod.status import read_pod
from tests.cluster.notebooks import CLUSTER_TICK, ask_books, utc
from tests.support.true_times import TrueTimes, minutes_between
from tests.support.waiting import wait_for

SETTLE_SECONDS = 300


class Crowd:
    """People with one notebook each, who start together and stop together."""

    def __init__(self, owners: Sequence[str]) -> None:
        self.owners = owners
        self.times = TrueTimes()
        self.times.begun_after -= CLUSTER_TICK

    def is_ready(self) -> None:
        self.times.saw("RUNNING", datetime.now(UTC))

    def is_about_to_stop(self) -> None:
        self.times.ordering()
        assert self.times.over_after is not None
        self.times.over_after -= CLUSTER_TICK

    def has_stopped(self) -> None:
        self.times.ended()

    def wrong(self, ledger: Path, pods: Sequence[dict[str, Any]]) -> list[str]:
        """Name whom the books have wrong, and how; ``pods`` are the notebooks', while they ran."""
        wait_for(lambda: not _open_runs(ledger), what="every run to be closed", seconds=SETTLE_SECONDS)
        ready = {pod["metadata"]["name"]: read_pod(pod).ready_at for pod in pods}
        found = ((owner, self._problem(ledger, owner, ready)) for owner in self.owners)
        return [f"{owner}: {problem}" for owner, problem in found if problem]

    def _problem(self, ledger: Path, owner: str, ready: Mapping[str, datetime | None]) -> str:
        query = "SELECT notebook, running_at, stopped_at, state FROM runs WHERE owner = ?"
        runs = ask_books(ledger, query, owner)
        if [run["state"] for run in runs] != ["STOPPED"]:
            return f"runs {[tuple(run) for run in runs]}"
        began, ended = utc(runs[0]["running_at"]), utc(runs[0]["stopped_at"])
        if began != (known := ready.get(pod_name(UUID(runs[0]["notebook"])))):
            return f"billed from {began}, ready at {known}"
        try:
            self.times.check(began, ended, minutes_between(began, ended))
        except AssertionError as error:
            return str(error)
        return ""


def _open_runs(ledger: Path) -> int:
    return len(ask_books(ledger, "SELECT id FROM runs WHERE ended_at IS NULL"))
