"""A data sync as the vendor writes it."""

from collections.abc import Mapping
from uuid import UUID, uuid5

from ovh_spawner.contract import api_v1
from ovh_spawner.contract.api_v1_values import Info
from ovh_spawner.contract.sync import SyncState, VolumeProgress
from ovh_spawner.service.operations.views import DataSyncView

_COARSE = frozenset(
    {
        SyncState.QUEUED,
        SyncState.RUNNING,
        SyncState.DONE,
        SyncState.FAILED,
        SyncState.ERROR,
        SyncState.INTERRUPTED,
    }
)
"""The states of a whole sync; a volume's others have codes of their own."""


def to_data_sync(
    sync: DataSyncView,
    *,
    volumes: Mapping[UUID, api_v1.VolumeAnswer],
    statuses: Mapping[UUID, api_v1.VolumeStatus],
) -> api_v1.DataSync:
    """Return the sync; a progress line whose volume the notebook no longer has stays, without the volume."""
    return api_v1.DataSync(
        id=sync.id,
        created_at=sync.created_at,
        updated_at=sync.updated_at,
        spec=api_v1.DataSyncSpecAnswer(
            direction=sync.direction.value, manual=sync.manual, volume=sync.volume
        ),
        status=api_v1.DataSyncStatus(
            state=sync.state.value,
            info=Info(code=sync.code, message=sync.message),
            queued_at=sync.created_at,
            started_at=sync.started_at,
            ended_at=sync.ended_at,
            progress=[
                _progress(sync, line, volume=volumes.get(line.volume), status=statuses.get(line.volume))
                for line in sync.progress
            ],
        ),
    )


def _progress(
    sync: DataSyncView,
    line: VolumeProgress,
    *,
    volume: api_v1.VolumeAnswer | None,
    status: api_v1.VolumeStatus | None,
) -> api_v1.DataSyncProgress:
    return api_v1.DataSyncProgress(
        # A line has no id of its own: one sync moves a volume once.
        id=uuid5(sync.id, str(line.volume)),
        data_sync_id=sync.id,
        direction=sync.direction.value,
        state=line.state.value,
        info=line.info,
        completed=line.completed,
        failed=line.failed,
        skipped=line.skipped,
        deleted=line.deleted,
        processed=line.processed,
        total=line.total,
        transferred_bytes=line.transferred_bytes,
        total_bytes=line.total_bytes,
        eta=None if line.eta is None else round(line.eta),
        reason=_reason(line),
        created_at=sync.created_at,
        updated_at=sync.updated_at,
        notebook_volume=volume,
        volume_status=status,
    )


def _reason(line: VolumeProgress) -> Info | None:
    if not line.message:
        return None
    prefix = "DATASYNC" if line.state in _COARSE else "DATASYNC_PROGRESS_FAILED"
    return Info(code=f"{prefix}_{line.state.value}", message=line.message)
