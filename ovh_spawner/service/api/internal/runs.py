"""``/internal/v1/runs``: the spawners open runs and report; the gateways prove that a notebook lives."""

from uuid import UUID

from ovh_spawner.contract.runs import (
    Heartbeat,
    OpenedRun,
    OpenRun,
    PreparedRun,
    PullReport,
    RunStatus,
    TransitionReport,
)
from ovh_spawner.service.api.handlers import path_id
from ovh_spawner.service.api.json_body import read_message
from ovh_spawner.service.api.routes import Call, Caller, NoParameters, Routes

ROUTES = Routes("runs", caller=Caller.HUB)


def _run(call: Call[NoParameters]) -> UUID:
    return path_id(call.path["run"], "run")


@ROUTES.route("POST", "/internal/v1/runs", answer=OpenedRun, body=OpenRun, errors=(400, 403, 404))
async def open_run(call: Call[NoParameters]) -> OpenedRun:
    """Open a run."""
    return await call.service.operations.runs.open(read_message(OpenRun, call.body))


@ROUTES.route("POST", "/internal/v1/runs/{run}/prepare", answer=PreparedRun, errors=(400, 404))
async def prepare_run(call: Call[NoParameters]) -> PreparedRun:
    """Make what a run's pod refers to: its claim, Secrets and network rules."""
    return await call.service.operations.preparation.prepare(_run(call))


@ROUTES.route(
    "POST",
    "/internal/v1/runs/{run}/transitions",
    answer=RunStatus,
    body=TransitionReport,
    errors=(400, 404),
)
async def report_transition(call: Call[NoParameters]) -> RunStatus:
    """Report a state that a run has reached."""
    return await call.service.operations.runs.record(_run(call), read_message(TransitionReport, call.body))


@ROUTES.route(
    "PUT",
    "/internal/v1/runs/{run}/pull",
    answer=RunStatus,
    body=PullReport,
    errors=(400, 404),
)
async def report_pull(call: Call[NoParameters]) -> RunStatus:
    """Report how the pull before the start goes."""
    return await call.service.operations.runs.pull_report(_run(call), read_message(PullReport, call.body))


@ROUTES.route(
    "POST",
    "/internal/v1/runs/{run}/heartbeat",
    answer=RunStatus,
    body=Heartbeat,
    errors=(400, 404),
    caller=Caller.HUB_OR_GATEWAY,
)
async def heartbeat(call: Call[NoParameters]) -> RunStatus:
    """Prove that the notebook lives."""
    last_active_at = read_message(Heartbeat, call.body).last_active_at
    return await call.service.operations.runs.heartbeat(_run(call), last_active_at)
