"""The SSH endpoint's way through the gateway: one websocket is one connection to the notebook's SSH server.

Who may use SSH is the endpoint's business; here only the endpoint comes in, by a token that nobody else can make.
To everybody else this is a path that does not exist, so it tells nothing about a notebook.
"""

import asyncio
import hmac
from contextlib import suppress

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from ovh_spawner.contract.ssh import TUNNEL_PATH
from ovh_spawner.gateway import pages
from ovh_spawner.gateway.activity import Activity, Listener
from ovh_spawner.gateway.origins import is_websocket

log = structlog.get_logger()

PATH = TUNNEL_PATH

READ_BYTES = 65_536

ALIVE_SECONDS = 30.0
"""Between two pings: an endpoint whose node is gone says nothing."""

CLOSE_SECONDS = 2.0


class SshTunnel:
    """The tunnels of one run."""

    def __init__(self, socket_path: str, token: str, activity: Activity) -> None:
        self._socket_path = socket_path
        self._token = token
        self._activity = activity
        self._living: set[web.WebSocketResponse] = set()

    async def carry(self, request: web.BaseRequest) -> web.StreamResponse:
        """Carry bytes between the endpoint and the notebook's SSH server until either ends."""
        if not self._socket_path or not self._is_endpoint(request) or not is_websocket(request):
            return pages.not_found()
        try:
            reader, writer = await asyncio.open_unix_connection(self._socket_path)
        except OSError as exc:
            log.warning("ssh_server_not_reached", reason=exc.strerror)
            return pages.error(503, "The notebook's SSH server does not answer.", "ssh_away")
        try:
            return await self._join(request, reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def close_all(self) -> None:
        """The notebook ends."""
        code, reason = WSCloseCode.GOING_AWAY, b"The notebook has ended."
        await asyncio.gather(*(each.close(code=code, message=reason) for each in list(self._living)))

    def _is_endpoint(self, request: web.BaseRequest) -> bool:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode())

    async def _join(
        self, request: web.BaseRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> web.WebSocketResponse:
        websocket = web.WebSocketResponse(
            timeout=CLOSE_SECONDS, heartbeat=ALIVE_SECONDS, compress=False, max_msg_size=0
        )
        await websocket.prepare(request)
        self._living.add(websocket)
        ways = [
            # What is said is sealed: only how much, as of any program that we do not know.
            asyncio.create_task(_inwards(websocket, writer, hear=self._activity.listener(PATH))),
            asyncio.create_task(_outwards(reader, websocket)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._living.discard(websocket)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        await websocket.close()
        return websocket


async def _inwards(websocket: web.WebSocketResponse, writer: asyncio.StreamWriter, *, hear: Listener) -> None:
    with suppress(ConnectionError):
        async for message in websocket:
            if message.type is WSMsgType.BINARY:
                hear(message.data)
                writer.write(message.data)
                await writer.drain()


async def _outwards(reader: asyncio.StreamReader, websocket: web.WebSocketResponse) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(READ_BYTES):
            await websocket.send_bytes(data)
