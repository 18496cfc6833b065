"""The gateway's calls to the service: policy, redeem, token, heartbeat. aiohttp's exceptions stop here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import aiohttp
from pydantic import SecretStr, ValidationError

from ovh_spawner.contract.base import Message
from ovh_spawner.contract.policy import AccessPolicy, Admission, RedeemCode, VisitorsNow
from ovh_spawner.contract.runs import Heartbeat, RunStatus
from ovh_spawner.errors import (
    NotFoundError,
    PermissionDeniedError,
    ServiceUnavailableError,
    UnauthenticatedError,
)

TIMEOUT = aiohttp.ClientTimeout(total=10)
"""A call takes milliseconds; people wait behind most of them."""

Answer = TypeVar("Answer", bound=Message)


class ServiceClient:
    """Speaks for one run, with that run's token."""

    def __init__(self, service_url: str, run: UUID, token: SecretStr) -> None:
        self._base = f"{service_url.rstrip('/')}/internal/v1/runs/{run}"
        self._run = run
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token.get_secret_value()}"},
            timeout=TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        await self._session.close()

    async def policy(self, visitors: Sequence[str]) -> AccessPolicy:
        body = VisitorsNow(visitors=list(visitors)).model_dump()
        return await self._call("policy", AccessPolicy, body)

    async def redeem(self, code: str) -> Admission:
        """Exchange a browser's code. Raises PermissionDeniedError when the code is no longer good."""
        return await self._call("redeem", Admission, RedeemCode(code=code).model_dump())

    async def present_token(self, token: str) -> Admission:
        """Ask whom an application token lets in. Raises PermissionDeniedError when it does not."""
        return await self._call("token", Admission, {"token": token})

    async def heartbeat(self, last_active_at: datetime | None) -> RunStatus:
        body = Heartbeat(last_active_at=last_active_at).model_dump(mode="json")
        return await self._call("heartbeat", RunStatus, body)

    async def _call(self, what: str, answer: type[Answer], body: Mapping[str, Any]) -> Answer:
        try:
            async with self._session.post(f"{self._base}/{what}", json=body) as response:
                text = await response.text()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, UnicodeDecodeError) as exc:
            raise ServiceUnavailableError("The hub service does not answer; try again in a moment.") from exc
        self._check(status, what)
        try:
            return answer.model_validate_json(text)
        except ValidationError as exc:
            message = "The hub service gave an answer that the gateway does not understand."
            raise ServiceUnavailableError(message, what=what) from exc

    def _check(self, status: int, what: str) -> None:
        if status < 300:  # noqa: PLR2004 - HTTP's success
            return
        if status == 401:  # noqa: PLR2004
            raise UnauthenticatedError("The service does not know this gateway's token.")
        if status in {400, 403, 404} and what in _REFUSALS:
            raise PermissionDeniedError(_REFUSALS[what])
        if status == 404:  # noqa: PLR2004
            raise NotFoundError("run", str(self._run))
        raise ServiceUnavailableError(f"The hub service answered {status}; try again in a moment.", what=what)


_REFUSALS = {
    "redeem": "This sign-in was used before, or took too long. Open the notebook again.",
    "token": "This token is not valid, or not for this notebook.",
}
