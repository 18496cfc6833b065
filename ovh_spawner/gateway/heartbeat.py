"""Proofs of life: they bound what billing can lose, and bring the order to end when the books say so."""

import asyncio

import structlog

from ovh_spawner.errors import NotFoundError, OVHSpawnerError, UnauthenticatedError
from ovh_spawner.gateway.activity import Activity
from ovh_spawner.gateway.service_client import ServiceClient

log = structlog.get_logger()


async def beat_until_told_to_stop(service: ServiceClient, activity: Activity, *, seconds: float) -> None:
    """Return when the service says that the run is over. An absent or ignorant service ends no notebook."""
    last_failure = ""
    while True:
        await asyncio.sleep(seconds)
        try:
            status = await service.heartbeat(activity.last)
        except OVHSpawnerError as error:
            # A failure is told once, not twice a minute for as long as it lasts.
            if error.code != last_failure:
                unknown = isinstance(error, UnauthenticatedError | NotFoundError)
                log.warning("heartbeat_not_taken", reason=error.code, run_is_unknown=unknown)
            last_failure = error.code
            continue
        last_failure = ""
        if status.should_stop:
            log.info("run_is_over_in_the_books", state=status.state.value)
            return
