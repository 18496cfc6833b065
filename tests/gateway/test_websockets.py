"""Websockets through the gateway: what goes through, who is let in, and who is put out."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp import WSMsgType

from tests.gateway.running import browser, sign_in
from tests.support.waiting import wait_for


async def connect(client, gateway, *, origin=None, **settings):
    headers = {"Origin": origin or gateway.origin, **settings.pop("headers", {})}
    socket = await client.ws_connect(f"{gateway.url}ws", headers=headers, max_msg_size=0, **settings)
    hello = await socket.receive_json(timeout=20)
    return socket, {name.lower(): value for name, value in hello["headers"]}


async def test_text_and_binary_come_back_as_they_were(gateway, ada):
    socket, _ = await connect(ada, gateway)
    await socket.send_str("grüße €")
    assert await socket.receive_str(timeout=20) == "grüße €"
    await socket.send_bytes(bytes(range(256)))
    assert await socket.receive_bytes(timeout=20) == bytes(range(256))
    await socket.send_str("")
    assert await socket.receive_str(timeout=20) == ""
    await socket.close()


async def test_a_large_message_has_no_limit(gateway, ada):
    socket, _ = await connect(ada, gateway)
    await socket.send_bytes(b"m" * 30_000_000)
    assert len(await socket.receive_bytes(timeout=60)) == 30_000_000
    await socket.close()


async def test_the_editor_chooses_the_subprotocol(gateway, ada):
    socket, seen = await connect(ada, gateway, protocols=["v9.unknown", "v2.fake"])

    assert socket.protocol == "v2.fake"
    assert seen["sec-websocket-protocol"] == "v9.unknown,v2.fake"
    await socket.close()


async def test_pings_reach_the_other_side(gateway, ada):
    socket, _ = await connect(ada, gateway, autoping=False)
    await socket.ping(b"from the browser")
    pong = await socket.receive(timeout=20)
    assert (pong.type, bytes(pong.data)) == (WSMsgType.PONG, b"from the browser")
    await socket.send_str("ping me")
    ping = await socket.receive(timeout=20)
    assert (ping.type, bytes(ping.data)) == (WSMsgType.PING, b"here")
    await socket.pong(b"here")
    assert (await socket.receive(timeout=20)).data == "pong arrived"
    await socket.close()


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4001])
async def test_the_editors_close_code_reaches_the_browser(gateway, ada, code):
    socket, _ = await connect(ada, gateway)
    await socket.send_str(f"close {code}")
    message = await socket.receive(timeout=20)

    assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, code, "as asked")


async def test_the_browsers_close_code_reaches_the_editor(gateway, ada):
    told = Path(gateway.folder, "last_close")
    socket, _ = await connect(ada, gateway)
    await socket.close(code=4002, message=b"bye")

    wait_for(lambda: told.exists() and told.read_text() == "4002", what="the editor to see the close")


async def test_a_browser_that_vanishes_is_told_to_the_editor(gateway, ada):
    told = Path(gateway.folder, "last_close")
    told.unlink(missing_ok=True)
    socket, _ = await connect(ada, gateway)
    socket._response.connection.transport.abort()

    await asyncio.to_thread(wait_for, told.exists, what="the editor to see the end")


async def test_credentials_do_not_reach_the_editor(gateway, ada):
    socket, seen = await connect(
        ada, gateway, headers={"Authorization": "Bearer x", "X-Forwarded-Proto": "https"}
    )

    assert "authorization" not in seen
    assert "cookie" not in seen
    assert "sec-websocket-extensions" not in seen
    assert seen["host"] == f"127.0.0.1:{gateway.port}"
    assert seen["origin"] == gateway.origin
    assert seen["x-forwarded-proto"] == "https"
    await socket.close()


async def refused(client, gateway, headers):
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await client.ws_connect(f"{gateway.url}ws", headers=headers)
    return error.value.status


async def test_without_a_cookie_there_is_no_websocket(gateway, nobody):
    assert await refused(nobody, gateway, {"Origin": gateway.origin}) == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {}, {"Sec-Fetch-Site": "cross-site"}]
)
async def test_pages_of_other_sites_get_no_websocket(gateway, ada, headers):
    assert await refused(ada, gateway, headers) == 403


async def test_what_the_editor_refuses_is_refused(gateway, ada):
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await ada.ws_connect(
            f"{gateway.url}headers?status=404&headers={{}}", headers={"Origin": gateway.origin}
        )

    assert error.value.status == 404


async def test_who_is_taken_off_the_policy_loses_living_websockets_and_others_keep_theirs(gateway, ada):
    gateway.service.users = ["ada", "eve"]
    async with browser() as eves:
        await sign_in(eves, gateway, "eve")
        lost, _ = await connect(ada, gateway)
        kept, _ = await connect(eves, gateway)
        gateway.service.users = ["eve"]
        message = await lost.receive(timeout=20)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1008)
        await kept.send_str("still here")
        assert await kept.receive_str(timeout=20) == "still here"
        await kept.close()


async def test_an_absent_service_closes_no_websocket(gateway, ada):
    socket, _ = await connect(ada, gateway)
    gateway.service.away = True
    told = gateway.log().count("heartbeat_not_taken")
    await asyncio.to_thread(
        wait_for,
        lambda: gateway.log().count("policy_not_refreshed") > told,
        what="a failed look at the policy",
    )
    await socket.send_str("still here")
    assert await socket.receive_str(timeout=20) == "still here"
    await socket.close()
