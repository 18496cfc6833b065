"""Random lives of notebooks, with crashes between any two steps, against the true history.

``OVH_SPAWNER_MODEL_EXAMPLES``: how many lives to try (default: a few for every day, 150 in the long tier).
``OVH_SPAWNER_MODEL_SHRINK``: also look for the shortest story that fails.
"""

import gc
import math
import os
from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from ovh_spawner.domain.billing import Period
from ovh_spawner.domain.states import ENDS, STARTABLE
from ovh_spawner.errors import OVHSpawnerError
from ovh_spawner.service.operations.views import StatementQuery
from tests.reliability.acts import Acts, is_here, of, picks
from tests.support.requirements import LONG
from tests.support.world import ANN, BOSS

pytestmark = pytest.mark.long

EXAMPLES = int(os.environ.get("OVH_SPAWNER_MODEL_EXAMPLES", "150" if LONG else "8"))
# Finding the shortest story that fails takes minutes: for people who look for it, not for every day.
PHASES = tuple(Phase) if "OVH_SPAWNER_MODEL_SHRINK" in os.environ else (Phase.explicit, Phase.generate)
QUOTA = 4
YEAR = Period.month(2026, 3)


class Lives(Acts):
    """What breaks is a rule more; what must hold after each is an invariant."""

    # What breaks.

    @rule(seconds=st.sampled_from([1, 59, 60, 61, 150, 4000]))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds=seconds)

    @rule(seconds=st.sampled_from([1, 90, 5000]))
    def clock_is_set_back(self, seconds: int) -> None:
        self.world.step_back(seconds)

    @rule(is_down=st.booleans(), refuses=st.booleans())
    def hub_is_ill_or_well(self, is_down: bool, refuses: bool) -> None:
        self.world.hub.is_down, self.world.hub.refuses = is_down, refuses

    @rule(forget=st.booleans())
    def hub_crashes(self, forget: bool) -> None:
        self.world.hub.crash(forget=forget)

    @rule()
    def service_goes_away_or_comes_back(self) -> None:
        async def toggle() -> None:
            if self.world.is_away:
                self.world.service = await self.world.new_service()
            else:
                await self.world.service.stop()
            self.world.is_away = not self.world.is_away

        self.wait(toggle())

    @precondition(is_here)
    @rule(pick=picks, turns=st.integers(0, 12), act=st.sampled_from(["start", "stop", "delete", "round"]))
    def service_crashes_in_the_middle(self, pick: int, turns: int, act: str) -> None:
        notebook = of(self.faces, pick)
        if act == "round" or notebook is None:
            work = self.world.service.reconciler.round()
        elif act == "delete":
            self.deletes.add(notebook)
            work = self.world.notebooks.delete(ANN, notebook, force=True)
        else:
            work = getattr(self.world.notebooks, act)(ANN, notebook)
        self.wait(self.world.crash_in(work, turns))
        self.note_orders()

    @precondition(is_here)
    @rule()
    def reconcile(self) -> None:
        self.wait(self.world.reconcile())
        self.wait(self.world.breathe())

    # What must hold.

    @invariant()
    def quota_holds(self) -> None:
        if not hasattr(self, "world"):
            return
        rows, histories = self.wait(self.world.rows()), self.wait(self.world.histories())
        held = sum(row.gpus for row in rows if row.state in {"STARTING", "RUNNING"})
        over = {run for run, history in histories.items() if {t.state for t in history} & {"STOPPING", *ENDS}}
        assert held <= QUOTA
        assert sum(row.gpus for row in rows if row.id not in over) <= QUOTA

    @invariant()
    def an_end_is_an_end(self) -> None:
        if not hasattr(self, "world"):
            return
        now_ended = {row.id for row in self.wait(self.world.rows()) if row.ended_at}
        assert self.ended <= now_ended
        self.ended = now_ended

    @precondition(is_here)
    @invariant()
    def nothing_is_startable_while_files_are_unsaved(self) -> None:
        if not hasattr(self, "world") or self.world.is_away:
            return
        for view in self.views():
            assert (view.server_name, view.url) == self.faces[view.id]
            if view.state in STARTABLE and view.spec.volumes and view.id not in self.deletes:
                assert view.id not in self.world.runner.unsaved, view
        assert set(self.world.runner.removed) <= self.deletes

    def views(self):
        async def look():
            found = []
            for notebook in self.faces:
                with suppress(OVHSpawnerError):
                    found.append(await self.world.notebooks.get(BOSS, notebook))
            return found

        return self.wait(look())

    def come_to_rest(self) -> None:
        self.wait(self.world.rest())
        self.note_orders()
        self.quota_holds()
        self.nothing_is_startable_while_files_are_unsaved()
        minutes = self.wait(self.billed())
        for row in self.wait(self.world.rows()):
            self.check_bill(row, minutes.get(row.id, 0))

    async def billed(self) -> dict[UUID, int]:
        query = StatementQuery(group_by="run")
        statement = await self.world.service.operations.statements.statement(BOSS, YEAR, query)
        return {line.run: line.minutes for line in statement.lines}

    def check_bill(self, row, billed: int) -> None:
        true = self.world.hub.truth.get(row.id)
        if true is None or true.running_at is None:
            assert billed == 0, (row, true)
            return
        if true.stepped:
            return
        most = minutes_between(true.running_at, true.over_at)
        assert billed <= most, (billed, most, row, true)
        if not true.lost:
            assert billed == most, (billed, most, row, true)
        elif row.running_at:
            assert billed >= minutes_between(true.running_at, min(true.over_at, true.proven_at)), (row, true)


def minutes_between(start, end) -> int:
    return max(1, math.ceil((end - start).total_seconds() / 60))


# A service that is killed in the middle leaves its connection to the garbage collector, as a dead process would.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.timeout(3600)
def test_every_life_ends_with_the_true_history(tmp_path, database_url):
    machine = type("LivesHere", (Lives,), {"folder": tmp_path, "database_url": database_url})
    run_machine(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=30,
            deadline=None,
            phases=PHASES,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
    gc.collect()
