"""Carrying a websocket: frames, pings, close codes and subprotocol as they come; closed on loss of access."""

import asyncio

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web

from ovh_spawner.gateway import pages
from ovh_spawner.gateway.access import Decision
from ovh_spawner.gateway.activity import Activity, Listener, Words
from ovh_spawner.gateway.headers import to_program
from ovh_spawner.gateway.living import Living
from ovh_spawner.gateway.targets import Target

CLOSE_SECONDS = 2.0
"""How long one side may take to answer a close; a browser that went away never does."""

Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


class WebSocketProxy:
    """Carries websockets."""

    def __init__(self, living: Living, activity: Activity) -> None:
        self._living = living
        self._activity = activity

    async def carry(
        self, request: web.BaseRequest, target: Target, rest: str, *, decision: Decision
    ) -> web.StreamResponse:
        asked = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
        try:
            program_side = await target.sessions.once.ws_connect(
                target.url(rest),
                headers=to_program(request.headers, target),
                protocols=[name for name in asked if name],
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                autoping=False,
                autoclose=False,
                compress=0,
                max_msg_size=0,
            )
        except aiohttp.WSServerHandshakeError as exc:
            return web.Response(status=exc.status, text=f"{target.name} refused the websocket.\n")
        except (aiohttp.ClientError, TimeoutError):
            return pages.away(request, target)
        async with program_side:
            return await self._join(request, program_side, decision, hear=self._activity.listener(rest))

    async def _join(
        self,
        request: web.BaseRequest,
        program_side: aiohttp.ClientWebSocketResponse,
        decision: Decision,
        *,
        hear: Listener,
    ) -> web.WebSocketResponse:
        browser_side = web.WebSocketResponse(
            timeout=CLOSE_SECONDS,
            autoping=False,
            autoclose=False,
            protocols=[program_side.protocol] if program_side.protocol else (),
            compress=False,
            max_msg_size=0,
        )
        await browser_side.prepare(request)

        async def hang_up(code: WSCloseCode, reason: str) -> None:
            await browser_side.close(code=code, message=reason.encode())

        with self._living.hold(decision, hang_up, is_websocket=True):
            await _carry_both_ways(browser_side, program_side, hear)
        return browser_side


async def _carry_both_ways(browser_side: Socket, program_side: Socket, hear: Listener) -> None:
    """Carry until one side closes, then close both in that side's way."""
    ways = [
        asyncio.create_task(_carry_frames(browser_side, program_side, hear)),
        asyncio.create_task(_carry_frames(program_side, browser_side, _nobody_hears)),
    ]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    code, reason = next(iter(done)).result()
    await asyncio.gather(
        browser_side.close(code=code, message=reason), program_side.close(code=code, message=reason)
    )


async def _carry_frames(source: Socket, target: Socket, hear: Listener) -> tuple[int, bytes]:
    """Carry frames until ``source`` closes; return how it did."""
    while True:
        kind, data, reason = await source.receive()
        if kind is WSMsgType.CLOSE:
            return _sendable(data), (reason or "").encode()
        if kind not in _FRAMES:
            return int(WSCloseCode.GOING_AWAY), b""
        if kind in _WORDS:
            hear(data)
        try:
            await target.send_frame(data.encode() if isinstance(data, str) else bytes(data), kind)
        except ConnectionError:
            return int(WSCloseCode.GOING_AWAY), b""


def _nobody_hears(_: Words) -> None:
    """What programs say is no sign of a person."""


def _sendable(code: int) -> int:
    """A close without a code is told as 0, and RFC 6455 §7.4.1 forbids to send some of the others."""
    return int(WSCloseCode.OK) if code in _NOT_ON_THE_WIRE else code


_NOT_ON_THE_WIRE = frozenset({0, 1004, 1005, 1006, 1015})
_WORDS = frozenset({WSMsgType.TEXT, WSMsgType.BINARY})
_FRAMES = frozenset({WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.PING, WSMsgType.PONG})
