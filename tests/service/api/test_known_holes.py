"""The known holes of the field at the service's own door, one test each; a notebook's door has its own file."""

import re

import pytest

from ovh_spawner.service.api.app import public_routes
from tests.service.api.test_pages import SPEC, sign_in

CHANGING = sorted(
    {(route.method, route.path) for route in public_routes() if route.method not in {"GET", "HEAD"}}
)
EVIL = '"><script>alert(1)</script>'


@pytest.mark.parametrize(("method", "path"), CHANGING, ids=lambda part: part)
async def test_a_cookie_alone_changes_nothing(door, method, path):
    """CSRF: what a browser sends by itself, for any page that asks it to, is no credential of the API."""
    browser, _ = await sign_in(door)
    address = re.sub(r"\{\w+\}", "1b4e28ba-2fa1-41d2-883f-0016d3cca427", path).lstrip("/")

    answer = await browser.request(method, address, json={})

    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["usage", "projects", "open/1b4e28ba-2fa1-41d2-883f-0016d3cca427"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_pages_that_only_show_take_nothing(door, method, path):
    browser, _ = await sign_in(door)

    answer = await browser.request(method, path)

    assert answer.status_code in {403, 405}


@pytest.mark.parametrize("state", ["x" * 600, "a b", "a\r\nSet-Cookie: x=1", EVIL, ""])
async def test_a_gateways_state_is_checked_before_it_goes_back(door, state):
    """Header injection and open redirects come in by what is sent back unread."""
    ada = door.person("ada")
    notebook = (await ada.post("v1/notebook", json=SPEC)).json()["id"]
    browser, _ = await sign_in(door)

    answer = await browser.get(f"open/{notebook}", params={"run": notebook, "state": state})

    assert answer.status_code == 400
    assert "<script>" not in answer.text


@pytest.mark.parametrize("next_page", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
async def test_after_signing_in_nobody_is_sent_elsewhere(door, next_page):
    browser, location = await sign_in(door, path=f"usage?next={next_page}")

    assert location.startswith("/services/ai/usage")
    assert browser is not None


@pytest.mark.parametrize(
    "change",
    [
        {"name": EVIL},
        {"labels": {EVIL: "x"}},
        {"labels": {"x": EVIL}},
        {"volumes": [{"mountPath": f"/workspace/{EVIL}", "permission": "RW", "publicGit": {"url": EVIL}}]},
        {"env": {"editorId": EVIL, "frameworkId": "conda"}},
    ],
)
async def test_error_texts_are_never_read_as_a_page(door, change):
    """XSS through names, labels, repository addresses and the sentences that repeat them."""
    answer = await door.person("ada").post("v1/notebook", json={**SPEC, **change})

    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_error_pages_escape_what_was_asked_for(door):
    browser, _ = await sign_in(door)

    answer = await browser.get(f"usage?month={EVIL}")

    assert "<script>alert" not in answer.text
    assert "script-src" not in answer.headers["Content-Security-Policy"]


async def test_pages_are_framed_by_the_hub_only_and_leak_no_referrer(door):
    browser, location = await sign_in(door)
    page = await browser.get(f"{door.url}{location}")

    assert "frame-ancestors 'self'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "same-origin"
