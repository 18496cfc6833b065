"""Carrying one HTTP request to a program and its answer back, both streamed, without limits."""

import aiohttp
import structlog
from aiohttp import WSCloseCode, web

from ovh_spawner.gateway import pages
from ovh_spawner.gateway.access import Decision
from ovh_spawner.gateway.headers import from_program, to_program
from ovh_spawner.gateway.living import Living
from ovh_spawner.gateway.targets import SAFE_TO_REPEAT, Sessions, Target

log = structlog.get_logger()


class HttpProxy:
    """Carries requests."""

    def __init__(self, living: Living) -> None:
        self._living = living

    async def carry(
        self, request: web.BaseRequest, target: Target, rest: str, *, decision: Decision
    ) -> web.StreamResponse:
        async def hang_up(code: WSCloseCode, reason: str) -> None:
            del code, reason  # HTTP has no words for an end in the middle
            if request.transport is not None:
                request.transport.abort()

        with self._living.hold(decision, hang_up, is_websocket=False):
            await _invite_the_body(request)
            try:
                answer = await _session_for(request, target.sessions).request(
                    request.method,
                    target.url(rest),
                    headers=to_program(request.headers, target),
                    data=request.content if request.body_exists else None,
                    allow_redirects=False,
                )
            except (aiohttp.ClientError, TimeoutError) as exc:
                log.warning("editor_did_not_answer", method=request.method, reason=type(exc).__name__)
                return pages.away(request, target)
            async with answer:
                return await _hand_back(request, answer, target)


async def _hand_back(
    request: web.BaseRequest, answer: aiohttp.ClientResponse, target: Target
) -> web.StreamResponse:
    response = web.StreamResponse(
        status=answer.status,
        reason=answer.reason,
        headers=from_program(answer.headers, target, host=request.host),
    )
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
    except aiohttp.ClientPayloadError:
        # Half an answer must not look whole: no last chunk, the connection just ends.
        log.warning("editor_broke_off", method=request.method, status=answer.status)
        if request.transport is not None:
            request.transport.close()
        return response
    await response.write_eof()
    return response


def _session_for(request: web.BaseRequest, sessions: Sessions) -> aiohttp.ClientSession:
    # A body that was sent once is gone.
    may_repeat = request.method in SAFE_TO_REPEAT and not request.body_exists
    return sessions.kept if may_repeat else sessions.once


async def _invite_the_body(request: web.BaseRequest) -> None:
    """Answer ``Expect: 100-continue``: whoever gets here may come in."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # aiohttp takes any byte written as the begin of the answer.
        request.writer.output_size = 0
