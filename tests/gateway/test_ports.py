"""Other programs of a notebook, each on a port of its own, by the same rules as the editor."""

import json
import os
import signal
import subprocess
import sys

import aiohttp
import pytest
from aiohttp import WSMsgType

from ovh_spawner.loopback import free_port
from tests.gateway.running import FAKE_EDITOR, PAGE, PREFIX, running_gateway
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """Run something like TensorBoard; yield its port."""
    port = free_port()
    folder = tmp_path_factory.mktemp("program")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(FAKE_EDITOR), str(port), "/"],
            cwd=folder,
            stdout=log,
            stderr=log,
            env=dict(os.environ),
        )
    try:
        wait_for(lambda: b"listens" in (folder / "log").read_bytes(), what="the program", seconds=60)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


async def test_a_program_sees_paths_from_its_root_and_knows_its_prefix(gateway, ada, program):
    async with ada.get(f"{gateway.url}proxy/{program}/a%2Fb?x=%20") as answer:
        seen = await answer.json()

    assert seen["path"] == "/a%2Fb?x=%20"
    assert ["X-Forwarded-Prefix", f"{PREFIX}proxy/{program}"] in seen["headers"]


async def test_a_program_that_knows_where_it_lives_sees_the_whole_path(gateway, ada, program):
    async with ada.get(f"{gateway.url}proxy/absolute/{program}/x") as answer:
        assert (await answer.json())["path"] == f"{PREFIX}proxy/absolute/{program}/x"


async def test_a_port_without_its_slash_gets_one(gateway, ada, program):
    async with ada.get(f"{gateway.url}proxy/{program}", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, f"{PREFIX}proxy/{program}/")


async def test_websockets_reach_programs(gateway, ada, program):
    socket = await ada.ws_connect(f"{gateway.url}proxy/{program}/ws", headers={"Origin": gateway.origin})
    await socket.receive_json(timeout=20)
    await socket.send_str("hello")
    assert await socket.receive_str(timeout=20) == "hello"
    await socket.close()


async def test_strangers_reach_no_program(gateway, nobody, program):
    async with nobody.get(f"{gateway.url}proxy/{program}/") as answer:
        assert answer.status == 401
    async with nobody.get(f"{gateway.url}proxy/{program}", allow_redirects=False) as answer:
        assert answer.status == 401
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await nobody.ws_connect(f"{gateway.url}proxy/{program}/ws", headers={"Origin": gateway.origin})
    assert error.value.status == 403


async def test_a_token_opens_programs(gateway, nobody, program):
    headers = {"Authorization": f"Bearer {gateway.service.new_token()}"}
    async with nobody.get(f"{gateway.url}proxy/{program}/", headers=headers) as answer:
        assert answer.status == 200
        assert "Authorization" not in {name for name, _ in (await answer.json())["headers"]}


async def test_another_sites_page_reaches_no_program(gateway, ada, program):
    async with ada.post(
        f"{gateway.url}proxy/{program}/", headers={"Origin": "https://evil.example"}
    ) as answer:
        assert answer.status == 403


async def test_a_websocket_to_a_program_closes_with_the_access(gateway, ada, program):
    socket = await ada.ws_connect(f"{gateway.url}proxy/{program}/ws", headers={"Origin": gateway.origin})
    await socket.receive_json(timeout=20)
    gateway.service.users = ["eve"]
    message = await socket.receive(timeout=20)

    assert (message.type, message.data) == (WSMsgType.CLOSE, 1008)


async def test_a_programs_own_password_reaches_it_and_our_credentials_do_not(gateway, ada, program):
    headers = {"Authorization": "Basic YTpi", "Cookie": "jupyterhub-session-id=hush; own=1"}
    async with ada.get(f"{gateway.url}proxy/{program}/", headers=headers) as answer:
        seen = dict((await answer.json())["headers"])
    async with ada.get(f"{gateway.url}x", headers=headers) as answer:
        at_editor = dict((await answer.json())["headers"])

    assert (seen["Authorization"], seen["Cookie"]) == ("Basic YTpi", "own=1")
    assert "Authorization" not in at_editor


async def test_a_programs_redirects_and_cookies_stay_below_its_port(gateway, ada, program):
    base = f"{gateway.url}proxy/{program}/"
    parameters = {"status": "302", "headers": json.dumps({"Location": "/login"})}
    async with ada.get(f"{base}headers", params=parameters, allow_redirects=False) as answer:
        assert answer.headers["Location"] == f"{PREFIX}proxy/{program}/login"
    async with ada.get(f"{base}cookies", params=[("set", "a=1; Path=/; Domain=example.org")]) as answer:
        assert answer.headers["Set-Cookie"] == f"a=1; Path={PREFIX}proxy/{program}/"


async def test_where_nothing_listens_a_sentence_says_so(gateway, ada):
    port = free_port()
    async with ada.get(f"{gateway.url}proxy/{port}/", headers=PAGE) as answer:
        assert answer.status == 502
        assert f"Nothing answers on port {port}" in await answer.text()
    async with ada.get(f"{gateway.url}proxy/{port}/") as answer:
        assert (await answer.json())["code"] == "port_away"


async def test_the_gateway_is_no_program_of_the_notebook(gateway, ada):
    async with ada.get(f"{gateway.url}proxy/{gateway.port}/") as answer:
        assert answer.status == 404


@pytest.mark.parametrize("port", ["0", "65536", "080", "6006x", "-1", "127.0.0.1"])
async def test_what_is_no_port_is_the_editors_business(gateway, ada, port):
    async with ada.get(f"{gateway.url}proxy/{port}/x") as answer:
        assert (await answer.json())["path"] == f"{PREFIX}proxy/{port}/x"


async def test_a_program_answers_while_the_editor_still_starts(tmp_path, program):
    def never_ready(gateway):
        return gateway.fake_editor(ready_file=str(tmp_path / "never"))

    with running_gateway(tmp_path, editor=never_ready, ready=False) as gateway:
        wait_for(lambda: gateway.probe() == 503, what="the gateway to listen")
        headers = {"Authorization": f"Bearer {gateway.service.new_token()}"}
        async with (
            aiohttp.ClientSession() as client,
            client.get(f"{gateway.url}proxy/{program}/", headers=headers) as answer,
        ):
            assert answer.status == 200
