"""The data sync's command line.

Exit codes: 0 all volumes done, 1 a volume failed or the sync was interrupted, 2 the job cannot be read, 75
another sync works on this notebook (try again later; BSD's EX_TEMPFAIL).
"""

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from ovh_spawner.contract.sync import SyncJob, SyncState
from ovh_spawner.datasync.last_words import write_last_words
from ovh_spawner.datasync.manifests import write_atomically
from ovh_spawner.datasync.program import LockedError, Manner, run

EXIT_FAILED = 1
EXIT_BAD_JOB = 2
EXIT_LOCKED = 75


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ovh_spawner.datasync",
        description="Clone, pull or push the volumes of one notebook. Progress is printed as JSON lines.",
    )
    parser.add_argument("job", type=Path, help="job file (contract.sync.SyncJob); it is removed once read")
    parser.add_argument(
        "--progress", type=Path, metavar="FILE", help="append the progress lines to this file, too"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="write the final report to this file")
    parser.add_argument(
        "--termination-message",
        type=Path,
        metavar="FILE",
        help="write the report into this file of a container, too, at most 4096 bytes",
    )
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end when the starting process has ended"
    )
    parser.add_argument(
        "--tries", type=int, default=3, metavar="N", help="of a volume whose store does not answer (3)"
    )
    parser.add_argument(
        "--retry-pause",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="before a second try; doubled each time (5)",
    )
    parser.add_argument(
        "--stall",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="a server silent for so long has failed (60)",
    )
    return parser


def _read(path: Path) -> SyncJob:
    """Read the job and remove it at once, good or bad: it holds credentials."""
    text = path.read_bytes()
    with contextlib.suppress(OSError):  # a Secret that is mounted read-only is not ours to remove
        path.unlink()
    return SyncJob.model_validate_json(text)


def _told_to_end(*, with_parent: bool) -> Callable[[], bool]:
    """Listen for signals from now on; return what says whether one came or, if asked, the parent went."""
    received: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda n, _frame: received.append(n))
    parent = os.getppid()
    return lambda: bool(received) or (with_parent and os.getppid() != parent)


def main(arguments: list[str] | None = None) -> int:
    """Run one sync and return the exit code."""
    options = _parser().parse_args(arguments)
    must_end = _told_to_end(with_parent=options.exit_with_parent)
    try:
        job = _read(options.job)
    except OSError as exc:
        return _refuse(f"The job file {options.job} cannot be read: {exc.strerror}.")
    except ValidationError as exc:
        # Only where it is wrong, not what stands there: it may be a secret.
        fields = ", ".join(".".join(map(str, error["loc"])) or "the file" for error in exc.errors())
        return _refuse(f"The job file is no sync job; wrong: {fields}. Write a contract.sync.SyncJob.")
    manner = Manner(
        progress=options.progress,
        tries=options.tries,
        retry_pause=options.retry_pause,
        stall_seconds=options.stall,
        must_end=must_end,
        now=lambda: datetime.now(UTC),
    )
    try:
        report = run(job, manner)
    except LockedError:
        return _refuse("Another sync of this notebook is running. Try again when it has ended.", EXIT_LOCKED)
    except OSError as exc:
        return _refuse(_no_place(exc), EXIT_FAILED)
    try:
        if options.report:
            write_atomically(options.report, report.model_dump_json())
        if options.termination_message:
            write_last_words(report, options.termination_message)
    except OSError as exc:
        return _refuse(_no_place(exc), EXIT_FAILED)
    return 0 if report.state is SyncState.DONE else EXIT_FAILED


def _no_place(exc: OSError) -> str:
    reason = exc.strerror or "no reason was given"
    return f"The sync's own files cannot be written ({reason}). Make room for them, then sync again."


def _refuse(sentence: str, code: int = EXIT_BAD_JOB) -> int:
    sys.stderr.write(f"{sentence}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
