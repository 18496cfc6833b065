"""The hub's calls to the hub service's internal API."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import structlog
from pydantic import BaseModel, SecretStr, ValidationError

from ovh_spawner.contract.base import dump_private
from ovh_spawner.contract.notebooks import HomePage, NotebookBrief, SpawnPage
from ovh_spawner.contract.runs import (
    Heartbeat,
    NotebookReference,
    OpenedRun,
    OpenRun,
    PreparedRun,
    PullReport,
    ResolveRequest,
    RunStatus,
    TransitionReport,
)
from ovh_spawner.contract.sign_in import SignedInToken, TokenSignIn, TokenUserAnswer, TokenUserQuestion
from ovh_spawner.errors import (
    InvalidSpecError,
    NotFoundError,
    OVHSpawnerError,
    Problem,
    RefusedError,
    ServiceUnavailableError,
)
from ovh_spawner.hub.http_exchange import NoReplyError, Reply, Request, exchange

log = structlog.get_logger()

REQUEST_SECONDS = 20.0
"""A busy ledger answers within a second; twenty leave room for a sleeping laptop's disk."""

RETRY_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Together about eight seconds: longer than the service needs to restart."""

_M = TypeVar("_M", bound=BaseModel)

_TRANSIENT = frozenset({502, 503, 504})


class ServiceClient:
    """Speaks to the service; raises errors of ours only."""

    def __init__(self, url: str, token: str, *, retry_pauses: Sequence[float] = RETRY_PAUSES) -> None:
        self._url = url.rstrip("/") + "/internal/v1/"
        self._token = token
        self._pauses = tuple(retry_pauses)

    async def resolve(self, request: ResolveRequest) -> NotebookReference:
        # Repeated only when it never arrived: a second one would store a second revision.
        body = await self._call("POST", "notebooks/resolve", request, repeatable=False)
        return _parse(NotebookReference, body)

    async def open_run(self, request: OpenRun) -> OpenedRun:
        return _parse(OpenedRun, await self._call("POST", "runs", request))

    async def prepare_run(self, run: UUID) -> PreparedRun:
        """Have everything made that the run's pod refers to; what is there already stays."""
        return _parse(PreparedRun, await self._call("POST", f"runs/{run}/prepare"))

    async def record(self, run: UUID, report: TransitionReport, *, patient: bool = True) -> RunStatus:
        body = await self._call("POST", f"runs/{run}/transitions", report, patient=patient)
        return _parse(RunStatus, body)

    async def heartbeat(self, run: UUID) -> RunStatus:
        return _parse(
            RunStatus, await self._call("POST", f"runs/{run}/heartbeat", Heartbeat(), patient=False)
        )

    async def report_pull(self, run: UUID, report: PullReport) -> RunStatus:
        return _parse(RunStatus, await self._call("PUT", f"runs/{run}/pull", report, patient=False))

    async def get_spawn_page(self, user: str, server: str, project: str = "") -> SpawnPage:
        """Return what the form shows, for the project that was chosen on it."""
        asked = {"user": user, "server": server} | ({"project": project[:255]} if project else {})
        query = urlencode(asked)
        return _parse(SpawnPage, await self._call("GET", f"spawn-page?{query}"))

    async def get_home_page(self, user: str) -> HomePage:
        return _parse(
            HomePage, await self._call("GET", f"home-page?{urlencode({'user': user})}", patient=False)
        )

    async def find_notebook(self, user: str, server: str) -> NotebookBrief | None:
        query = urlencode({"user": user, "server": server})
        try:
            return _parse(NotebookBrief, await self._call("GET", f"notebooks?{query}", patient=False))
        except RefusedError as error:
            if error.code == NotFoundError.code:
                return None
            raise

    async def save_notebook(self, user: str, server: str) -> None:
        """Have the service push what the notebook of this server has changed."""
        await self._call(
            "POST", f"notebooks/save?{urlencode({'user': user, 'server': server})}", patient=False
        )

    async def sign_in_token(self, token: str, address: str) -> SignedInToken:
        """Return which hub user an application token is."""
        asked = TokenSignIn(token=SecretStr(token), address=address)
        return _parse(SignedInToken, await self._call("POST", "sign-ins", asked, patient=False))

    async def refresh_token_user(self, user: str) -> TokenUserAnswer:
        """Return whether a hub user who is an application token may stay."""
        asked = TokenUserQuestion(user=user)
        return _parse(TokenUserAnswer, await self._call("POST", "sign-ins/refresh", asked, patient=False))

    async def delete_notebook(self, notebook: UUID) -> None:
        await self._call("DELETE", f"notebooks/{notebook}")

    async def _call(
        self,
        method: str,
        path: str,
        message: BaseModel | None = None,
        *,
        patient: bool = True,
        repeatable: bool = True,
    ) -> bytes:
        request = Request(
            method,
            self._url + path,
            seconds=REQUEST_SECONDS,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            # Tornado wants a body of every POST.
            body=dump_private(message) if message else ("" if method == "POST" else None),
        )
        pauses = list(self._pauses if patient else ())
        while True:
            reply, cause = await _attempt(request)
            if reply is not None and reply.status < 300:  # noqa: PLR2004 - HTTP's border of success
                return reply.body
            again = _may_repeat(reply, cause, repeatable=repeatable)
            if not again or not pauses:
                raise _error(reply) from cause
            await asyncio.sleep(pauses.pop(0))


async def _attempt(request: Request) -> tuple[Reply | None, NoReplyError | None]:
    try:
        return await exchange(request), None
    except NoReplyError as error:
        log.info("service_unreachable", url=request.url, error=str(error))
        return None, error


def _may_repeat(reply: Reply | None, cause: NoReplyError | None, *, repeatable: bool) -> bool:
    if cause is not None and not cause.may_have_arrived:
        return True
    return repeatable and (reply is None or reply.status in _TRANSIENT)


def _error(reply: Reply | None) -> OVHSpawnerError:
    """Turn an answer that is no success into an error with the service's own sentence."""
    if reply is None:
        return ServiceUnavailableError(
            "The notebook service does not answer. Try again in a minute; "
            "if it happens again, tell the operator."
        )
    body = _body(reply)
    message, code = body.get("message"), body.get("code")
    if reply.status in {401, 500} or reply.status in _TRANSIENT or not isinstance(message, str):
        # 401: hub and service disagree about their token, which no user can mend.
        log.error("service_refused_the_hub", status=reply.status, code=code, message=message)
        return ServiceUnavailableError(
            "The notebook service could not do this because of an internal error. Try again in a minute; "
            "if it happens again, tell the operator."
        )
    problems = [Problem(str(p["field"]), str(p["message"])) for p in body.get("problems") or []]
    if problems:
        return InvalidSpecError(problems)
    refused = RefusedError(message)
    if isinstance(code, str):
        # The class of the error is the service's business; its code is what the hub translates by.
        refused.code = code
    return refused


def _body(reply: Reply) -> dict[str, Any]:
    try:
        body = json.loads(reply.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _parse(model: type[_M], body: bytes) -> _M:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        # The body may hold secrets, and pydantic's text repeats it.
        log.error("service_answer_not_understood", model=model.__name__, errors=error.error_count())  # noqa: TRY400
        raise ServiceUnavailableError(
            "The notebook service gave an answer that the hub does not understand: their versions differ. "
            "Tell the operator."
        ) from None
