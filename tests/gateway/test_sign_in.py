"""Who comes in, how, and what everybody else is told."""

from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from yarl import URL

from tests.gateway.running import (
    HUB_SESSION,
    PAGE,
    PREFIX,
    begin_sign_in,
    browser,
    come_back,
    is_uuid,
    running_gateway,
    sign_in,
)
from tests.support.waiting import wait_for


def cookie_set(answer, start="ovh-notebook-"):
    lines = [line for line in answer.headers.getall("Set-Cookie") if line.startswith(start)]
    return SimpleCookie(lines[0]), lines[0]


async def test_a_browser_without_a_cookie_is_sent_to_the_service(gateway, nobody):
    asked = await begin_sign_in(nobody, f"{gateway.url}lab/tree/a%20b.ipynb?reset&token=secret")

    assert asked["path"] == f"/services/ai/open/{gateway.service.notebook}"
    assert asked["run"] == str(gateway.service.run)
    assert is_uuid(asked["run"])
    assert len(asked["state"]) >= 32
    assert asked["next"] == f"{PREFIX}lab/tree/a%20b.ipynb"


async def test_a_browser_comes_back_signed_in_to_where_it_wanted_to_go(gateway, nobody):
    landed = await sign_in(nobody, gateway, path="lab/tree/a%20b.ipynb?reset")

    assert landed == f"{PREFIX}lab/tree/a%20b.ipynb?reset"
    async with nobody.get(f"{gateway.url}lab") as answer:
        assert answer.status == 200


async def test_the_cookie_is_for_this_notebook_only_and_out_of_reach_of_scripts(gateway, nobody):
    asked = await begin_sign_in(nobody, gateway.url)
    code = gateway.service.code_for("ada")
    async with come_back(nobody, gateway, code=code, state=asked["state"]) as answer:
        _, line = cookie_set(answer)
        referrer, cached = answer.headers["Referrer-Policy"], answer.headers["Cache-Control"]

    assert "HttpOnly" in line
    assert "SameSite=Lax" in line
    assert f"Path={PREFIX}" in line
    assert "Secure" not in line
    assert (referrer, cached) == ("no-referrer", "no-store")


async def test_who_signs_out_at_the_hub_is_out_of_the_notebook_too(gateway, nobody):
    at_the_hub = URL(gateway.url).origin()
    nobody.cookie_jar.update_cookies(HUB_SESSION, at_the_hub)
    await sign_in(nobody, gateway)
    async with nobody.get(gateway.url) as answer:
        assert answer.status == 200

    nobody.cookie_jar.clear(lambda cookie: cookie.key in HUB_SESSION)
    async with nobody.get(gateway.url) as answer:
        assert answer.status == 401

    nobody.cookie_jar.update_cookies(dict.fromkeys(HUB_SESSION, "somebody else"), at_the_hub)
    async with nobody.get(gateway.url, headers=PAGE, allow_redirects=False) as answer:
        assert answer.status == 302
        assert "/services/ai/open/" in answer.headers["Location"]


async def test_a_second_session_cookie_that_a_neighbour_put_there_keeps_nobody_out(gateway, nobody):
    nobody.cookie_jar.update_cookies(HUB_SESSION, URL(gateway.url).origin())
    await sign_in(nobody, gateway)
    ((name, value),) = HUB_SESSION.items()
    (ours,) = (cookie for cookie in nobody.cookie_jar if cookie.key.startswith("ovh-notebook-"))
    line = f"{name}=tossed; {ours.key}={ours.value}; {name}={value}"

    async with browser() as fresh, fresh.get(gateway.url, headers={"Cookie": line}) as answer:
        assert answer.status == 200


async def test_behind_https_the_cookies_are_for_https_only(gateway, nobody):
    headers = {**PAGE, "X-Forwarded-Proto": "https,http"}
    async with nobody.get(gateway.url, headers=headers, cookies=HUB_SESSION, allow_redirects=False) as answer:
        assert "Secure" in cookie_set(answer)[1]


async def test_several_tabs_can_sign_in_at_once(gateway, nobody):
    first = await begin_sign_in(nobody, f"{gateway.url}lab/one")
    second = await begin_sign_in(nobody, f"{gateway.url}lab/two")
    landed = []
    for asked in (first, second):
        code = gateway.service.code_for("ada")
        async with come_back(nobody, gateway, code=code, state=asked["state"]) as answer:
            landed.append(answer.headers["Location"])

    assert landed == [f"{PREFIX}lab/one", f"{PREFIX}lab/two"]


async def test_a_code_is_worth_nothing_in_another_browser(gateway, nobody):
    """Otherwise somebody could sign a victim in as themselves."""
    asked = await begin_sign_in(nobody, gateway.url)
    code = gateway.service.code_for("ada")
    async with browser() as other, come_back(other, gateway, code=code, state=asked["state"]) as answer:
        text = await answer.text()

        assert answer.status == 400
        assert "another browser" in text
        assert PREFIX in text
    assert code in gateway.service.codes


async def test_a_code_works_once(gateway, nobody):
    first = await begin_sign_in(nobody, gateway.url)
    second = await begin_sign_in(nobody, gateway.url)
    code = gateway.service.code_for("ada")
    async with come_back(nobody, gateway, code=code, state=first["state"]) as answer:
        assert answer.status == 302
    async with come_back(nobody, gateway, code=code, state=second["state"]) as answer:
        assert answer.status == 403
        assert "used before" in await answer.text()


async def test_without_the_service_nobody_can_sign_in_and_the_page_says_so(gateway, nobody):
    asked = await begin_sign_in(nobody, gateway.url)
    gateway.service.away = True
    async with come_back(nobody, gateway, code="code", state=asked["state"]) as answer:
        assert answer.status == 503
        assert "does not answer" in await answer.text()


async def test_somebody_let_in_a_moment_ago_comes_in(gateway, nobody):
    async with nobody.get(f"{gateway.url}x") as answer:  # the gateway holds a policy now
        assert answer.status == 401
    gateway.service.users = ["ada", "eve"]
    await sign_in(nobody, gateway, "eve")

    async with nobody.get(f"{gateway.url}x") as answer:
        assert answer.status == 200


async def test_a_program_without_a_cookie_is_told_in_json(gateway, nobody):
    async with nobody.get(f"{gateway.url}api/kernels") as answer:
        assert answer.status == 401
        assert await answer.json() == {
            "message": "Sign in first: open the notebook in a browser.",
            "code": "unauthenticated",
        }


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"Accept": "text/html", "Sec-Fetch-Mode": "cors"}),
        ("GET", {"Accept": "application/json"}),
        ("POST", PAGE),
    ],
)
async def test_only_people_who_go_somewhere_are_redirected(gateway, nobody, method, headers):
    async with nobody.request(method, f"{gateway.url}x", headers=headers, allow_redirects=False) as answer:
        assert answer.status == 401


async def test_who_is_taken_off_the_policy_is_refused_and_comes_back_when_put_on_again(gateway, ada):
    async def status():
        async with ada.get(f"{gateway.url}x", headers=PAGE, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    assert (await status())[0] == 200
    gateway.service.users = ["eve"]
    wait_for_policy(gateway)
    refused, text = await status()
    assert refused == 403
    assert "signed in as ada" in text
    assert f"{PREFIX}_ovh/token" in text
    gateway.service.users = ["ada"]
    wait_for_policy(gateway)
    assert (await status())[0] == 200


def wait_for_policy(gateway):
    """Wait until the gateway has asked for its policy again; it asks when somebody comes."""
    told = gateway.service.policies_told

    def asked():
        gateway.answer_to_nobody()
        return gateway.service.policies_told > told

    wait_for(asked, what="the gateway to ask for its policy")


async def test_who_is_refused_can_sign_in_as_somebody_else(gateway, nobody):
    await sign_in(nobody, gateway, "eve")
    async with nobody.get(gateway.url, headers=PAGE, allow_redirects=False) as answer:
        assert answer.status == 403
    asked = await begin_sign_in(nobody, f"{gateway.url}_ovh/sign-in")
    code = gateway.service.code_for("ada")
    async with come_back(nobody, gateway, code=code, state=asked["state"]) as answer:
        assert answer.headers["Location"] == PREFIX
    async with nobody.get(gateway.url, headers=PAGE, allow_redirects=False) as answer:
        assert answer.status == 200


async def test_open_access_admits_everyone(gateway, nobody):
    gateway.service.access = "open"
    wait_for_policy(gateway)
    async with nobody.get(f"{gateway.url}x") as answer:
        assert answer.status == 200
    gateway.service.access = "restricted"
    wait_for_policy(gateway)
    async with nobody.get(f"{gateway.url}x") as answer:
        assert answer.status == 401


async def test_a_running_notebook_survives_an_absent_service(gateway, ada):
    gateway.service.away = True
    beats = gateway.service.heartbeats

    for _ in range(3):
        async with ada.get(f"{gateway.url}x") as answer:
            assert answer.status == 200
    gateway.service.away = False
    wait_for(lambda: gateway.service.heartbeats > beats, what="heartbeats after the absence")


async def test_a_sign_in_ends_when_the_service_said(gateway, nobody):
    gateway.service.signed_in_for = timedelta(seconds=-1)
    await sign_in(nobody, gateway)

    async with nobody.get(f"{gateway.url}x") as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    "change", [lambda v: v[:-2] + "AA", lambda v: "e30.AAAA", lambda v: "", lambda v: "x" * 3000]
)
async def test_a_changed_cookie_is_no_cookie(gateway, ada, change):
    (cookie,) = [c for c in ada.cookie_jar if not c["path"].endswith("callback")]
    async with browser() as thief:
        thief.cookie_jar.update_cookies({cookie.key: change(cookie.value)}, URL(gateway.url))
        async with thief.get(f"{gateway.url}x") as answer:
            assert answer.status == 401


async def test_a_sign_in_under_way_is_no_sign_in(gateway, nobody):
    """Both are signed with the same key."""
    await begin_sign_in(nobody, gateway.url)
    (under_way,) = list(nobody.cookie_jar)
    name = under_way.key.rsplit("-", 1)[0]
    async with browser() as thief:
        thief.cookie_jar.update_cookies({name: under_way.value}, URL(gateway.url))
        async with thief.get(f"{gateway.url}x") as answer:
            assert answer.status == 401


async def test_another_notebooks_cookie_is_no_cookie_even_with_the_same_key(gateway, ada, tmp_path):
    (cookie,) = [c for c in ada.cookie_jar if not c["path"].endswith("callback")]
    with running_gateway(tmp_path) as other:
        name = f"ovh-notebook-{other.service.notebook.hex[:12]}"
        async with browser() as thief:
            thief.cookie_jar.update_cookies({name: cookie.value}, URL(other.url))
            async with thief.get(f"{other.url}x") as answer:
                assert answer.status == 401


async def test_codes_and_cookies_are_not_in_the_log(gateway, nobody):
    asked = await begin_sign_in(nobody, f"{gateway.url}lab?token=hush-hush")
    async with come_back(nobody, gateway, code="hush-hush", state=asked["state"]) as answer:
        assert answer.status == 403
    wait_for(lambda: "_ovh/callback" in gateway.log(), what="the request in the log")

    assert "hush-hush" not in gateway.log()
    assert asked["state"] not in gateway.log()
    assert gateway.service.token not in gateway.log()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "own"}, 200),
        ({"Origin": "https://notebooks.example", "X-Forwarded-Host": "notebooks.example"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://[bad"}, 403),
    ],
)
async def test_a_page_of_another_site_changes_nothing(gateway, ada, headers, status):
    if headers.get("Origin") == "own":
        headers = {"Origin": gateway.origin}
    async with ada.delete(f"{gateway.url}api/contents/x", headers=headers) as answer:
        assert answer.status == status


@pytest.mark.parametrize("path", ["//evil.example/x", "/%5Cevil.example", "/\\evil.example"])
async def test_the_way_back_never_leads_off_the_host(tmp_path, path):
    """A notebook at / is where it could."""
    with running_gateway(tmp_path, prefix="/") as root:
        async with browser() as client:
            address = URL(root.origin + path, encoded=True)
            async with client.get(
                address, headers=PAGE, cookies=HUB_SESSION, allow_redirects=False
            ) as answer:
                state = URL(answer.headers["Location"]).query["state"]
            code = root.service.code_for("ada")
            async with come_back(client, root, code=code, state=state) as answer:
                landed = answer.headers["Location"]

    assert landed.startswith("/")
    assert not landed.startswith(("//", "/\\"))
