"""The SSH endpoint's way through the gateway: for the endpoint alone, and to nobody else even there."""

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest

from ovh_spawner.contract.ssh import TUNNEL_PATH, tunnel_token
from tests.gateway.running import browser, running_gateway, sign_in

ECHO = b"SSH-2.0-echo\r\n"


@pytest.fixture(scope="module")
def tunnelled(tmp_path_factory):
    """A gateway whose notebook has an SSH server, at a path where the tests listen."""
    with running_gateway(
        tmp_path_factory.mktemp("run"),
        editor=lambda gateway: gateway.fake_editor().model_copy(
            update={"ssh_socket": str(gateway.sockets / "ssh.sock")}
        ),
    ) as gateway:
        yield gateway


@pytest.fixture
async def server(tunnelled):
    """What listens there: it says hello, and repeats everything loudly."""

    async def serve(reader, writer):
        writer.write(ECHO)
        while data := await reader.read(65_536):
            writer.write(data.upper())
            await writer.drain()

    async with _listening(tunnelled, serve):
        yield tunnelled


@asynccontextmanager
async def _listening(gateway, serve):
    """Listen where the notebook's SSH server does; afterwards wait until every connection is closed."""
    served = set()

    async def handle(reader, writer):
        served.add(asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_unix_server(handle, gateway.config.editor.ssh_socket):
        yield
        await asyncio.gather(*served, return_exceptions=True)


def _token(gateway) -> str:
    return tunnel_token(gateway.config.cookie_key.get_secret_value(), gateway.config.run)


@asynccontextmanager
async def _tunnel(gateway, token: str | None = None):
    headers = {"Authorization": f"Bearer {_token(gateway) if token is None else token}"}
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(f"{gateway.url}{TUNNEL_PATH}", headers=headers, max_msg_size=0) as websocket,
    ):
        yield websocket


async def test_bytes_pass_both_ways(server):
    async with _tunnel(server) as websocket:
        assert await websocket.receive_bytes(timeout=60) == ECHO
        data, heard = bytes(range(256)) * 4_000, b""
        await websocket.send_bytes(data)
        while len(heard) < len(data):
            heard += await websocket.receive_bytes(timeout=60)

    assert heard == data.upper()


async def test_a_server_that_ends_ends_the_tunnel(tunnelled):
    async def serve(reader, writer):
        """Hang up."""

    async with _listening(tunnelled, serve), _tunnel(tunnelled) as websocket:
        message = await websocket.receive(timeout=60)

    assert message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}


@pytest.mark.parametrize("kind", ["nothing", "gateway's", "another run's", "cookie"])
async def test_to_everybody_else_there_is_no_such_path(server, kind):
    config = server.config
    header = {
        "nothing": "",
        "gateway's": f"Bearer {config.gateway_token.get_secret_value()}",
        "another run's": f"Bearer {tunnel_token(config.cookie_key.get_secret_value(), config.notebook)}",
        "cookie": "",
    }[kind]
    headers = {"Authorization": header} if header else {}
    async with browser() as client:
        if kind == "cookie":
            await sign_in(client, server)
        unknown = f"{server.url}_ovh/nothing"
        async with client.get(unknown, headers=headers) as answer:
            nothing = answer.status, await answer.read()
        async with client.get(f"{server.url}{TUNNEL_PATH}", headers=headers) as answer:
            assert (answer.status, await answer.read()) == nothing
        assert nothing[0] == 404
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"{server.url}{TUNNEL_PATH}", headers=headers)

    assert refused.value.status == 404


async def test_a_notebook_whose_server_is_gone_says_so_to_the_endpoint(tunnelled):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with _tunnel(tunnelled):
            pass

    assert refused.value.status == 503


async def test_a_notebook_without_ssh_has_no_tunnel(gateway):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with _tunnel(gateway):
            pass

    assert refused.value.status == 404
