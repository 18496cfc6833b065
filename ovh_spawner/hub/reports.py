"""Reports of transitions: starting fails closed, stopping fails open.

A report that belongs to a stop never holds the stop up: it is tried once, and what could not be delivered is
tried again in the background until the service has it. What a hub restart forgets, the service's reconcile
closes.
"""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import structlog

from ovh_spawner.contract.runs import PullReport, RunStatus, TransitionReport
from ovh_spawner.contract.sync import VolumeProgress
from ovh_spawner.errors import RefusedError, UpstreamError
from ovh_spawner.hub.service_client import ServiceClient

log = structlog.get_logger()

QUICK_SECONDS = 5.0
"""How long a stop waits for the service to take its report."""

LOOK_SECONDS = 2.0
"""Between two looks at whether a start is still wanted: a stop should feel obeyed."""

LOOKS_PER_SECOND = 5
"""Of all starts of this hub together: when a whole class starts at once, looking must not be what keeps it busy."""

LONGEST_LOOK_SECONDS = 30.0
"""Between two looks, however many start."""

RETRY_SECONDS = (1.0, 5.0, 15.0, 60.0)
"""Pauses between tries in the background; the last one repeats."""

_PULL_REPORT_SECONDS = 2.0
"""A service that takes longer misses this one; the next comes soon."""

_looking: set[UUID] = set()
"""Runs whose starts are looked after."""

_undelivered: set[asyncio.Task[None]] = set()
"""Keeps the tasks alive; a spawner is gone long before its last report is delivered."""


class Reports:
    """Brings reports to the service."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def deliver(self, run: UUID, report: TransitionReport) -> None:
        """Deliver now, or raise."""
        await self._client.record(run, report)

    async def deliver_or_queue(self, run: UUID, report: TransitionReport) -> None:
        """Deliver now when the service is there, otherwise later. Never raises for the service's sake."""
        try:
            async with asyncio.timeout(QUICK_SECONDS):
                await self._client.record(run, report, patient=False)
        except (UpstreamError, TimeoutError):
            log.warning("report_queued", run=str(run), state=report.state.value)
            task = asyncio.create_task(self._keep_trying(run, report))
            _undelivered.add(task)
            task.add_done_callback(_undelivered.discard)
        except RefusedError as error:
            log.warning("report_refused", run=str(run), state=report.state.value, code=error.code)

    async def wait_until_over(self, run: UUID, listen: Callable[[RunStatus], None]) -> None:
        """Return when the books say that the run is over; each look proves that it lives, and is told."""
        _looking.add(run)
        try:
            await self._look_until_over(run, listen)
        finally:
            _looking.discard(run)

    async def _look_until_over(self, run: UUID, listen: Callable[[RunStatus], None]) -> None:
        while True:
            await asyncio.sleep(look_seconds(len(_looking)))
            try:
                async with asyncio.timeout(QUICK_SECONDS):
                    status = await self._client.heartbeat(run)
            except (UpstreamError, RefusedError, TimeoutError) as error:
                # An absent service stops nothing.
                log.info("heartbeat_lost", run=str(run), error=type(error).__name__)
                continue
            listen(status)
            if status.should_stop:
                return

    async def _keep_trying(self, run: UUID, report: TransitionReport) -> None:
        pauses = list(RETRY_SECONDS)
        while True:
            await asyncio.sleep(pauses.pop(0) if len(pauses) > 1 else pauses[0])
            try:
                await self._client.record(run, report, patient=False)
            except UpstreamError:
                continue
            except RefusedError as error:
                log.warning("report_refused", run=str(run), state=report.state.value, code=error.code)
                return
            log.info("report_delivered_late", run=str(run), state=report.state.value)
            return


def look_seconds(starts: int) -> float:
    """Return how long to wait between two looks at one of so many starts."""
    return min(max(LOOK_SECONDS, starts / LOOKS_PER_SECOND), LONGEST_LOOK_SECONDS)


def undelivered() -> int:
    """Return how many reports wait for the service."""
    return len(_undelivered)


class PullReporter:
    """Tells the service how a pull goes, at most once a second, without ever holding the pull up for long."""

    def __init__(self, client: ServiceClient, run: UUID) -> None:
        self._client = client
        self._run = run
        self._next_at = 0.0

    async def tell(self, volumes: Sequence[VolumeProgress], *, finished: bool = False) -> None:
        """Report, unless the last report is too fresh. What is lost is lost: progress is for looking at."""
        clock = asyncio.get_running_loop().time
        if clock() < self._next_at and not finished:
            return
        try:
            async with asyncio.timeout(_PULL_REPORT_SECONDS):
                await self._client.report_pull(
                    self._run, PullReport(finished=finished, volumes=list(volumes))
                )
        except (UpstreamError, RefusedError, TimeoutError) as error:
            log.info("pull_report_lost", run=str(self._run), error=type(error).__name__)
        self._next_at = clock() + 1.0
