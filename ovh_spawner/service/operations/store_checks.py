"""A look at the buckets of a new spec before it is stored, so that a typing error is refused at once."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from ovh_spawner.contract.sync import SyncState, VolumeProgress
from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.domain.volumes import DataStoreSource, Permission, Volume
from ovh_spawner.errors import InvalidSpecError, Problem, RunnerError
from ovh_spawner.service.db.records import NotebookRecord
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.sync_jobs import build_volumes

logger = structlog.get_logger()


async def refuse_bad_buckets(
    means: Means, spec: NotebookSpec, notebook: NotebookRecord, *, before: NotebookSpec | None = None
) -> None:
    """Refuse volumes that cannot work. A store that does not answer is accepted: the start will tell.

    Raises:
        InvalidSpecError: a bucket to read from is not there, or the credentials are refused.

    """
    known = set(before.volumes) if before else set()
    new = [v for v in spec.volumes if isinstance(v.source, DataStoreSource) and v not in known]
    if not new:
        return
    async with means.ledger.reading() as unit:
        volumes = await build_volumes(unit, means, new, notebook=notebook)
    try:
        report = await means.runner.check(volumes, seconds=means.patience.check)
    except RunnerError as exc:
        logger.warning("store_check_failed", reason=exc.message)
        return
    if report is None:
        return
    found = {progress.volume: progress for progress in report.volumes}
    problems = [problem for v in new if (problem := _problem(spec.volumes, v, found))]
    if problems:
        raise InvalidSpecError(problems)


def _problem(volumes: Sequence[Volume], volume: Volume, found: dict[UUID, VolumeProgress]) -> Problem | None:
    progress = found.get(volume.id)
    source = volume.source
    if progress is None or not isinstance(source, DataStoreSource):
        return None
    field = f"volumes[{volumes.index(volume)}].dataStore"
    match progress.state:
        case SyncState.NOT_FOUND if volume.permission is Permission.RO:
            return Problem(
                f"{field}.container",
                f"Data store {source.alias!r} has no bucket {source.container!r} to read from. "
                "Check the name, or choose RW or RWD to have it created.",
            )
        case SyncState.INVALID_CREDENTIALS:
            return Problem(
                f"{field}.alias",
                f"Data store {source.alias!r} refuses its credentials. Remove it and add it with valid ones.",
            )
        case SyncState.FORBIDDEN:
            return Problem(
                f"{field}.container",
                f"The credentials of data store {source.alias!r} may not use bucket {source.container!r}.",
            )
        case SyncState.FAILED:
            return Problem(f"{field}.alias", progress.message)
        case _:
            return None
