"""What can happen to notebooks: what people order, what hub, gateways and processes do, in any sequence."""

import asyncio
import itertools
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from ovh_spawner.contract.runs import TransitionReport
from ovh_spawner.contract.sync import SyncState
from ovh_spawner.domain.states import RunState, Source
from ovh_spawner.errors import OVHSpawnerError
from tests.support.model_hub import TrueRun
from tests.support.model_world import ModelWorld
from tests.support.world import ANN, RW, gpus, spec

picks = st.integers(0, 7)
counts = st.sampled_from([0, 1, 2, 4])
pushes = st.sampled_from(
    [SyncState.DONE, SyncState.FAILED, SyncState.TRANSIENT_ERROR, "lost", "running", "locked"]
)


def of(found, pick: int):
    """Return one of what there is, or None."""
    return list(found)[pick % len(found)] if found else None


def is_here(acts: "Acts") -> bool:
    """Tell whether the service is there; a precondition of what needs it."""
    return not acts.world.is_away


class Acts(RuleBasedStateMachine):
    """Acts of people, hub and processes; what breaks, and what must hold, is added by a subclass."""

    folder = None
    database_url = ""
    numbers = itertools.count()

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.world = ModelWorld(self.folder / str(next(self.numbers)), self.database_url)
        self.faces: dict[UUID, tuple] = {}
        self.deletes: set[UUID] = set()
        self.ended: set[UUID] = set()
        self.wait(self.world.start())

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.come_to_rest()
        finally:
            self.wait(self.world.close())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()

    def wait(self, work):
        return self.loop.run_until_complete(work)

    def order(self, work) -> bool:
        """Do what a person asks for; a refusal is an answer."""

        async def ask() -> bool:
            try:
                await work
            except OVHSpawnerError:
                return False
            finally:
                await self.world.breathe()
            return True

        return self.wait(ask())

    @property
    def true_runs(self) -> list[TrueRun]:
        return list(self.world.hub.truth.values())

    # What people do.

    @precondition(is_here)
    @rule(count=counts, saved=st.booleans())
    def create(self, count: int, saved: bool) -> None:
        changes = {"resources": gpus(count)} if count else {}
        data = spec(**changes, **({"volumes": [RW]} if saved else {}))

        async def work() -> None:
            view = await self.world.notebooks.create(ANN, data)
            self.faces[view.id] = (view.server_name, view.url)

        self.order(work())

    @precondition(is_here)
    @rule(pick=picks)
    def start(self, pick: int) -> None:
        if notebook := of(self.faces, pick):
            self.order(self.world.notebooks.start(ANN, notebook))

    @precondition(is_here)
    @rule(pick=picks)
    def stop(self, pick: int) -> None:
        if notebook := of(self.faces, pick):
            self.order(self.world.notebooks.stop(ANN, notebook))
            self.note_orders()

    @precondition(is_here)
    @rule(pick=picks, force=st.booleans())
    def delete(self, pick: int, force: bool) -> None:
        if notebook := of(self.faces, pick):
            before = set(self.deletes)
            # Known first: its files may be gone before the order has answered.
            self.deletes.add(notebook)
            if not self.order(self.world.notebooks.delete(ANN, notebook, force=force)):
                self.deletes = before
            self.note_orders()

    @precondition(is_here)
    @rule(pick=picks, count=counts)
    def update(self, pick: int, count: int) -> None:
        if notebook := of(self.faces, pick):
            resources = gpus(count) if count else spec()["resources"]
            self.order(self.world.notebooks.update(ANN, notebook, {"resources": resources}))

    @precondition(is_here)
    @rule(pick=picks)
    def push_by_hand(self, pick: int) -> None:
        if notebook := of(self.faces, pick):
            self.order(self.world.service.operations.sync.request(ANN, notebook, {"direction": "push"}))

    # What hub, gateways and processes do.

    @rule(pick=picks)
    def hub_goes_on(self, pick: int) -> None:
        if (server := of(self.world.hub.servers.values(), pick)) and (
            not self.world.is_away or server.stage.name != "ASKED"
        ):
            self.wait(self.world.hub.advance(server))
            self.wait(self.world.breathe())

    @precondition(is_here)
    @rule(pick=picks)
    def heartbeat(self, pick: int) -> None:
        if true := of([t for t in self.true_runs if t.alive], pick):
            self.wait(self.world.runs.heartbeat(true.run))
            true.proven_at = self.world.clock()

    @rule(pick=picks, record=st.booleans())
    def process_dies(self, pick: int, record: bool) -> None:
        if true := of([t for t in self.true_runs if t.alive], pick):
            self.world.hub.kill(true, ordered=False, record=record)

    @precondition(is_here)
    @rule(pick=picks, which=picks, late=st.booleans())
    def report_again(self, pick: int, which: int, late: bool) -> None:
        """Repeat a report as it was, or the same of a source that said it already, with a later time."""
        if true := of([t for t in self.true_runs if t.reports], pick):
            report: TransitionReport = of(true.reports, which)
            if (true.run, report) in self.world.hub.queue:
                return
            changed = report.model_copy(update={"at": self.world.clock()}) if late else report
            self.wait(self.world.runs.record(true.run, changed))

    @precondition(is_here)
    @rule(pick=picks)
    def gateway_reports_running(self, pick: int) -> None:
        if true := of([t for t in self.true_runs if t.running_at and not t.lost], pick):
            report = TransitionReport(state=RunState.RUNNING, source=Source.GATEWAY, at=true.running_at)
            self.wait(self.world.runs.record(true.run, report))

    @precondition(is_here)
    @rule(pick=picks)
    def late_report_arrives(self, pick: int) -> None:
        if queue := self.world.hub.queue:
            self.wait(self.world.hub.deliver(pick % len(queue)))

    @rule(outcome=pushes)
    def pushes_go(self, outcome) -> None:
        self.world.runner.usually = outcome

    @rule(pick=picks, state=st.sampled_from([SyncState.DONE, SyncState.FAILED]))
    def push_ends(self, pick: int, state: SyncState) -> None:
        runner = self.world.runner
        if sync := of([i for i, evidence in runner.syncs.items() if evidence.life.value == "running"], pick):
            runner.end(sync, state)
            self.wait(self.world.breathe())

    def note_orders(self) -> None:
        """Learn which stops were taken: the order is the ledger's own fact, nobody else knows it better."""
        for run, history in self.wait(self.world.histories()).items():
            true = self.world.hub.truth.get(run)
            for row in history:
                if true and row.state == "STOPPING" and row.source == "api":
                    true.over(row.at)
