"""A notebook with its newest run: what every use case looks at first."""

from dataclasses import dataclass
from uuid import UUID

from ovh_spawner.domain.states import NotebookState, PushState, notebook_state
from ovh_spawner.errors import NotFoundError, WrongStateError
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import Deletion, NotebookRecord, RunRecord
from ovh_spawner.service.operations.actors import Actor
from ovh_spawner.service.operations.status_texts import why_not_startable


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a notebook stands."""

    notebook: NotebookRecord
    run: RunRecord | None

    @property
    def state(self) -> NotebookState:
        return state_of(self.notebook, self.run)


def state_of(notebook: NotebookRecord, run: RunRecord | None) -> NotebookState:
    """Return what the notebook shows."""
    return notebook_state(
        run.state if run else None,
        run.push if run else PushState.NONE,
        deleting=notebook.deletion is not Deletion.NO,
    )


async def find_standing(unit: UnitOfWork, notebook: UUID) -> Standing | None:
    """Return the notebook with its newest run, or None when there is no such notebook."""
    found = await unit.notebooks.find_with_run(notebook)
    return Standing(*found) if found else None


async def standing_of(unit: UnitOfWork, record: NotebookRecord) -> Standing:
    """Return the notebook with its newest run."""
    return Standing(record, await unit.runs.find(record.last_run) if record.last_run else None)


async def get_standing(unit: UnitOfWork, notebook: UUID, actor: Actor) -> Standing:
    """Return the notebook with its newest run.

    Raises:
        NotFoundError: there is none that this person may know of.

    """
    found = await find_standing(unit, notebook)
    if found is None or not actor.may_see(found.notebook.owner):
        raise NotFoundError("notebook", str(notebook))
    return found


async def refusal(unit: UnitOfWork, standing: Standing) -> WrongStateError:
    """Return the error that says why a notebook in this state can be neither started nor changed."""
    syncs = await unit.syncs.list_open(standing.notebook.id)
    message = why_not_startable(standing.state, standing.notebook, syncs)
    return WrongStateError(message, state=standing.state.value)
