"""Carrying a websocket: frames, pings, close codes and subprotocol as they come; closed on loss of access."""

import asyncio

import aiohttp
import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from ovh_spawner.gateway import pages
from ovh_spawner.gateway.access import Access, Verdict
from ovh_spawner.gateway.editor_client import EditorClient
from ovh_spawner.gateway.headers import to_editor
from ovh_spawner.gateway.policy import PolicyCache

log = structlog.get_logger()

CLOSE_SECONDS = 2.0
"""How long one side may take to answer a close; a browser that went away never does."""

Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


class WebSocketProxy:
    """Carries websockets to one editor, and knows those that live."""

    def __init__(self, client: EditorClient) -> None:
        self._client = client
        self.living: dict[web.WebSocketResponse, web.BaseRequest] = {}

    async def carry(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        asked = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        try:
            editor_side = await self._client.session.ws_connect(
                self._client.url(rest),
                headers=to_editor(request.headers),
                protocols=[name for name in asked if name],
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                autoping=False,
                autoclose=False,
                compress=0,
                max_msg_size=0,
            )
        except aiohttp.WSServerHandshakeError as exc:
            return web.Response(status=exc.status, text=f"{self._client.name} refused the websocket.\n")
        except (aiohttp.ClientError, TimeoutError):
            return pages.editor_away(request, self._client.name)
        async with editor_side:
            return await self._join(request, editor_side)

    async def _join(
        self, request: web.BaseRequest, editor_side: aiohttp.ClientWebSocketResponse
    ) -> web.WebSocketResponse:
        browser_side = web.WebSocketResponse(
            timeout=CLOSE_SECONDS,
            autoping=False,
            autoclose=False,
            protocols=[editor_side.protocol] if editor_side.protocol else (),
            compress=False,
            max_msg_size=0,
        )
        await browser_side.prepare(request)
        self.living[browser_side] = request
        try:
            await _carry_both_ways(browser_side, editor_side)
        finally:
            del self.living[browser_side]
        return browser_side

    async def close_all(self) -> None:
        """The notebook ends."""
        await self._close(list(self.living), WSCloseCode.GOING_AWAY, "The notebook has ended.")

    async def recheck(self, access: Access) -> None:
        """Close what would not be let in any more."""
        lost = []
        for socket, request in list(self.living.items()):
            decision = await access.decide(request)
            if decision.verdict is not Verdict.ADMIT:
                log.info("websocket_closed", user=decision.user, verdict=decision.verdict.value)
                lost.append(socket)
        await self._close(lost, WSCloseCode.POLICY_VIOLATION, "You may not use this notebook any more.")

    async def _close(self, sockets: list[web.WebSocketResponse], code: WSCloseCode, reason: str) -> None:
        await asyncio.gather(*(socket.close(code=code, message=reason.encode()) for socket in sockets))


async def recheck_forever(
    proxy: WebSocketProxy, access: Access, policies: PolicyCache, *, seconds: float
) -> None:
    """A websocket outlives the decision that let it in, so ask again while there is one."""
    while True:
        await asyncio.sleep(seconds)
        if not proxy.living:
            continue
        try:
            await policies.refresh()
            await proxy.recheck(access)
        except Exception:
            log.exception("websockets_not_rechecked")


async def _carry_both_ways(browser_side: Socket, editor_side: Socket) -> None:
    """Carry until one side closes, then close both in that side's way."""
    ways = [
        asyncio.create_task(_carry_frames(browser_side, editor_side)),
        asyncio.create_task(_carry_frames(editor_side, browser_side)),
    ]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    code, reason = next(iter(done)).result()
    await asyncio.gather(
        browser_side.close(code=code, message=reason), editor_side.close(code=code, message=reason)
    )


async def _carry_frames(source: Socket, target: Socket) -> tuple[int, bytes]:
    """Carry frames until ``source`` closes; return how it did."""
    while True:
        kind, data, reason = await source.receive()
        if kind is WSMsgType.CLOSE:
            return _sendable(data), (reason or "").encode()
        if kind not in _FRAMES:
            return int(WSCloseCode.GOING_AWAY), b""
        try:
            await target.send_frame(data.encode() if isinstance(data, str) else bytes(data), kind)
        except ConnectionError:
            return int(WSCloseCode.GOING_AWAY), b""


def _sendable(code: int) -> int:
    """A close without a code is told as 0, and RFC 6455 §7.4.1 forbids to send some of the others."""
    return int(WSCloseCode.OK) if code in _NOT_ON_THE_WIRE else code


_NOT_ON_THE_WIRE = frozenset({0, 1004, 1005, 1006, 1015})
_FRAMES = frozenset({WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG})
