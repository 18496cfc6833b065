"""What the endpoint asks and tells the service. aiohttp's exceptions stop here."""

from http import HTTPStatus
from uuid import UUID

import aiohttp
from pydantic import ValidationError

from ovh_spawner.contract.base import Message
from ovh_spawner.contract.ssh import SshAnswer, SshEntry, SshQuestion
from ovh_spawner.errors import ServiceUnavailableError

TIMEOUT = aiohttp.ClientTimeout(total=10)
"""A call takes milliseconds, and a person waits behind it."""


class ServiceClient:
    """Asks with the endpoint's own token."""

    def __init__(self, service_url: str, token: str) -> None:
        self._base = f"{service_url.rstrip('/')}/internal/v1/ssh"
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        await self._session.close()

    async def authorize(self, notebook: UUID, key: str) -> SshAnswer:
        """Ask whether the key may enter the notebook now.

        Raises:
            ServiceUnavailableError: nobody can tell.

        """
        text = await self._post("authorize", SshQuestion(notebook=notebook, key=key))
        try:
            return SshAnswer.model_validate_json(text)
        except ValidationError as exc:
            raise ServiceUnavailableError(
                "The hub service gave an answer that the SSH endpoint does not understand."
            ) from exc

    async def tell_entry(self, notebook: UUID, key: str, address: str) -> None:
        """Tell that a key was let in.

        Raises:
            ServiceUnavailableError: nobody took note.

        """
        await self._post("entered", SshEntry(notebook=notebook, key=key, address=address))

    async def _post(self, what: str, message: Message) -> str:
        try:
            async with self._session.post(
                f"{self._base}/{what}", json=message.model_dump(mode="json")
            ) as response:
                status, text = response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError) as exc:
            raise ServiceUnavailableError("The hub service does not answer.") from exc
        if status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
            raise ServiceUnavailableError(f"The hub service answered {status}.", status=status)
        return text
