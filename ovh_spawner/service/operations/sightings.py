"""What the place where a run lives knows about its times, put into the books: they come from who knows them best."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from ovh_spawner.domain.states import ENDS, RunState, Source, Transition
from ovh_spawner.pod.endings import CLOCKS_APART
from ovh_spawner.service.db.records import RunRecord
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.run_books import is_overdue, record_transition
from ovh_spawner.service.runners.base import RunEvidence, RunLife

logger = structlog.get_logger()

HUB_PATIENCE = timedelta(seconds=30)
"""How long a hub may take from a pod that is ready to a proxy that leads to it. After that it is taken for away, and
the pod alone counts."""


class Sightings:
    """Records the cluster's own times, each once."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._told: set[tuple[UUID, RunState]] = set()

    async def take(self, run: RunRecord, evidence: RunEvidence) -> RunRecord:
        """Record what is new, and return the run as it is then."""
        if evidence.source is not Source.CLUSTER:
            return run
        now = self._means.now()
        news = [
            found for found in _transitions(run, evidence, now) if (run.id, found.state) not in self._told
        ]
        if not news:
            return run
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock(run.project, now)
            if evidence.stopping_at and evidence.ready_at:
                # It was there and ready when its end was ordered: no end that nobody saw can be before that.
                await unit.runs.prove_alive(run.id, evidence.stopping_at)
            current = await unit.runs.find(run.id)
            if current is None:
                return run
            for found in news:
                current = await record_transition(unit, current, found, now=now)
        self._told |= {(run.id, found.state) for found in news}
        logger.info("cluster_times_taken", run=str(run.id), states=[found.state.value for found in news])
        return current

    def keep_only(self, runs: set[UUID]) -> None:
        """Forget every run but these: the others are over."""
        self._told = {(run, state) for run, state in self._told if run in runs}


def _transitions(run: RunRecord, evidence: RunEvidence, now: datetime) -> list[Transition]:
    """Return what the cluster says."""
    if _is_hubs_to_tell(run, evidence, now):
        return []
    times = [(RunState.RUNNING, _first_ready_at(run, evidence))]
    if evidence.ready_at or run.state is not RunState.STARTING:
        # A pod that was ended before it was ready: its spawner says what that was.
        times.append((RunState.STOPPING, evidence.stopping_at))
    found = [Transition(state, Source.CLUSTER, at) for state, at in times if at]
    if run.state in ENDS and evidence.ended_at:
        found.append(_end(run, evidence, evidence.ended_at))
    return found


def _end(run: RunRecord, evidence: RunEvidence, at: datetime) -> Transition:
    """Return the cluster's time of an end. Why a start failed, its hub knows; a stop hides nothing that broke first."""
    if run.state is RunState.STOPPED and evidence.end:
        return Transition(evidence.end, Source.CLUSTER, at, evidence.code, evidence.message)
    return Transition(run.state, Source.CLUSTER, at, run.code, run.message)


def _first_ready_at(run: RunRecord, evidence: RunEvidence) -> datetime | None:
    """Return since when the pod was ready; a node that was away for a while stamps its pods anew when it is back."""
    known, said = run.running_at, evidence.ready_at
    return None if known and said and said > known + CLOCKS_APART else said


def _is_hubs_to_tell(run: RunRecord, evidence: RunEvidence, now: datetime) -> bool:
    """Tell whether the hub will say in a moment that the notebook runs: when its proxy leads to the ready pod."""
    is_new = run.state is RunState.STARTING and evidence.life is RunLife.ALIVE and not evidence.stopping_at
    return bool(is_new and evidence.ready_at and not is_overdue(evidence.ready_at, now, HUB_PATIENCE))
