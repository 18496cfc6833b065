"""What the editor sees of a request, and what the browser sees of the answer."""

import asyncio
import gzip
import hashlib
import io
import json

import aiohttp
import pytest
from yarl import URL

from tests.gateway.running import PREFIX


async def told(answer):
    return await answer.json()


async def exchange(gateway, ada, lines, body=b""):
    """Send bytes as they are, with ada's cookies; return the answer's bytes."""
    cookies = "; ".join(
        f"{c.key}={c.value}" for c in ada.cookie_jar.filter_cookies(URL(gateway.url)).values()
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    head = [*lines, f"Host: 127.0.0.1:{gateway.port}", f"Cookie: {cookies}", "Connection: close", "", ""]
    writer.write("\r\n".join(head).encode() + body)
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    "rest",
    [
        "files/a%2Fb%20c%3Fd.txt?x=1&x=2&y=%2B+%25",
        "files/a//b/./c",
        "files/%E2%82%AC?empty=&flag",
        "files/semi;colon,comma@at:colon",
        "files/%252F?next=http://other/%3F",
    ],
)
async def test_a_path_reaches_the_editor_as_it_was_written(gateway, ada, rest):
    async with ada.get(URL(gateway.url + rest, encoded=True)) as answer:
        assert (await told(answer))["path"] == PREFIX + rest


async def test_a_prefix_written_with_other_escapes_is_the_same_prefix(gateway, ada):
    answer = await exchange(gateway, ada, ["GET /user/ada%40uni/nb-abcdefghijkl/files/x HTTP/1.1"])

    # The browser's cookie path differs from this spelling; bytes carry it anyway.
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["path"] == f"{PREFIX}files/x"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
async def test_every_method_goes_through(gateway, ada, method):
    async with ada.request(method, f"{gateway.url}thing", headers={"Origin": gateway.origin}) as answer:
        assert (await told(answer))["method"] == method


async def test_a_large_upload_arrives_whole_with_its_length(gateway, ada):
    body = b"u" * 20_000_000
    async with ada.post(f"{gateway.url}upload", data=io.BytesIO(body)) as answer:
        seen = await told(answer)

    assert seen["sha256"] == hashlib.sha256(body).hexdigest()
    assert ["Content-Length", "20000000"] in seen["headers"]


async def test_an_upload_of_unknown_length_arrives_whole(gateway, ada):
    async def pieces():
        for _ in range(100):
            yield b"p" * 10_000

    async with ada.put(f"{gateway.url}upload", data=pieces()) as answer:
        seen = await told(answer)

    assert seen["size"] == 1_000_000


async def test_a_compressed_upload_stays_compressed(gateway, ada):
    body = gzip.compress(b"words" * 1000)
    async with ada.post(f"{gateway.url}upload", data=body, headers={"Content-Encoding": "gzip"}) as answer:
        seen = await told(answer)

    assert seen["sha256"] == hashlib.sha256(body).hexdigest()


async def test_a_large_download_arrives_whole(gateway, ada):
    async with ada.get(f"{gateway.url}big?mb=50") as answer:
        size = 0
        async for chunk in answer.content.iter_any():
            size += len(chunk)

        assert answer.headers["Content-Length"] == "50000000"
    assert size == 50_000_000


async def test_the_first_half_of_a_stream_arrives_before_the_second_exists(gateway, ada):
    async with ada.get(f"{gateway.url}stream") as answer:
        first = await asyncio.wait_for(answer.content.readline(), 20)
        await ada.post(f"{gateway.url}release")
        second = await asyncio.wait_for(answer.content.readline(), 20)

    assert (first, second) == (b"first\n", b"second\n")


async def test_a_compressed_answer_stays_compressed(gateway, ada):
    async with ada.get(f"{gateway.url}zipped") as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert await answer.text() == "words"


async def test_half_an_answer_does_not_look_whole(gateway, ada):
    async with ada.get(f"{gateway.url}break") as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_host_forwarded_and_doubled_headers_go_through(gateway, ada):
    sent = [("Host", "notebooks.example"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "10.0.0.9")]
    twice = [("X-Twice", "one"), ("X-Twice", "two")]
    async with ada.get(f"{gateway.url}x", headers=[*sent, *twice]) as answer:
        seen = (await told(answer))["headers"]

    for header in [*sent, *twice]:
        assert list(header) in seen


async def test_what_is_meant_for_the_gateway_does_not_reach_the_editor(gateway, ada):
    headers = {
        "Authorization": "Bearer secret",
        "Connection": "X-Between, keep-alive",
        "X-Between": "neighbours",
        "Proxy-Authorization": "Basic x",
        "TE": "trailers",
    }
    jupyterhub = {
        "jupyterhub-session-id": "hub",
        "__Host-jupyterhub-user": "hub",
        "username-x": "editor's own",
    }
    async with ada.get(f"{gateway.url}x", headers=headers, cookies=jupyterhub) as answer:
        seen = {name.lower(): value for name, value in (await told(answer))["headers"]}

    assert seen["cookie"] == "username-x=editor's own"
    assert not {"authorization", "x-between", "proxy-authorization", "te"} & set(seen)


async def test_a_browser_gets_all_cookies_of_the_editor_and_none_in_our_name(gateway, ada):
    ours = f"ovh-notebook-{gateway.service.notebook.hex[:12]}"
    lines = ["_xsrf=1; Path=/", "b=2; HttpOnly", f"{ours}=forged; Path=/", "jupyterhub-session-id=x"]
    async with ada.get(f"{gateway.url}cookies", params=[("set", line) for line in lines]) as answer:
        assert answer.headers.getall("Set-Cookie") == [f"_xsrf=1; Path={PREFIX}", "b=2; HttpOnly"]


@pytest.mark.parametrize(("status", "extra"), [(204, {}), (304, {"ETag": '"x"'}), (418, {"X-Tea": "no"})])
async def test_a_status_and_its_headers_come_back(gateway, ada, status, extra):
    async with ada.get(
        f"{gateway.url}headers", params={"status": status, "headers": json.dumps(extra)}
    ) as answer:
        assert answer.status == status
        assert {name: answer.headers.get(name) for name in extra} == extra
        assert await answer.read() == b""


async def test_a_head_request_tells_the_length_and_has_no_body(gateway, ada):
    answer = await exchange(gateway, ada, [f"HEAD {PREFIX}big?mb=3 HTTP/1.1"])

    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Length: 3000000" in head
    assert body == b""


async def test_a_careful_client_is_invited_to_send_its_body(gateway, ada):
    lines = [f"POST {PREFIX}upload HTTP/1.1", "Expect: 100-continue", "Content-Length: 4"]
    answer = await exchange(gateway, ada, lines, b"body")

    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 ")
    assert b'"size": 4' in answer


async def test_a_redirect_of_an_editor_at_the_prefix_is_left_alone(gateway, ada):
    parameters = {"status": 302, "headers": json.dumps({"Location": f"{PREFIX}lab"})}
    async with ada.get(f"{gateway.url}headers", params=parameters, allow_redirects=False) as answer:
        assert answer.headers["Location"] == f"{PREFIX}lab"


async def test_trace_shows_nobody_their_cookies(gateway, ada):
    answer = await exchange(gateway, ada, [f"TRACE {PREFIX} HTTP/1.1"])

    assert answer.startswith(b"HTTP/1.1 405 ")


@pytest.mark.parametrize("path", ["/", "/user/ada@uni/nb-other/", "/user/ada@uni/nb-abcdefghijklm/x", "//x"])
async def test_other_addresses_are_nobodys(gateway, ada, path):
    async with ada.get(URL(gateway.origin + path, encoded=True)) as answer:
        assert answer.status == 404
        assert (await told(answer))["code"] == "not_found"


async def test_the_prefix_without_its_slash_leads_to_the_notebook(gateway, ada):
    async with ada.get(URL(gateway.url.rstrip("/"), encoded=True), allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, PREFIX)
