"""Data syncs that a person asks for, and the list of all."""

from typing import Literal
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ovh_spawner.contract.sync import SyncDirection
from ovh_spawner.domain.access import Action, Person
from ovh_spawner.domain.problems import problems_from
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.states import NotebookState
from ovh_spawner.errors import InvalidSpecError, WrongStateError
from ovh_spawner.service.db.records import SyncRecord
from ovh_spawner.service.operations.audit import Act, record_notebook
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.notebook_views import SHOWN_SYNCS, view_sync
from ovh_spawner.service.operations.standing import Standing, get_standing
from ovh_spawner.service.operations.sync_jobs import select_volumes
from ovh_spawner.service.operations.sync_worker import SyncWorker
from ovh_spawner.service.operations.views import DataSyncView

_ALLOWED = {
    SyncDirection.PULL: frozenset({NotebookState.RUNNING}),
    SyncDirection.PUSH: frozenset({NotebookState.RUNNING, NotebookState.SYNC_FAILED}),
}


class SyncRequest(BaseModel):
    """What a person asks for; ``manual`` is what the vendor's clients send, and always true here."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    direction: Literal["pull", "push"]
    manual: bool | None = None
    volume: str | None = Field(default=None, description="Id of one volume; absent: all of them.")


class SyncOperations:
    """Use cases of data syncs."""

    def __init__(self, means: Means, worker: SyncWorker) -> None:
        self._means = means
        self._worker = worker

    async def request(self, actor: Person, notebook: UUID, data: object) -> DataSyncView:
        """Start a pull or push now.

        Raises:
            InvalidSpecError: the request is malformed, or names a volume that cannot move this way.
            WrongStateError: the notebook is neither RUNNING nor (for a push) SYNC_FAILED.

        """
        try:
            asked = SyncRequest.model_validate(data)
        except ValidationError as exc:
            raise InvalidSpecError(problems_from(exc, model=SyncRequest)) from None
        direction = SyncDirection(asked.direction)
        async with self._means.ledger.writing() as unit:
            await unit.projects.lock_of_notebook(notebook)
            standing = await get_standing(
                unit, self._means.settings, notebook, person=actor, action=Action.OPERATE
            )
            _refuse_wrong_state(standing, direction)
            volume = _chosen_volume(standing.notebook.spec, direction, asked.volume)
            now = self._means.now()
            sync = SyncRecord(
                id=uuid4(),
                notebook=notebook,
                run=standing.run.id if standing.run else None,
                direction=direction,
                manual=True,
                volume=volume,
                created_at=now,
                updated_at=now,
            )
            await unit.syncs.add(sync)
            await record_notebook(
                unit, actor, Act.NOTEBOOK_SYNC, notebook=standing.notebook, now=now, direction=direction.value
            )
        self._worker.ensure(sync)
        return view_sync(sync)

    async def list(self, actor: Person, notebook: UUID) -> tuple[DataSyncView, ...]:
        """Return the newest data syncs of a notebook, newest first."""
        async with self._means.ledger.reading() as unit:
            await get_standing(unit, self._means.settings, notebook, person=actor, action=Action.SEE)
            found = await unit.syncs.list_newest([notebook], SHOWN_SYNCS)
        return tuple(view_sync(sync) for sync in found.get(notebook, ()))


def _refuse_wrong_state(standing: Standing, direction: SyncDirection) -> None:
    if standing.state in _ALLOWED[direction]:
        return
    name, state = standing.notebook.spec.name, standing.state
    reason = "everything is saved" if state is NotebookState.STOPPED else "that is not possible now"
    allowed = " or ".join(sorted(found.value for found in _ALLOWED[direction]))
    raise WrongStateError(
        f"Notebook {name!r} is {state.value}: {reason}. A {direction.value} needs one that is {allowed}.",
        state=state.value,
    )


def _chosen_volume(spec: NotebookSpec, direction: SyncDirection, asked: str | None) -> UUID | None:
    movable = {str(volume.id): volume for volume in select_volumes(spec, direction, None)}
    if asked is None and movable:
        return None
    if asked in movable:
        return movable[asked].id
    shown = ", ".join(f"{key} ({volume.mount_path})" for key, volume in movable.items())
    if not movable:
        raise InvalidSpecError.one("direction", f"This notebook has no volume to {direction.value}.")
    raise InvalidSpecError.one(
        "volume", f"{(asked or '')[:64]!r} is no volume that can be {direction.value}ed; allowed: {shown}."
    )
