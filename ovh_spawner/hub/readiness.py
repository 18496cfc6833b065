"""Waits until a notebook's gateway says that its editor answers."""

import asyncio
from http import HTTPStatus

from ovh_spawner.errors import LaunchError
from ovh_spawner.hub.endings import ended_while_starting
from ovh_spawner.hub.http_exchange import NoReplyError, Request, exchange
from ovh_spawner.hub.local_process import LocalProcess
from ovh_spawner.hub.local_run import LocalRun

_LOOK_SECONDS = 0.2
"""An editor needs seconds; five looks in each of them cost nothing."""
_PROBE_SECONDS = 5.0
"""The gateway answers at once, or the machine is very busy."""


async def is_ready(url: str) -> bool:
    """Tell whether the gateway answers 200: it is there, and so is the editor behind it."""
    try:
        reply = await exchange(Request("GET", url, seconds=_PROBE_SECONDS))
    except NoReplyError:
        return False
    return reply.status == HTTPStatus.OK


async def wait_until_ready(
    url: str, process: LocalProcess, *, files: LocalRun, editor: str, seconds: float
) -> None:
    """Return when the editor answers.

    Raises:
        StartFailedError: The editor ended.
        LaunchError: The gateway ended, or the editor never answered.
    """
    try:
        async with asyncio.timeout(seconds):
            # Somebody else of this machine may have taken the port and say 200: ours listened before it wrote this.
            while not (files.has_listener() and await is_ready(url)):
                if not process.is_alive():
                    raise ended_while_starting(files.read_end(), process.exit_code, editor)
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError as exc:
        raise LaunchError(
            f"{editor} did not answer within {seconds / 60:.0f} minutes. Start the notebook again; "
            "if it happens again, tell the operator."
        ) from exc
