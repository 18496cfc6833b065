"""Runs the data sync before the editor starts, and says how it goes."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import ValidationError

from ovh_spawner.contract.base import dump_private
from ovh_spawner.contract.sync import SyncJob, SyncProgress, SyncReport, SyncState, VolumeProgress
from ovh_spawner.errors import OVHSpawnerError, RunnerError, StartFailedError
from ovh_spawner.hub.accounts import Account, open_log

log = structlog.get_logger()

_LINE_BYTES = 8 * 1024 * 1024
"""A progress line lists at most 100 skipped files for each of 10 volumes; their names may be long."""
_END_SECONDS = 10.0
"""rclone and git end within a second of SIGTERM; ten leave room for a slow disk."""
_ALREADY_RUNNING = 75

Listener = Callable[[Sequence[VolumeProgress]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class PullPlace:
    """Where and as whom a pull runs."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    account: Account


async def run_pull(job: SyncJob, place: PullPlace, listen: Listener) -> None:
    """Bring every volume of the job.

    Raises:
        StartFailedError: A volume could not be brought and the owner can do something about it.
        RunnerError: It failed for another reason.
    """
    job_file, report_file = place.folder / "pull.json", place.folder / "pull-report.json"
    write_private(job_file, dump_private(job), place.account)
    process = await _launch(place, job_file, report_file)
    try:
        if process.stdout:
            async for line in process.stdout:
                await _tell(line, listen)
        code = await process.wait()
    except ValueError as exc:
        raise RunnerError("The data sync wrote a progress line that is too long. Tell the operator.") from exc
    finally:
        await _end(process)
        job_file.unlink(missing_ok=True)
    report = _read_report(report_file)
    if report and report.volumes:
        await listen(report.volumes)
    if code != 0:
        raise pull_failure(code, report)


def write_private(path: Path, text: str, account: Account) -> None:
    """Write a file that only the account may read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    account.give(path)


async def _launch(place: PullPlace, job_file: Path, report_file: Path) -> asyncio.subprocess.Process:
    try:
        with open_log(place.folder / "pull.log") as errors:
            return await asyncio.create_subprocess_exec(
                *place.command,
                str(job_file),
                "--report",
                str(report_file),
                env=dict(place.environment),
                cwd=place.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                limit=_LINE_BYTES,
                start_new_session=True,
                **place.account.process_options(),
            )
    except OSError as exc:
        raise RunnerError("The data sync could not be started on this machine. Tell the operator.") from exc


async def _tell(line: bytes, listen: Listener) -> None:
    try:
        progress = SyncProgress.model_validate_json(line)
    except ValidationError:
        log.warning("pull_line_not_understood", length=len(line))
        return
    await listen(progress.volumes)


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a pull that nobody waits for any more: the start was cancelled or failed."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_END_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _read_report(path: Path) -> SyncReport | None:
    try:
        return SyncReport.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def pull_failure(code: int, report: SyncReport | None) -> OVHSpawnerError:
    """Return what the person is told of a pull that ended with this code."""
    if code == _ALREADY_RUNNING:
        return StartFailedError(
            "Another data sync of this notebook is still running. Start the notebook again when it is done."
        )
    if report is None:
        return RunnerError(
            f"The data sync ended without a report (exit code {code}). Start the notebook again."
        )
    failed = [v for v in report.volumes if v.state is not SyncState.DONE and v.message]
    details = " ".join(f"{v.mount_path}: {v.message}" for v in failed) or report.message
    sentence = f"Not all data could be brought. {details} Change the volumes or start again.".replace(
        "  ", " "
    )
    return StartFailedError(sentence)
