"""A notebook with its newest run: what every use case looks at first."""

from dataclasses import dataclass
from uuid import UUID

from ovh_spawner.domain.access import Action, Answer, Person, Sharing, Subject, may
from ovh_spawner.domain.labels import platform_labels
from ovh_spawner.domain.states import NotebookState, PushState, notebook_state
from ovh_spawner.errors import NotFoundError, PermissionDeniedError, WrongStateError
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import Deletion, NotebookRecord, RunRecord
from ovh_spawner.service.operations.projects import find_project
from ovh_spawner.service.operations.status_texts import why_not_startable
from ovh_spawner.settings import Settings


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


async def subject_of(unit: UnitOfWork, settings: Settings, record: NotebookRecord) -> Subject:
    """Return what the rules of access know of a notebook. A project that is gone keeps everybody else out."""
    project = await find_project(unit, settings, record.project)
    return Subject(
        project=record.project,
        owner=record.owner,
        sharing=project.sharing if project else Sharing.OWNER,
        labels={**record.spec.labels, **platform_labels(record.id)},
    )


async def get_standing(
    unit: UnitOfWork, settings: Settings, notebook: UUID, *, person: Person, action: Action
) -> Standing:
    """Return the notebook with its newest run, for somebody who wants to do this to it.

    Raises:
        NotFoundError: there is none that this person may know of.
        PermissionDeniedError: they may know of it, not do this.

    """
    found = await find_standing(unit, notebook)
    if found is None:
        raise NotFoundError("notebook", str(notebook))
    await check_access(unit, settings, found.notebook, person=person, action=action)
    return found


async def check_access(
    unit: UnitOfWork, settings: Settings, record: NotebookRecord, *, person: Person, action: Action
) -> None:
    """Refuse what somebody may not do to a notebook; raises what :func:`get_standing` does."""
    subject = await subject_of(unit, settings, record)
    match may(person, action, subject):
        case Answer.UNKNOWN:
            raise NotFoundError("notebook", str(record.id))
        case Answer.FORBIDDEN:
            raise PermissionDeniedError(_refusal_of(action, record, subject))
        case Answer.ALLOWED:
            return


def _refusal_of(action: Action, notebook: NotebookRecord, subject: Subject) -> str:
    name, project = notebook.spec.name, subject.project
    if action is Action.OPERATE:
        return (
            f"Your role in project {project!r} does not let you change notebook {name!r}, start or stop it. "
            "Ask the project's administrators to make you an operator."
        )
    if subject.sharing is Sharing.OWNER:
        return f"Only its owner may open notebook {name!r}: in project {project!r} each opens their own."
    return f"Only members of project {project!r} may open notebook {name!r}; you look after the platform."


async def refusal(unit: UnitOfWork, standing: Standing) -> WrongStateError:
    """Return the error that says why a notebook in this state can be neither started nor changed."""
    syncs = await unit.syncs.list_open(standing.notebook.id)
    message = why_not_startable(standing.state, standing.notebook, syncs)
    return WrongStateError(message, state=standing.state.value)
