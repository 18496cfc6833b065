"""Trying to reach data stores, as short processes beside this service, wherever notebooks run.

On a cluster as well: a Job for each check would need the right to make Secrets and Jobs at every typing error, a place
on a node, and five to ten seconds while a person waits. This service has the credentials anyway and its data sync reads
nothing but whether a bucket is there; which addresses it may reach is the business of the service's own NetworkPolicy.
"""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from pydantic import ValidationError

from ovh_spawner.contract.base import dump_private
from ovh_spawner.contract.sync import SyncDirection, SyncJob, SyncReport, SyncVolume
from ovh_spawner.errors import RunnerError
from ovh_spawner.service.runners import processes

CHECKS_AT_ONCE = 4
"""Data stores that are asked at a time. A silent one holds a thread for as long as a check may take, and starts and
stops of other people's notebooks need threads too."""


class StoreChecks:
    """Asks data stores, a few at a time."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def check(self, volumes: Sequence[SyncVolume], *, seconds: float) -> SyncReport | None:
        """Try to reach each volume's source without moving data; None: no answer within the time.

        Raises:
            RunnerError: the check itself does not work.

        """
        job = SyncJob(
            id=uuid4(),
            direction=SyncDirection.PULL,
            notebook=uuid4(),
            volumes=list(volumes),
            state_folder=tempfile.gettempdir(),
        )
        try:
            async with asyncio.timeout(seconds):
                await self._free.acquire()
        except TimeoutError:
            return None
        try:
            return await asyncio.to_thread(_check, job, seconds)
        finally:
            self._free.release()


def _check(job: SyncJob, seconds: float) -> SyncReport | None:
    # The folder is ours alone.
    with tempfile.TemporaryDirectory(prefix="ovh-check-") as folder:
        path = Path(folder, "job.json")
        path.touch(mode=0o600)
        path.write_text(dump_private(job))
        command = [sys.executable, "-m", f"{processes.DATASYNC}.check", str(path)]
        try:
            done = processes.run_briefly(command, processes.environment(), seconds)
        except OSError as exc:
            raise RunnerError(f"The data stores cannot be checked: {exc.strerror}.") from exc
        if done is None:
            return None
        try:
            return SyncReport.model_validate_json(done)
        except ValidationError as exc:
            raise RunnerError("The check of the data stores ended without an answer.") from exc
