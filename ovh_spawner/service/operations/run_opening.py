"""Opening a run: the one place where a hold on the project's quota is taken."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from pydantic import SecretStr

from ovh_spawner.contract.sync import SyncDirection
from ovh_spawner.domain.access import Person
from ovh_spawner.domain.projects import Project, sight_of
from ovh_spawner.domain.quota import check_quota
from ovh_spawner.domain.states import STARTABLE, Source
from ovh_spawner.errors import InvalidSpecError
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import NotebookRecord, RunRecord, SyncRecord
from ovh_spawner.service.db.runs import Hold
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.projects import get_project
from ovh_spawner.service.operations.standing import Standing, refusal
from ovh_spawner.service.secrets import new_secret


async def open_run(
    unit: UnitOfWork, means: Means, standing: Standing, *, actor: Person, attempt: UUID | None
) -> RunRecord:
    """Take the hold and open the run. The project's lock must be held.

    Raises:
        WrongStateError: the notebook runs, is still being saved, or its data are not saved.
        QuotaExceededError: the project has not enough GPUs left.
        InvalidSpecError: its flavor is not offered any more.
        NotFoundError: its project is not set up any more.

    """
    notebook = standing.notebook
    if standing.state not in STARTABLE:
        raise await refusal(unit, standing)
    run = _new_run(means, notebook, attempt)
    project = await get_project(unit, means.settings, notebook.project)
    if run.gpus:
        await _check_quota(unit, project, run, actor=actor)
    await unit.runs.open(run, Source.API if attempt is None else Source.HUB)
    if notebook.spec.volumes:
        await unit.syncs.add(_pull_of(run))
    return run


async def _check_quota(unit: UnitOfWork, project: Project, run: RunRecord, *, actor: Person) -> None:
    limit = project.gpu_quota
    used = await unit.runs.gpus_held(run.project)
    # Who holds them is asked for only when it is told: a refusal is rare, and the list is long.
    is_refused = used + run.gpus > limit
    by = _visible_names(await unit.runs.list_holds(run.project), project, actor) if is_refused else []
    check_quota(run.project, asked=run.gpus, used=used, limit=limit, by=by)


def _new_run(means: Means, notebook: NotebookRecord, attempt: UUID | None) -> RunRecord:
    spec = notebook.spec
    flavor = means.capabilities().flavor(spec.flavor)
    if flavor is None:
        raise InvalidSpecError.one(
            "resources.flavor",
            f"Flavor {spec.flavor!r} is not offered any more; give the notebook another one.",
        )
    resources = flavor.per_unit.times(spec.count)
    now = means.now()
    return RunRecord(
        id=uuid4(),
        notebook=notebook.id,
        project=notebook.project,
        hub=notebook.hub,
        owner=notebook.owner,
        notebook_name=spec.name,
        flavor=spec.flavor,
        count=spec.count,
        cpus=resources.cpu if not resources.gpu else 0,
        gpus=resources.gpu,
        revision=notebook.revision,
        gateway_token=SecretStr(new_secret()),
        created_at=now,
        last_alive_at=now,
        attempt=attempt,
    )


def _pull_of(run: RunRecord) -> SyncRecord:
    return SyncRecord(
        id=uuid4(),
        notebook=run.notebook,
        run=run.id,
        direction=SyncDirection.PULL,
        manual=False,
        volume=None,
        created_at=run.created_at,
        updated_at=run.created_at,
    )


def _visible_names(holds: Sequence[Hold], project: Project, actor: Person) -> list[str]:
    if actor.token is not None:
        # Labels are not known of holds, so that nothing can be said to a token with a selector.
        return []
    sees_all = actor.is_platform_admin or project.name in sight_of(actor, [project]).whole
    return [hold.notebook_name for hold in holds if hold.gpus and (sees_all or hold.owner == actor.name)]
