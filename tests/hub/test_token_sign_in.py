"""Signing in at a real hub with an application token: a hub user that is the token, and nothing beside it."""

import re
import time
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from ovh_spawner.domain.token_users import token_user
from ovh_spawner.settings import OpenIdSettings, SignInSettings
from tests.support.fake_hub import PASSWORD, hub_config, xsrf
from tests.support.fake_service import INTERNAL_TOKEN

VALUE = "ovhn_" + "x" * 71
USER = token_user(uuid4(), 1)
PLACE = f"/hub/spawn/{USER}/nb-one"


class Browser(httpx.AsyncClient):
    """Somebody's browser at a hub."""

    async def sign_in(
        self, fields: dict, *, path: str = "/hub/login/token", next_url: str = ""
    ) -> httpx.Response:
        page = await self.get("/hub/login")
        query = {"next": next_url} if next_url else {}
        return await self.post(path, params=query, data={"_xsrf": xsrf(page.text), **fields})

    async def show(self, value: str = VALUE, **how: str) -> httpx.Response:
        return await self.sign_in({"application_token": value}, **how)

    async def me(self) -> str:
        """Return the name under which the hub knows this browser; empty when it knows nobody."""
        answer = await self.get("/hub/home")
        return re.search(r'user: "([^"]*)"', answer.text)[1] if answer.status_code == 200 else ""


@pytest.fixture
async def hub_with(hub_app, service, tmp_path):
    """Start a hub whose sign-in is set up like this; return it with a function that opens a browser at it."""
    browsers = []

    async def start(**sign_in):
        service.tokens[VALUE] = USER
        config = hub_config(service.url, tmp_path)
        settings = {"application_tokens": True, "refresh_seconds": 5, **sign_in}
        config["OVHAuthenticator"] |= {
            "sign_in": SignInSettings(**settings),
            "service_url": service.url,
            "internal_token": INTERNAL_TOKEN,
        }
        app = await hub_app(config=config)

        def browser() -> Browser:
            root = f"http://127.0.0.1:{app.hub.port}"
            browsers.append(Browser(base_url=root, timeout=60, trust_env=False))
            return browsers[-1]

        return app, browser

    yield start
    for browser in browsers:
        await browser.aclose()


def _user(app):
    return next(user for user in app.users.values() if user.name == USER)


def _refresh_is_due(monkeypatch):
    later = time.monotonic() + 10
    monkeypatch.setattr("time.monotonic", lambda: later)


async def test_a_token_signs_in_as_itself(hub_with, service):
    app, browser = await hub_with()
    visitor = browser()
    page = await visitor.get("/hub/login")
    answer = await visitor.show(f" {VALUE}\n")

    assert 'action="/hub/login/token"' in page.text
    assert answer.status_code == 302
    assert await visitor.me() == USER
    assert service.signed_in == [{"token": VALUE, "address": "127.0.0.1"}]
    assert not _user(app).admin
    assert list(_user(app).orm_user.groups) == []


async def test_a_wrong_token_is_refused_beside_its_form(hub_with):
    _, browser = await hub_with()
    visitor = browser()
    wrong = "ovhn_" + "y" * 71
    answer = await visitor.show(wrong)

    assert answer.status_code == 403
    assert re.search(r"<details[^>]* open>.*is not valid here", answer.text, re.DOTALL)
    assert wrong not in answer.text
    assert await visitor.me() == ""


async def test_an_address_that_fails_too_often_is_locked(hub_with):
    _, browser = await hub_with(failures=1)
    visitor = browser()
    for _ in range(10):
        assert "is not valid here" in (await visitor.show("ovhn_wrong")).text
    locked = await visitor.show()

    assert locked.status_code == 403
    assert "Too many failed sign-ins. Try again in 15 minutes." in locked.text


async def test_the_form_counts_with_the_pages_own_token_only(hub_with):
    _, browser = await hub_with()
    visitor = browser()
    await visitor.get("/hub/login")
    forged = await visitor.post("/hub/login/token", data={"application_token": VALUE})
    by_address = await visitor.sign_in({}, path=f"/hub/login/token?application_token={VALUE}")

    assert forged.status_code == 403
    assert by_address.status_code == 403
    assert await visitor.me() == ""


async def test_the_page_leads_nowhere_else_after_the_sign_in(hub_with):
    _, browser = await hub_with()
    for elsewhere in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        answer = await browser().show(next_url=elsewhere)
        assert urlsplit(answer.headers["Location"]).netloc == ""


async def test_an_outage_of_the_service_lets_nobody_in_and_counts_for_nothing(hub_with, service):
    _, browser = await hub_with(failures=1)
    visitor = browser()
    service.is_down = True
    answers = [await visitor.show() for _ in range(11)]
    service.is_down = False

    assert {answer.status_code for answer in answers} == {403}
    assert "Try again in a minute" in answers[-1].text
    assert (await visitor.show()).status_code == 302


@pytest.mark.parametrize("with_provider", [False, True])
async def test_a_token_that_was_deleted_or_renewed_is_signed_out(
    hub_with, service, monkeypatch, with_provider
):
    provider = OpenIdSettings(issuer="https://id.example.org", client_id="hub", allow_all=True)
    if with_provider:
        # JupyterHub remembers a provider's tokens, and wants a key for that.
        monkeypatch.setenv("JUPYTERHUB_CRYPT_KEY", "ab" * 32)
    app, browser = await hub_with(openid=provider if with_provider else None)
    visitor = browser()
    await visitor.show()
    own = {"Authorization": f"token {_user(app).new_api_token()}"}
    assert (await browser().get("/hub/api/user", headers=own)).status_code == 200

    service.tokens.clear()
    _refresh_is_due(monkeypatch)
    page = await visitor.get("/hub/home")

    assert page.status_code == 302
    assert "/hub/login" in page.headers["Location"]
    assert (await browser().get("/hub/api/user", headers=own)).status_code == 403


async def test_an_outage_of_the_service_signs_nobody_out(hub_with, service, monkeypatch):
    _, browser = await hub_with()
    visitor = browser()
    await visitor.show()
    service.is_down = True
    _refresh_is_due(monkeypatch)
    page = await visitor.get("/hub/home")

    assert page.status_code == 200
    assert "The notebook service does not answer." in page.text


async def test_home_shows_what_the_token_reaches_and_offers_no_new_notebook(hub_with, service):
    service.reached = [
        {"name": "one <b>", "owner": "ann", "state": "RUNNING", "url": "http://127.0.0.1/user/ann/nb-1/"},
        {"name": "two", "owner": "ann", "state": "SYNC_FAILED", "url": ""},
    ]
    _, browser = await hub_with()
    visitor = browser()
    await visitor.show()
    page = (await visitor.get("/hub/home")).text

    assert page.count(">Open<") == 1
    assert 'href="http://127.0.0.1/user/ann/nb-1/"' in page
    assert "one &lt;b&gt;" in page
    assert "sync failed" in page
    assert 'id="new-notebook"' not in page
    service.reached = []
    assert "There is none now." in (await visitor.get("/hub/home")).text


async def test_what_the_service_refuses_to_such_a_user_is_told_in_one_sentence(hub_with, service):
    sentence = "You are signed in with an application token, which has no servers of its own."
    _, browser = await hub_with()
    visitor = browser()
    await visitor.show()
    service.refuse("resolve", 403, sentence, code="forbidden")
    service.refusal = sentence
    page = await visitor.get(PLACE)
    form = {"_xsrf": xsrf(page.text), "editor": "fake", "framework": "conda/1", "flavor": "cpu", "count": "1"}
    answer = await visitor.post(PLACE, data=form)
    by_api = await visitor.post(
        f"/hub/api/users/{USER}/servers/nb-one", params={"_xsrf": xsrf(page.text)}, json={}
    )

    assert sentence in page.text
    assert answer.status_code == 403
    assert sentence in answer.text
    assert by_api.status_code == 403
    assert sentence in by_api.json()["message"]
    assert service.runs == {}


async def test_it_is_not_offered_unless_it_is_set(hub_with, service):
    _, browser = await hub_with(application_tokens=False)
    visitor = browser()
    page = await visitor.get("/hub/login")

    assert "application_token" not in page.text
    assert (await visitor.show()).status_code == 404
    assert (
        await visitor.sign_in({"application_token": VALUE, "username": "", "password": ""}, path="/hub/login")
    ).status_code == 403
    assert service.signed_in == []
    assert await visitor.me() == ""


async def test_switching_it_off_signs_them_out(hub_with, service, monkeypatch):
    app, browser = await hub_with()
    visitor = browser()
    await visitor.show()
    assert await visitor.me() == USER
    app.authenticator.tokens = None
    _refresh_is_due(monkeypatch)

    assert await visitor.me() == ""


async def test_nobody_takes_a_tokens_name_with_the_demo_password(hub_with):
    _, browser = await hub_with()
    for name in (USER, USER.upper()):
        visitor = browser()
        answer = await visitor.sign_in({"username": name, "password": PASSWORD}, path="/hub/login")
        assert answer.status_code == 403
        assert await visitor.me() == ""
    assert (
        await browser().sign_in({"username": "alice", "password": PASSWORD}, path="/hub/login")
    ).status_code == 302
