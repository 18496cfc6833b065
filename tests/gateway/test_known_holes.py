"""The known holes of the field, one test each: what went wrong elsewhere stays closed here."""

import asyncio
import json

import aiohttp
import pytest

from tests.gateway.running import (
    HUB_SESSION,
    PAGE,
    PREFIX,
    begin_sign_in,
    browser,
    come_back,
    running_gateway,
    sign_in,
)
from tests.support.waiting import wait_for


def own_cookie(client):
    (cookie,) = [
        c for c in client.cookie_jar if c.key.startswith("ovh-") and not c["path"].endswith("callback")
    ]
    return cookie


async def seen_by_editor(client, gateway, **headers):
    async with client.get(f"{gateway.url}x", headers=headers) as answer:
        assert answer.status == 200
        return await answer.text()


@pytest.mark.parametrize("path", ["ws", "proxy/1/ws", "api/kernels/1/channels"])
async def test_a_websocket_through_the_proxy_needs_signing_in(gateway, nobody, path):
    """jupyter standaloneproxy lets every websocket through."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await nobody.ws_connect(f"{gateway.url}{path}", headers={"Origin": gateway.origin})
    assert error.value.status == 403


async def test_a_websocket_from_a_page_of_another_site_is_refused(gateway, ada):
    """CVE-2023-47109 and its like: kernels driven from elsewhere."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as error:
        await ada.ws_connect(f"{gateway.url}ws", headers={"Origin": "https://evil.example"})
    assert error.value.status == 403


@pytest.mark.parametrize(
    "rest", ["//evil.example", "/\\evil.example", "%2F%2Fevil.example", "http://evil.example"]
)
async def test_no_address_sends_people_elsewhere_after_signing_in(gateway, nobody, rest):
    asked = await begin_sign_in(nobody, f"{gateway.url}_ovh/sign-in?next={rest}")
    code = gateway.service.code_for("ada")
    async with come_back(nobody, gateway, code=code, state=asked["state"]) as answer:
        assert answer.headers["Location"].startswith(PREFIX)


async def test_a_token_is_in_no_referrer_and_no_log(gateway, nobody):
    token = gateway.service.new_token()
    async with nobody.get(f"{gateway.url}?token={token}", headers=PAGE, allow_redirects=False) as answer:
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert token not in answer.headers["Location"]
    async with nobody.get(f"{gateway.url}x") as answer:
        assert answer.status == 200
    assert token not in gateway.log()


async def test_what_is_no_http_is_not_quoted_in_the_log(gateway):
    token = gateway.service.new_token()
    line = f"GET {PREFIX}?token={token}&name=".encode() + b"\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(line)
    assert b" 400 " in await reader.readline()
    writer.close()
    await writer.wait_closed()

    wait_for(lambda: "method=UNKNOWN" in gateway.log(), what="the line of the access log")
    assert token not in gateway.log()


async def test_the_cookie_of_one_notebook_is_not_sent_to_another(gateway, ada, tmp_path):
    """And when a program sends it all the same, it is no cookie there."""
    cookie = own_cookie(ada)
    assert cookie["path"] == PREFIX
    assert not cookie["domain"].startswith(".")
    with running_gateway(tmp_path, prefix="/user/ada@uni/nb-another/") as other:
        async with browser() as thief:
            name = f"ovh-notebook-{other.service.notebook.hex[:12]}"
            async with thief.get(f"{other.url}x", headers={"Cookie": f"{name}={cookie.value}"}) as answer:
                assert answer.status == 401


async def test_tossed_cookies_neither_admit_nor_lock_out(gateway, ada):
    """A page on a neighbouring host can put cookies of the same name before ours."""
    cookie = own_cookie(ada)
    tossed = f"{cookie.key}=evil; {cookie.key}=; {cookie.key}={cookie.value}"
    async with browser() as client, client.get(f"{gateway.url}x", headers={"Cookie": tossed}) as answer:
        assert answer.status == 200
    alone = {"Cookie": f"{cookie.key}=evil"}
    async with browser() as client, client.get(f"{gateway.url}x", headers=alone) as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    "line",
    [
        "_xsrf=evil; Path=/hub/; Domain=example.org",
        "_xsrf=evil; path=/ ;domain=.example.org",
        "_xsrf=evil;PATH=/user/eve/;Domain = example.org",
    ],
)
async def test_an_editor_tosses_no_cookie_at_the_hub_or_at_its_neighbours(gateway, ada, line):
    async with ada.get(f"{gateway.url}cookies", params=[("set", line)]) as answer:
        told = answer.headers["Set-Cookie"]

    assert "omain" not in told
    assert f"={PREFIX}" in told


@pytest.mark.parametrize(
    "name", ["jupyterhub-session-id", "__Host-jupyterhub-hub-login", "ovh-notebook-000000000000"]
)
async def test_an_editor_sets_no_cookie_of_ours_or_the_hubs(gateway, ada, name):
    async with ada.get(f"{gateway.url}cookies", params=[("set", f"{name}=evil; Path={PREFIX}")]) as answer:
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("request_line", "headers", "body", "status"),
    [
        ("GET {}", b"Authorization: Bearer ovhn_\xff\xfe", b"", 401),
        ("GET {}", b"Cookie: COOKIE=\xff\xfe", b"", 401),
        ("GET {}_ovh/callback?code=1&state=2", b"Cookie: COOKIE-2=\xff", b"", 400),
        ("POST {}_ovh/token", b"Content-Type: application/x-www-form-urlencoded", b"token=\xff", 400),
        ("POST {}_ovh/token", b"Content-Type: text/plain; charset=odd", b"token=x", 403),
        ("POST {}_ovh/token", b"Content-Type: application/x-www-form-urlencoded; charset=odd", b"a=b", 400),
        ("POST {}_ovh/token", b"Content-Type: multipart/form-data", b"a=b", 400),
        ("POST {}_ovh/token", b"Content-Type: multipart/form-data; boundary=x", b"a=b", 400),
    ],
)
async def test_what_strangers_send_is_refused_and_is_no_fault_of_the_gateway(
    gateway, request_line, headers, body, status
):
    """A cookie that a neighbour tossed must not keep anybody out, nor strangers fill the log."""
    cookie = f"ovh-notebook-{gateway.service.notebook.hex[:12]}".encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(
        f"{request_line.format(PREFIX)} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n".encode()
        + headers.replace(b"COOKIE", cookie)
        + f"\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()

    assert int(answer.split()[1]) == status


@pytest.mark.parametrize(
    "scope", ["/", f"{PREFIX}../../../", "../../../../", "https://127.0.0.1/", "//127.0.0.1/", "\\"]
)
async def test_an_editors_service_worker_stays_in_its_notebook(gateway, ada, scope):
    parameters = {"headers": json.dumps({"Service-Worker-Allowed": scope})}
    async with ada.get(f"{gateway.url}headers", params=parameters) as answer:
        assert answer.headers["Service-Worker-Allowed"] == PREFIX


async def test_no_credential_reaches_the_users_code(gateway, ada):
    """The editor runs what people write, also people who were only invited."""
    cookies = "jupyterhub-session-id=hush-1; __Host-jupyterhub-hub-login=hush-2; own=1"
    seen = await seen_by_editor(ada, gateway, Cookie=cookies, Authorization="token hush-4")

    assert "hush-1" not in seen
    assert "hush-2" not in seen
    assert "hush-4" not in seen
    assert "own=1" in seen
    assert own_cookie(ada).value not in seen


async def test_a_session_given_to_a_victim_is_not_taken_over(gateway, nobody):
    """Session fixation: what was in the browser before signing in is worth nothing after it."""
    async with nobody.get(gateway.url, headers=PAGE, cookies=HUB_SESSION, allow_redirects=False) as answer:
        planted = answer.headers["Set-Cookie"].partition(";")[0].partition("=")
    await sign_in(nobody, gateway)

    async with browser() as attacker:
        for name in (planted[0], own_cookie(nobody).key):
            async with attacker.get(f"{gateway.url}x", headers={"Cookie": f"{name}={planted[2]}"}) as answer:
                assert answer.status == 401


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "MKCOL"])
async def test_no_page_of_another_site_changes_anything(gateway, ada, method):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
        async with ada.request(method, f"{gateway.url}api/contents/x", headers=headers) as answer:
            assert answer.status == 403


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
@pytest.mark.parametrize(
    "use",
    [
        {"Sec-Fetch-Mode": "no-cors"},
        {"Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
)
async def test_no_neighbouring_host_reads_or_frames_a_notebook(gateway, ada, site, use):
    """People's hosts are one site to a browser, so SameSite lets their cookies through."""
    async with ada.get(f"{gateway.url}files/secret.js", headers={"Sec-Fetch-Site": site, **use}) as answer:
        assert answer.status == 403
    link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    async with ada.get(f"{gateway.url}lab", headers=link) as answer:
        assert answer.status == 200


async def test_open_notebooks_keep_pages_of_other_sites_out(gateway, nobody):
    gateway.service.access = "open"

    async def status(**headers):
        async with nobody.post(f"{gateway.url}x", headers=headers) as answer:
            return answer.status

    while await status() == 401:
        pass
    assert await status() == 200
    assert await status(Origin="https://evil.example") == 403


async def test_names_and_addresses_in_the_log_are_cut(gateway, nobody):
    async with nobody.get(f"{gateway.url}{'a' * 20_000}") as answer:
        assert answer.status == 401
    name = "n" * 5_000
    gateway.service.users = [name]
    await sign_in(nobody, gateway, name)
    socket = await nobody.ws_connect(f"{gateway.url}ws", headers={"Origin": gateway.origin})
    await socket.receive_json(timeout=20)
    gateway.service.users = []
    await socket.receive(timeout=20)

    assert max(len(line) for line in gateway.log().splitlines()) < 1500
    assert "access_lost" in gateway.log()


@pytest.mark.parametrize("name", ['"><script>alert(1)</script>', "<img src=x onerror=alert(1)>"])
async def test_names_are_no_markup_on_our_pages(gateway, nobody, name):
    await sign_in(nobody, gateway, name)
    async with nobody.get(gateway.url, headers=PAGE) as answer:
        text = await answer.text()

        assert answer.status == 403
        assert "script-src" not in answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert name not in text
    assert "&lt;" in text


async def test_our_pages_are_framed_by_nobody(gateway, nobody):
    async with nobody.get(gateway.url, headers=PAGE) as answer:
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
