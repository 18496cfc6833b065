"""What the end of a notebook's processes means: a stop, the notebook's failure or a fault of ours. Pure."""

from dataclasses import dataclass
from datetime import datetime

from ovh_spawner.contract.local import EndRecord
from ovh_spawner.domain.states import RunState
from ovh_spawner.errors import LaunchError, OVHSpawnerError, StartFailedError


@dataclass(frozen=True, slots=True)
class Ending:
    """A run's end as the hub reports it."""

    state: RunState
    at: datetime
    code: str = ""
    message: str = ""


def ending_of(record: EndRecord | None, *, launched: bool, ordered: bool, last_alive: datetime) -> Ending:
    """Return what it means that a run's process is gone without the hub having seen it end.

    ``ordered``: the hub was stopping it, and did not live to finish that.
    """
    if not launched:
        return Ending(
            RunState.ERROR,
            last_alive,
            "hub_restarted",
            "The hub was restarted while the notebook was starting. Start it again.",
        )
    if record is None and ordered:
        return Ending(RunState.STOPPED, last_alive)
    if record is None:
        # Not even the gateway could say anything: it was killed, or the machine went down.
        return Ending(
            RunState.ERROR,
            last_alive,
            "process_lost",
            "The notebook's processes ended without a word: the machine was restarted or they were killed. "
            "Your files are kept; start the notebook again.",
        )
    if record.ordered or record.exit_code == 0:
        return Ending(RunState.STOPPED, record.at)
    return Ending(
        RunState.FAILED,
        record.at,
        "editor_ended",
        f"The editor ended unexpectedly ({exit_words(record.exit_code)}). Its last lines are in editor.log "
        "of the run's folder. Your files are kept; start the notebook again.",
    )


def ended_while_starting(record: EndRecord | None, exit_code: int | None, editor: str) -> OVHSpawnerError:
    """Return the error of a start whose process ended before it was ready."""
    if record is not None:
        return StartFailedError(
            f"{editor} ended while it was starting ({exit_words(record.exit_code)}). Its last lines are "
            "in editor.log of the run's folder. Packages that you installed may be the cause; otherwise "
            "start the notebook again."
        )
    code = exit_words(exit_code) if exit_code is not None else "no exit code"
    return LaunchError(
        f"The notebook's gateway ended while {editor} was starting ({code}). Start the notebook again; "
        "if it happens again, tell the operator."
    )


def exit_words(code: int) -> str:
    """Return an exit code as people know it."""
    return f"exit code {code}" if code >= 0 else f"killed by signal {-code}"
