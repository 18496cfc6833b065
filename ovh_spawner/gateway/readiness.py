"""Whether the editor answers yet, and the answer that the hub waits for."""

import asyncio

import aiohttp

from ovh_spawner.gateway.targets import Target

FIRST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 0.5
"""People wait for a start: 50 ms between two looks costs them nothing, and an editor that needs a minute is
not worth looking at twenty times a second."""

PROBE_SECONDS = 5.0
"""An editor that takes longer for its smallest page is not ready."""

FIRST_ERROR_OF_THE_SERVER = 500


class Readiness:
    """Not ready until the editor's probe path answered below 500 once; then ready for good."""

    def __init__(self, editor: Target, probe_path: str) -> None:
        self._session = editor.sessions.once
        self._url = editor.url(probe_path.lstrip("/"))
        self.is_ready = False

    async def wait(self) -> None:
        """Look until it is."""
        wait = FIRST_WAIT_SECONDS
        while not await self._answers():
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, LONGEST_WAIT_SECONDS)
        self.is_ready = True

    async def _answers(self) -> bool:
        timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
        try:
            async with self._session.get(self._url, allow_redirects=False, timeout=timeout) as answer:
                return answer.status < FIRST_ERROR_OF_THE_SERVER
        except (aiohttp.ClientError, TimeoutError):
            return False
