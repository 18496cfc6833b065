"""Application tokens at a notebook: shown by programs, typed by people, once in an address."""

import asyncio
import secrets
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import WSMsgType

from ovh_spawner.domain.tokens import new_value
from tests.gateway.running import HUB_SESSION, PAGE, PREFIX
from tests.support.waiting import wait_for


def bearer(token, scheme="Bearer"):
    return {"Authorization": f"{scheme} {token}"}


def mistyped(token):
    return token[:-1] + ("0" if token[-1] != "0" else "1")


async def post_form(client, gateway, token, *, rest="", origin=None):
    return await client.post(
        f"{gateway.url}_ovh/token",
        data={"token": token, "next": rest},
        headers={**PAGE, "Origin": origin or gateway.origin},
        allow_redirects=False,
    )


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "token"])
async def test_a_program_comes_in_with_a_token(gateway, nobody, scheme):
    token = gateway.service.new_token()
    async with nobody.get(f"{gateway.url}x", headers=bearer(token, scheme)) as answer:
        seen = await answer.text()

        assert answer.status == 200
        assert "Set-Cookie" not in answer.headers
    assert token not in seen


async def test_a_token_is_shown_to_the_service_once(gateway, nobody):
    token = gateway.service.new_token()
    for _ in range(5):
        async with nobody.get(f"{gateway.url}x", headers=bearer(token)) as answer:
            assert answer.status == 200

    assert gateway.service.tokens_seen == [token]


async def test_a_token_opens_websockets_too(gateway, nobody):
    token = gateway.service.new_token()
    socket = await nobody.ws_connect(f"{gateway.url}ws", headers=bearer(token))
    hello = await socket.receive_json(timeout=20)
    await socket.close()

    assert token not in str(hello)


@pytest.mark.parametrize("kind", ["unknown", "mistyped", "cut off"])
async def test_a_wrong_token_is_told_in_json_and_lets_nobody_in(gateway, nobody, kind):
    unknown = new_value(uuid4(), secrets.token_bytes(32))
    token = {"unknown": unknown, "mistyped": mistyped(gateway.service.new_token()), "cut off": unknown[:30]}[
        kind
    ]
    async with nobody.get(f"{gateway.url}x", headers=bearer(token)) as answer:
        told = await answer.json()

        assert (answer.status, told["code"]) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert token not in str(told)
    # Only what can be a token is worth a question.
    assert gateway.service.tokens_seen == ([unknown] if kind == "unknown" else [])


async def test_a_wrong_token_is_not_made_good_by_a_cookie(gateway, ada):
    token = new_value(uuid4(), secrets.token_bytes(32))
    async with ada.get(f"{gateway.url}x", headers=bearer(token)) as answer:
        assert answer.status == 401


async def test_a_token_of_the_hub_is_no_token_of_ours_and_reaches_nobody(gateway, ada, nobody):
    async with nobody.get(f"{gateway.url}x", headers=bearer("a" * 32, "token")) as answer:
        assert answer.status == 401
    async with ada.get(f"{gateway.url}x", headers=bearer("a" * 32, "token")) as answer:
        assert answer.status == 200
        assert "a" * 32 not in await answer.text()
    assert gateway.service.tokens_seen == []


async def test_without_the_service_an_unknown_token_waits_and_a_known_one_works(gateway, nobody):
    known, new = gateway.service.new_token(), gateway.service.new_token()
    async with nobody.get(f"{gateway.url}x", headers=bearer(known)) as answer:
        assert answer.status == 200
    gateway.service.away = True

    async with nobody.get(f"{gateway.url}x", headers=bearer(known)) as answer:
        assert answer.status == 200
    async with nobody.get(f"{gateway.url}x", headers=bearer(new)) as answer:
        assert answer.status == 503


async def test_a_deleted_token_is_refused_and_its_websocket_closed(gateway, nobody):
    token = gateway.service.new_token()
    socket = await nobody.ws_connect(f"{gateway.url}ws", headers=bearer(token))
    await socket.receive_json(timeout=20)
    del gateway.service.tokens[token]

    message = await socket.receive(timeout=20)
    assert (message.type, message.data) == (WSMsgType.CLOSE, 1008)
    async with nobody.get(f"{gateway.url}x", headers=bearer(token)) as answer:
        assert answer.status == 401


async def test_an_answer_under_way_ends_when_its_token_is_deleted(gateway, nobody):
    token = gateway.service.new_token()
    async with nobody.get(f"{gateway.url}stream", headers=bearer(token)) as answer:
        assert await answer.content.readline() == b"first\n"
        del gateway.service.tokens[token]
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(answer.content.readline(), 20)
    async with nobody.get(f"{gateway.url}release", headers=bearer(gateway.service.new_token())) as answer:
        assert answer.status == 204


async def test_a_browser_without_a_session_is_asked_how_to_sign_in(gateway, nobody):
    async with nobody.get(
        f"{gateway.url}lab/tree/a%20b?reset", headers=PAGE, allow_redirects=False
    ) as answer:
        text = await answer.text()

        assert answer.status == 401
        assert answer.headers["Cache-Control"] == "no-store"
        # With no-referrer browsers would send the form with the origin "null".
        assert answer.headers["Referrer-Policy"] == "same-origin"
    assert f'action="{PREFIX}_ovh/token"' in text
    assert f'{PREFIX}_ovh/sign-in?next=lab%2Ftree%2Fa%2520b"' in text
    assert "Fake editor" not in text


async def test_the_account_way_of_the_page_leads_on_to_where_one_wanted_to_go(gateway, nobody):
    address = f"{gateway.url}_ovh/sign-in?next=lab%2Ftree%2Fa%2520b"
    async with nobody.get(address, headers=PAGE, allow_redirects=False) as answer:
        assert answer.status == 302
        assert "next=" in answer.headers["Location"]
        assert "a%2520b" in answer.headers["Location"]


async def test_a_typed_token_becomes_a_cookie_that_does_not_hold_it(gateway, nobody):
    token = gateway.service.new_token()
    answer = await post_form(nobody, gateway, token, rest="lab?reset")

    assert (answer.status, answer.headers["Location"]) == (303, f"{PREFIX}lab?reset")
    cookie = answer.headers["Set-Cookie"]
    assert token not in cookie
    assert {"HttpOnly", "SameSite=Lax", f"Path={PREFIX}"} <= {part.strip() for part in cookie.split(";")}
    async with nobody.get(f"{gateway.url}x") as inside:
        assert inside.status == 200


async def test_a_renewed_token_ends_what_the_old_one_opened(gateway, nobody):
    old = gateway.service.new_token()
    await post_form(nobody, gateway, old)
    _, identity, version = gateway.service.tokens.pop(old).split(":")
    gateway.service.tokens["renewed"] = f"token:{identity}:{int(version) + 1}"

    async def status():
        async with nobody.get(f"{gateway.url}x") as answer:
            return answer.status

    async with asyncio.timeout(20):
        while await status() == 200:
            await asyncio.sleep(0.05)
    assert await status() == 403


@pytest.mark.parametrize(
    "rest", ["//evil.example/", "https://evil.example/", "\\\\evil.example", "x\r\ny: z"]
)
async def test_after_the_form_nobody_leaves_the_notebook(gateway, nobody, rest):
    answer = await post_form(nobody, gateway, gateway.service.new_token(), rest=rest)

    assert answer.status == 303
    assert answer.headers["Location"].startswith(PREFIX)
    assert "\r" not in answer.headers["Location"]


async def test_a_wrong_typed_token_is_told_on_the_page_and_is_not_on_it(gateway, nobody):
    token = new_value(uuid4(), secrets.token_bytes(32))
    answer = await post_form(nobody, gateway, token, rest='"><script>')
    text = await answer.text()

    assert answer.status == 403
    assert "not valid" in text
    assert token not in text
    assert "<script>" not in text
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_the_form_of_another_site_signs_nobody_in(gateway, nobody, origin):
    answer = await post_form(nobody, gateway, gateway.service.new_token(), origin=origin)

    assert answer.status == 403
    assert "Set-Cookie" not in answer.headers


async def test_a_form_that_is_too_long_is_refused(gateway, nobody):
    answer = await post_form(nobody, gateway, "x" * 20_000)

    assert answer.status == 413


async def test_a_token_in_the_address_is_stripped_and_becomes_a_cookie(gateway, nobody):
    token = gateway.service.new_token()
    address = f"{gateway.url}lab?reset&token={token}&x=1"
    async with nobody.get(address, headers=PAGE, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, f"{PREFIX}lab?reset&x=1")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert token not in answer.headers["Set-Cookie"]
    async with nobody.get(f"{gateway.url}x") as inside:
        assert inside.status == 200
    assert token not in gateway.log()


async def test_a_wrong_token_in_the_address_is_stripped_too_and_told(gateway, nobody):
    token = new_value(uuid4(), secrets.token_bytes(32))
    async with nobody.get(f"{gateway.url}lab?token={token}", headers=PAGE, allow_redirects=False) as answer:
        assert answer.status == 302
        location = answer.headers["Location"]
    assert token not in location
    async with nobody.get(gateway.origin + location, headers=PAGE) as answer:
        assert "not valid" in await answer.text()


async def test_a_token_in_an_address_never_reaches_the_editor(gateway, ada):
    token = gateway.service.new_token()
    headers = {"Origin": gateway.origin}
    async with ada.post(f"{gateway.url}x?a=1&token={token}", headers=headers) as answer:
        assert (await answer.json())["path"] == f"{PREFIX}x?a=1"


async def test_the_editors_own_token_parameter_is_left_alone(gateway, ada):
    async with ada.get(f"{gateway.url}x?token=of-the-editor") as answer:
        assert (await answer.json())["path"] == f"{PREFIX}x?token=of-the-editor"


async def test_a_hub_session_skips_the_page_and_opens_nothing_by_itself(gateway, nobody):
    async with nobody.get(gateway.url, headers=PAGE, cookies=HUB_SESSION, allow_redirects=False) as answer:
        assert answer.status == 302
        assert answer.headers["Location"].startswith("/services/ai/open/")
    async with nobody.get(f"{gateway.url}x", cookies=HUB_SESSION) as answer:
        assert answer.status == 401


async def test_who_nobody_can_judge_now_keeps_what_was_decided(gateway, ada, nobody):
    gateway.service.undecided = ["user:ada"]
    told = gateway.service.policies_told

    def asked_twice():
        gateway.answer_to_nobody()
        return gateway.service.policies_told > told + 1

    await asyncio.to_thread(wait_for, asked_twice, what="more policies")
    async with ada.get(f"{gateway.url}x") as answer:
        assert answer.status == 200
    async with nobody.get(f"{gateway.url}x") as answer:
        assert answer.status == 401
