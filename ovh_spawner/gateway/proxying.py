"""Carrying one HTTP request to the editor and its answer back, both streamed, without limits."""

import aiohttp
import structlog
from aiohttp import web

from ovh_spawner.gateway import pages
from ovh_spawner.gateway.editor_client import EditorClient
from ovh_spawner.gateway.headers import from_editor, to_editor
from ovh_spawner.gateway.paths import Prefix

log = structlog.get_logger()


class HttpProxy:
    """Carries requests to one editor."""

    def __init__(self, client: EditorClient, prefix: Prefix) -> None:
        self._client = client
        self._prefix = prefix

    async def carry(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        await _invite_the_body(request)
        try:
            answer = await self._client.session.request(
                request.method,
                self._client.url(rest),
                headers=to_editor(request.headers),
                data=request.content if request.body_exists else None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError) as exc:
            log.warning("editor_did_not_answer", method=request.method, reason=type(exc).__name__)
            return pages.editor_away(request, self._client.name)
        async with answer:
            return await self._hand_back(request, answer)

    async def _hand_back(
        self, request: web.BaseRequest, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            status=answer.status,
            reason=answer.reason,
            headers=from_editor(
                answer.headers, prefix=self._prefix, stripped=self._client.stripped, host=request.host
            ),
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


async def _invite_the_body(request: web.BaseRequest) -> None:
    """Answer ``Expect: 100-continue``: whoever gets here may come in."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # aiohttp takes any byte written as the begin of the answer.
        request.writer.output_size = 0
