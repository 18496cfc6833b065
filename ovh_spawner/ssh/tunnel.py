"""The way into a notebook: a websocket through its gateway, and over it SSH to the server inside."""

import asyncio
import socket
from contextlib import suppress

import aiohttp
import asyncssh

from ovh_spawner.contract.ssh import TUNNEL_PATH, SshAnswer
from ovh_spawner.errors import NotebookUnreachableError

OPEN_SECONDS = 20.0
"""A notebook whose machine is busy takes its time; one that takes longer is not reached."""

ALIVE_SECONDS = 30.0
"""Between two pings: a node that is gone says nothing."""

READ_BYTES = 65_536

NOT_REACHED = (
    "The notebook does not let SSH in. Stop it and start it again; if that does not help, tell the operator."
)


class Tunnel:
    """One connection to the SSH server inside one notebook."""

    def __init__(self, session: aiohttp.ClientSession, answer: SshAnswer) -> None:
        self._session = session
        self._answer = answer
        self._carriers: list[asyncio.Task[None]] = []
        self._websocket: aiohttp.ClientWebSocketResponse | None = None
        self._connection: asyncssh.SSHClientConnection | None = None

    async def open(self) -> asyncssh.SSHClientConnection:
        """Connect.

        Raises:
            NotebookUnreachableError: the way is closed.

        """
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                self._websocket = await self._session.ws_connect(
                    f"http://{self._answer.address}{self._answer.prefix}{TUNNEL_PATH}",
                    headers={"Authorization": f"Bearer {self._token()}"},
                    heartbeat=ALIVE_SECONDS,
                    compress=0,
                    max_msg_size=0,
                )
                self._connection = await self._speak(self._websocket)
        except (aiohttp.ClientError, asyncssh.Error, OSError) as exc:  # TimeoutError is an OSError
            await self.close()
            raise NotebookUnreachableError(NOT_REACHED, reason=type(exc).__name__) from exc
        return self._connection

    async def close(self) -> None:
        """Let go of everything; what runs in the notebook goes on as after any lost connection."""
        if self._connection:
            self._connection.abort()
        for carrier in self._carriers:
            carrier.cancel()
        await asyncio.gather(*self._carriers, return_exceptions=True)
        if self._websocket:
            await self._websocket.close()

    def _token(self) -> str:
        return self._answer.token.get_secret_value() if self._answer.token else ""

    async def _speak(self, websocket: aiohttp.ClientWebSocketResponse) -> asyncssh.SSHClientConnection:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        self._carriers = [
            asyncio.create_task(_to_notebook(reader, websocket)),
            asyncio.create_task(_from_notebook(websocket, writer)),
        ]
        return await asyncssh.connect(
            "notebook",
            sock=theirs,
            username="notebook",
            # Gateway and token have proven already that this is the notebook; nobody is in between.
            known_hosts=None,
            config=None,
            client_keys=None,
            agent_path=None,
            password=None,
            kbdint_auth=False,
            gss_auth=False,
            compression_algs=None,
            encryption_algs=["aes128-gcm@openssh.com"],
        )


async def _to_notebook(reader: asyncio.StreamReader, websocket: aiohttp.ClientWebSocketResponse) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(READ_BYTES):
            await websocket.send_bytes(data)
    await websocket.close()


async def _from_notebook(websocket: aiohttp.ClientWebSocketResponse, writer: asyncio.StreamWriter) -> None:
    """End the connection when the gateway or the notebook is gone: asyncssh sees its socket closed."""
    try:
        async for message in websocket:
            if message.type is aiohttp.WSMsgType.BINARY:
                writer.write(message.data)
                await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
