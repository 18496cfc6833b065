"""What the gateway tells of use: a tab that was left open does nothing, however much it talks."""

import asyncio

import pytest

from tests.gateway.running import PAGE, running_gateway
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """A gateway that nobody else has used."""
    with running_gateway(tmp_path_factory.mktemp("run")) as gateway:
        yield gateway


@pytest.fixture
async def program(quiet):
    """Somebody who comes with a token, so that signing in is no page."""
    quiet.service.reset()
    return {"Authorization": f"Bearer {quiet.service.new_token()}"}


def told(gateway):
    """Return when the gateway was last used, as its next heartbeat says."""
    beats = gateway.service.heartbeats
    wait_for(lambda: gateway.service.heartbeats > beats + 1, what="a heartbeat")
    return gateway.service.last_active_at


async def is_seen(gateway, act):
    before = await asyncio.to_thread(told, gateway)
    await act()
    return await asyncio.to_thread(told, gateway) != before


async def test_what_a_page_asks_for_by_itself_is_no_use(quiet, nobody, program):
    async def poll():
        for path in ("api/kernels", "api/sessions", "api/terminals", "api/contents?content=0", "healthz"):
            async with nobody.get(f"{quiet.url}{path}", headers=program) as answer:
                assert answer.status == 200

    assert not await is_seen(quiet, poll)


async def test_who_is_not_let_in_uses_nothing(quiet, nobody):
    async def knock():
        async with nobody.get(quiet.url, headers=PAGE) as answer:
            assert answer.status == 401
        async with nobody.post(f"{quiet.url}x") as answer:
            assert answer.status == 401

    assert not await is_seen(quiet, knock)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_what_changes_something_is_use(quiet, nobody, program, method):
    async def change():
        async with nobody.request(method, f"{quiet.url}api/contents/x", headers=program) as answer:
            assert answer.status == 200

    assert await is_seen(quiet, change)


async def test_going_to_a_page_is_use(quiet, nobody, program):
    async def go():
        async with nobody.get(f"{quiet.url}lab", headers={**PAGE, **program}) as answer:
            assert answer.status == 200

    assert await is_seen(quiet, go)


async def test_an_open_websocket_that_only_keeps_alive_is_no_use(quiet, nobody, program):
    async with nobody.ws_connect(f"{quiet.url}ws", headers=program) as socket:
        await socket.receive_json(timeout=20)

        async def keep_alive():
            for _ in range(5):
                await socket.send_bytes(b"still here")
                await socket.receive_bytes(timeout=20)
                await socket.ping()

        assert not await is_seen(quiet, keep_alive)


async def test_the_layout_that_jupyterlab_saves_by_itself_is_no_use(quiet, nobody, program):
    async def save_layout():
        async with nobody.put(f"{quiet.url}lab/api/workspaces/default?1", headers=program) as answer:
            assert answer.status == 200

    assert not await is_seen(quiet, save_layout)


VSCODE = "stable-1/?reconnectionToken=x&skipWebSocketFrames=false"
CHATTER = [
    b"\x01\x00\x00\x01f\x0c$onFileEvent\x00",
    b"\x04\x04\x06d\x06remoteFilesystem\x01\x04stat",
    b"\x09\x00",
]


async def say(socket, words, times=1):
    for word in words * times:
        await socket.send_bytes(word)
        await socket.receive_bytes(timeout=20)


async def test_vscode_that_tells_of_files_is_no_use(quiet, nobody, program):
    async with nobody.ws_connect(f"{quiet.url}{VSCODE}", headers=program) as socket:
        await socket.receive_json(timeout=20)

        assert not await is_seen(quiet, lambda: say(socket, CHATTER, times=20))


@pytest.mark.parametrize(
    "word",
    [
        b"\x01\x00\x00\x01v\x1e$acceptEditorPropertiesChanged\x00",
        b"\x04\x04\x06d\x06\xce\x07\x01\x0eremoteterminal\x01\x06$input\x04",
    ],
)
async def test_typing_in_vscode_is_use(quiet, nobody, program, word):
    async with nobody.ws_connect(f"{quiet.url}{VSCODE}", headers=program) as socket:
        await socket.receive_json(timeout=20)

        assert await is_seen(quiet, lambda: say(socket, [word]))


async def test_who_types_is_seen(quiet, nobody, program):
    async with nobody.ws_connect(f"{quiet.url}ws", headers=program) as socket:
        await socket.receive_json(timeout=20)

        async def type_a_line():
            for _ in range(40):
                await socket.send_bytes(b"k")
                await socket.receive_bytes(timeout=20)

        assert await is_seen(quiet, type_a_line)


@pytest.mark.parametrize("path", ["api/kernels/1-2/channels?session_id=x", "terminals/websocket/1"])
async def test_one_word_to_a_kernel_or_a_terminal_is_use(quiet, nobody, program, path):
    async with nobody.ws_connect(f"{quiet.url}{path}", headers=program) as socket:
        await socket.receive_json(timeout=20)

        async def run():
            await socket.send_str("run")
            await socket.receive_str(timeout=20)

        assert await is_seen(quiet, run)
