"""Transitions: append-only; minutes and states are computed from them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ovh_spawner.domain.states import RunState, Source, Transition
from ovh_spawner.service.db.dialect import insert_if_absent
from ovh_spawner.service.db.tables import transitions


class TransitionRepository:
    """SQL about transitions."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, run: UUID, transition: Transition, *, now: datetime) -> bool:
        """Store the report; False: this source has already reported this state."""
        return await insert_if_absent(
            self._connection,
            transitions,
            {
                "run": run,
                "state": transition.state.value,
                "source": transition.source.value,
                "at": transition.at,
                "code": transition.code,
                "message": transition.message,
                "recorded_at": now,
            },
        )

    async def of_run(self, run: UUID) -> tuple[Transition, ...]:
        return (await self.of_runs([run])).get(run, ())

    async def of_runs(self, runs: Iterable[UUID]) -> Mapping[UUID, tuple[Transition, ...]]:
        known = transitions.c
        # Only what is told: a page of a hundred notebooks reads some five hundred of these.
        query = (
            select(known.run, known.state, known.source, known.at, known.code, known.message)
            .where(known.run.in_(list(runs)))
            .order_by(known.id)
        )
        found: dict[UUID, list[Transition]] = defaultdict(list)
        for row in await self._connection.execute(query):
            found[row.run].append(transition_from(row))
        return {run: tuple(known) for run, known in found.items()}


def transition_from(row: Any) -> Transition:
    """Return the transition that a row with its columns holds."""
    return Transition(
        state=RunState(row.state),
        source=Source(row.source),
        at=row.at,
        code=row.code,
        message=row.message,
    )
