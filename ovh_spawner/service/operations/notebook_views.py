"""From the ledger's rows to what can be shown of notebooks: a whole page with a fixed number of queries."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from ovh_spawner.contract.notebooks import NotebookBrief
from ovh_spawner.domain.labels import platform_labels
from ovh_spawner.domain.states import RunState, Transition, best
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import NotebookRecord, RunRecord, SyncRecord
from ovh_spawner.service.db.runs import PastRuns
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.standing import Standing
from ovh_spawner.service.operations.status_texts import notebook_status, run_code, sync_code
from ovh_spawner.service.operations.views import DataSyncView, NotebookView, RunView
from ovh_spawner.settings import Settings

SHOWN_SYNCS = 20
"""Of each notebook; older ones say nothing about where it stands."""

_NEVER = PastRuns()


async def view_notebooks(unit: UnitOfWork, standings: Sequence[Standing], means: Means) -> list[NotebookView]:
    """Return the notebooks as they can be shown, in the order given."""
    settings, now = means.settings, means.now()
    # What has never run has neither transitions nor syncs.
    ids = [standing.notebook.id for standing in standings if standing.run]
    transitions = await unit.transitions.of_runs(s.run.id for s in standings if s.run) if ids else {}
    syncs = await unit.syncs.list_newest(ids, SHOWN_SYNCS) if ids else {}
    past_runs = await unit.runs.sum_up(ids, now) if ids else {}
    views = []
    for standing in standings:
        record, run, state = standing.notebook, standing.run, standing.state
        past = past_runs.get(record.id, _NEVER)
        known = syncs.get(record.id, ())
        code, message = notebook_status(state, run, known)
        if run and run.state is RunState.STARTING:
            message = means.runner.why_it_waits(run.id) or message
        views.append(
            NotebookView(
                id=record.id,
                project=record.project,
                owner=record.owner,
                server_name=record.server_name,
                created_at=record.created_at,
                updated_at=record.updated_at,
                spec=record.spec,
                labels={**record.spec.labels, **platform_labels(record.id)},
                revision=record.revision,
                state=state,
                code=code,
                message=message,
                url=notebook_url(settings, record),
                duration=past.seconds,
                last_started_at=past.last_running_at,
                last_stopped_at=past.last_ended_at,
                last_run=view_run(run, transitions.get(run.id, ()), now) if run else None,
                data_syncs=tuple(view_sync(sync) for sync in known),
                **_ssh(settings, record),
            )
        )
    return views


def notebook_url(settings: Settings, record: NotebookRecord) -> str:
    """Return the address that never changes: both names are the hub's, escaped as it does."""
    prefix = settings.notebook_prefix(quote(record.owner, safe="@~"), quote(record.server_name, safe="@~"))
    return settings.notebook_origin(record.owner) + prefix


def _ssh(settings: Settings, record: NotebookRecord) -> dict[str, str]:
    if not (settings.ssh.enabled and record.spec.ssh_public_keys):
        return {}
    notebook, public = str(record.id), settings.deployment.public_url
    return {
        "ssh_url": settings.ssh.url(notebook, public),
        "ssh_command": settings.ssh.command(notebook, public),
    }


def view_run(run: RunRecord, known: Sequence[Transition], now: datetime) -> RunView:
    """Return one run as it can be shown."""
    reports = (best(known, state) for state in RunState)
    history = sorted((report for report in reports if report), key=lambda report: report.at)
    seconds = ((run.stopped_at or now) - run.running_at).total_seconds() if run.running_at else 0
    return RunView(
        id=run.id,
        state=run.state,
        code=run_code(run),
        message=run.message,
        flavor=run.flavor,
        count=run.count,
        created_at=run.created_at,
        started_at=run.running_at,
        stopped_at=run.stopped_at,
        ended_at=run.ended_at,
        duration=max(0, int(seconds)),
        history=tuple(history),
        last_active_at=run.last_active_at,
    )


def view_sync(sync: SyncRecord) -> DataSyncView:
    """Return one data sync as it can be shown."""
    return DataSyncView(
        id=sync.id,
        notebook=sync.notebook,
        run=sync.run,
        direction=sync.direction,
        manual=sync.manual,
        volume=sync.volume,
        state=sync.state,
        code=sync_code(sync.state),
        message=sync.message,
        created_at=sync.created_at,
        updated_at=sync.updated_at,
        started_at=sync.started_at,
        ended_at=sync.ended_at,
        progress=sync.volumes,
    )


async def brief_notebook(unit: UnitOfWork, standing: Standing, settings: Settings) -> NotebookBrief:
    """Return where a notebook stands, for the hub's pages."""
    return _brief(standing, await unit.syncs.list_open(standing.notebook.id), settings)


async def brief_notebooks(
    unit: UnitOfWork, standings: Sequence[Standing], settings: Settings
) -> dict[str, NotebookBrief]:
    """Return where notebooks stand, by the names of their servers."""
    syncs = defaultdict(list)
    for sync in await unit.syncs.list_open():
        syncs[sync.notebook].append(sync)
    return {s.notebook.server_name: _brief(s, syncs[s.notebook.id], settings) for s in standings}


def _brief(standing: Standing, syncs: Sequence[SyncRecord], settings: Settings) -> NotebookBrief:
    _code, message = notebook_status(standing.state, standing.run, syncs)
    return NotebookBrief(
        notebook=standing.notebook.id,
        name=standing.notebook.spec.name,
        state=standing.state,
        message=message,
        syncing=[volume for sync in syncs for volume in sync.volumes],
        is_syncing=bool(syncs),
        ssh_command=_ssh(settings, standing.notebook).get("ssh_command", ""),
    )
