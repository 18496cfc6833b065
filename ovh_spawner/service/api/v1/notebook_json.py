"""A notebook as the vendor writes it: pure translation of what the operations answer."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from ovh_spawner.contract import api_v1
from ovh_spawner.contract.api_v1_values import Info
from ovh_spawner.contract.sync import SyncDirection, SyncState
from ovh_spawner.domain.access import Person
from ovh_spawner.domain.capabilities import Capabilities
from ovh_spawner.domain.flavors import Resources
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.states import RunState
from ovh_spawner.domain.volumes import DataStoreSource, GitSource, StandaloneSource, Volume
from ovh_spawner.service.api.v1.datasync_json import to_data_sync
from ovh_spawner.service.operations.views import DataSyncView, NotebookView, RunView

_JOB_STATES = {
    RunState.STARTING: "INITIALIZING",
    RunState.RUNNING: "RUNNING",
    RunState.STOPPING: "INTERRUPTING",
    RunState.STOPPED: "INTERRUPTED",
    RunState.FAILED: "FAILED",
    RunState.ERROR: "ERROR",
}
"""A run is a job in the vendor's words; a stop by its owner interrupts it."""


def to_notebook(
    view: NotebookView, actor: Person, *, capabilities: Capabilities, info_url: str
) -> api_v1.Notebook:
    """Return the notebook; the values of environment variables for its owner only."""
    return api_v1.Notebook(
        id=view.id,
        created_at=view.created_at,
        updated_at=view.updated_at,
        user=view.owner,
        project=view.project,
        region=capabilities.region,
        spec=_spec(view, capabilities, show_values=actor.token is None and actor.name == view.owner),
        status=_status(view, info_url),
    )


def _spec(view: NotebookView, capabilities: Capabilities, *, show_values: bool) -> api_v1.SpecAnswer:
    spec = view.spec
    variables = [
        api_v1.EnvVariable(name=name, value=value.get_secret_value() if show_values else "")
        for name, value in spec.environment.items()
    ]
    return api_v1.SpecAnswer(
        name=spec.name,
        env=api_v1.Env(
            editor_id=spec.editor, framework_id=spec.framework, framework_version=spec.framework_version
        ),
        env_vars=variables or None,
        labels=dict(view.labels),
        resources=_resources(spec, capabilities),
        ssh_public_keys=list(spec.ssh_public_keys) or None,
        timeout_auto_restart=spec.timeout_auto_restart,
        unsecure_http=spec.open_access,
        volumes=[to_volume(volume) for volume in spec.volumes],
    )


def _resources(spec: NotebookSpec, capabilities: Capabilities) -> api_v1.ResourcesAnswer:
    flavor = capabilities.flavor(spec.flavor)
    # A flavor that the operator has taken out of the catalog has no sizes any more.
    total = flavor.per_unit.times(spec.count) if flavor else Resources(0, 0, 0, 0)
    card = flavor.gpu if flavor else None
    return api_v1.ResourcesAnswer(
        flavor=spec.flavor,
        flavor_count=spec.count,
        cpu=total.cpu,
        gpu=total.gpu,
        gpu_brand=card.brand if card else None,
        gpu_model=card.model if card else None,
        gpu_memory=card.memory if card else None,
        memory=total.memory,
        ephemeral_storage=total.ephemeral_storage,
        private_network=total.private_network,
        public_network=total.public_network,
    )


def to_volume(volume: Volume) -> api_v1.VolumeAnswer:
    """Return a volume with the one source that it has: the vendor's client trips over a null one."""
    place = {"mount_path": volume.mount_path, "permission": volume.permission.value}
    match volume.source:
        case DataStoreSource(alias=alias, container=container, prefix=prefix):
            store = api_v1.DataStoreVolume(alias=alias, container=container, prefix=prefix or None)
            return api_v1.VolumeAnswer(**place, data_store=store)
        case GitSource(url=url, ref=ref, full=full):
            repository = api_v1.PublicGitVolume(url=url, ref=ref or None, full=full or None)
            return api_v1.VolumeAnswer(**place, public_git=repository)
        case StandaloneSource():
            return api_v1.VolumeAnswer(**place, standalone=api_v1.StandaloneVolume())


def _status(view: NotebookView, info_url: str) -> api_v1.StatusAnswer:
    volumes = [_volume_status(volume, view.data_syncs) for volume in view.spec.volumes]
    by_id = {volume.id: volume for volume in view.spec.volumes}
    statuses = {status.id: status for status in volumes}
    answers = {key: to_volume(volume) for key, volume in by_id.items()}
    return api_v1.StatusAnswer(
        state=view.state.value,
        info=Info(code=view.code, message=view.message),
        url=view.url,
        info_url=info_url,
        ssh_url=view.ssh_url or None,
        duration=view.duration,
        last_started_at=view.last_started_at,
        last_stopped_at=view.last_stopped_at,
        last_active_at=view.last_run.last_active_at if view.last_run else None,
        data_sync=[to_data_sync(sync, volumes=answers, statuses=statuses) for sync in view.data_syncs],
        volumes=volumes,
        last_job_status=_job_status(view.last_run, view.url, info_url) if view.last_run else None,
    )


def _volume_status(volume: Volume, syncs: Iterable[DataSyncView]) -> api_v1.VolumeStatus:
    known = tuple(syncs)
    return api_v1.VolumeStatus(
        id=volume.id,
        mount_path=volume.mount_path,
        user_volume_id=volume.id,
        last_pulled_created_at=_last_done(volume.id, known, SyncDirection.PULL),
        last_pushed_created_at=_last_done(volume.id, known, SyncDirection.PUSH),
    )


def _last_done(volume: UUID, syncs: tuple[DataSyncView, ...], direction: SyncDirection) -> datetime | None:
    done = (
        sync.created_at
        for sync in syncs
        if sync.direction is direction
        and any(p.volume == volume and p.state is SyncState.DONE for p in sync.progress)
    )
    return max(done, default=None)


def _job_status(run: RunView, url: str, info_url: str) -> api_v1.JobStatus:
    history = [api_v1.StateChange(state=_JOB_STATES[change.state], date=change.at) for change in run.history]
    return api_v1.JobStatus(
        state=_JOB_STATES[run.state],
        info=Info(code=run.code, message=run.message),
        history=history,
        duration=run.duration,
        queued_at=run.created_at,
        initializing_at=run.created_at,
        started_at=run.started_at,
        stopped_at=run.ended_at,
        last_transition_date=history[-1].date if history else None,
        url=url,
        info_url=info_url,
    )
