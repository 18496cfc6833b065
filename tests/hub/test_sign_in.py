"""Signing in at a real hub: local accounts, a real OpenID provider, and providers and people that lie."""

import re
import time
from contextlib import ExitStack
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from argon2 import PasswordHasher
from jupyterhub.crypto import CryptKeeper

from ovh_spawner.contract.accounts import AccountsFile, LocalAccount
from ovh_spawner.hub.sign_in.openid import person_name
from ovh_spawner.loopback import free_port
from ovh_spawner.settings import OpenIdSettings, SignInSettings
from tests.support.fake_hub import hub_config, xsrf
from tests.support.openid.lying import OTHER_KEY, LyingProvider
from tests.support.openid.real import CLIENT_SECRET, real_provider

GOOD = "correct horse battery"
HASH = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(GOOD)


class Browser:
    """One person's browser at a hub and at a provider."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.http = httpx.AsyncClient(base_url=root, timeout=30, trust_env=False, follow_redirects=True)

    async def form(self, name: str, password: str, *, next_url: str = "") -> httpx.Response:
        page = await self.http.get("/hub/login", params={"next": next_url} if next_url else {})
        return await self.http.post(
            "/hub/login",
            params={"next": next_url} if next_url else {},
            data={"username": name, "password": password, "_xsrf": xsrf(page.text)},
            follow_redirects=False,
        )

    async def at_provider(self, name: str, *, consent: str = "yes", next_url: str = "") -> httpx.Response:
        answer = await self.http.get("/hub/oauth_login", params={"next": next_url} if next_url else {})
        if "Test provider" in answer.text:
            answer = await self.http.post(answer.url, data={"login": name})
        if "Allow the hub?" in answer.text:
            answer = await self.http.post(answer.url, data={"answer": consent})
        return answer

    async def me(self) -> str:
        """Return the name under which the hub knows this browser; empty when it knows nobody."""
        answer = await self.http.get("/hub/home", follow_redirects=False)
        if answer.status_code != 200:
            return ""
        return re.search(r'user: "([^"]*)"', answer.text)[1]


@pytest.fixture(autouse=True)
def crypt_key(monkeypatch):
    monkeypatch.setenv("JUPYTERHUB_CRYPT_KEY", "ab" * 32)
    monkeypatch.setenv("OVH_SPAWNER_OPENID_SECRET", CLIENT_SECRET)
    CryptKeeper.clear_instance()
    yield
    CryptKeeper.clear_instance()


@pytest.fixture
async def hub_with(hub_app, service, tmp_path):
    """Start a hub whose sign-in is set up like this; return a function that opens a browser at it."""
    browsers = []

    async def start(*, port: int = 0, **sign_in):
        config = hub_config(service.url, tmp_path)
        port = port or free_port()
        config["OVHAuthenticator"] = {
            "sign_in": SignInSettings(**sign_in),
            "oauth_callback_url": f"http://127.0.0.1:{port}/hub/oauth_callback",
        }
        config["JupyterHub"]["hub_port"] = port
        app = await hub_app(config=config)

        def browser() -> Browser:
            browsers.append(Browser(f"http://127.0.0.1:{app.hub.port}"))
            return browsers[-1]

        return browser

    yield start
    for browser in browsers:
        await browser.http.aclose()


@pytest.fixture
def accounts_file(tmp_path):
    path = tmp_path / "accounts.json"

    def write(**accounts) -> str:
        known = {name: LocalAccount(password_hash=HASH, **(facts or {})) for name, facts in accounts.items()}
        path.write_text(AccountsFile(accounts=known).model_dump_json())
        return str(path)

    return write


@pytest.fixture
async def lying(hub_with):
    provider = LyingProvider()
    browser = await hub_with(
        openid=OpenIdSettings(issuer=provider.issuer, client_id="hub", allowed_groups=["ai"])
    )
    yield provider, browser()
    await provider.close()


@pytest.fixture
async def real(hub_with, tmp_path, request):
    """A real provider and a hub that admits its group ``ai``."""
    port = free_port()
    with ExitStack() as stack:
        provider = stack.enter_context(
            real_provider(tmp_path, redirect_uri=f"http://127.0.0.1:{port}/hub/oauth_callback")
        )
        facts = {"allowed_groups": ["ai"], "administrator_groups": ["ops"], **getattr(request, "param", {})}
        browser = await hub_with(
            port=port,
            openid=OpenIdSettings(name="Test provider", issuer=provider.issuer, client_id="hub", **facts),
            refresh_seconds=5,
        )
        yield provider, browser


async def test_a_local_account_signs_in_with_its_password_only(hub_with, accounts_file):
    browser = (await hub_with(accounts_file=accounts_file(ann=None)))()

    assert (await browser.form("ann", "wrong password!")).status_code == 403
    assert (await browser.form("bob", GOOD)).status_code == 403
    assert (await browser.form("ann", GOOD)).status_code == 302
    assert await browser.me() == "ann"


async def test_a_removed_account_is_signed_out(hub_with, accounts_file, monkeypatch):
    browser = (await hub_with(accounts_file=accounts_file(ann=None), refresh_seconds=5))()
    await browser.form("ann", GOOD)
    assert await browser.me() == "ann"
    accounts_file(bob=None)
    later = time.monotonic() + 10
    monkeypatch.setattr("time.monotonic", lambda: later)

    assert await browser.me() == ""


async def test_after_repeated_failures_a_name_is_locked_and_says_for_how_long(hub_with, accounts_file):
    browser = (await hub_with(accounts_file=accounts_file(ann=None), failures=2))()
    for name in ("ann", "nobody"):
        for _ in range(2):
            assert "Invalid username or password" in (await browser.form(name, "wrong password!")).text
        locked = await browser.form(name, GOOD)

        assert locked.status_code == 403
        assert "Too many failed sign-ins. Try again in 15 minutes." in locked.text


async def test_no_accounts_at_all_admit_nobody(hub_with, accounts_file):
    browser = (await hub_with(accounts_file=accounts_file()))()

    assert (await browser.form("ann", GOOD)).status_code == 403


async def test_the_page_leads_nowhere_else_after_the_sign_in(hub_with, accounts_file):
    browser = (await hub_with(accounts_file=accounts_file(ann=None)))()

    for elsewhere in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        answer = await browser.form("ann", GOOD, next_url=elsewhere)
        assert urlsplit(answer.headers["Location"]).netloc in {"", urlsplit(browser.root).netloc}


async def test_both_ways_stand_on_one_page(hub_with, accounts_file):
    provider = LyingProvider()
    openid = OpenIdSettings(
        name="Example University", issuer=provider.issuer, client_id="hub", allow_all=True
    )
    browser = (await hub_with(accounts_file=accounts_file(ann=None), openid=openid))()
    page = (await browser.http.get("/hub/login")).text

    assert "Sign in with Example University" in page
    assert 'name="password"' in page
    assert (await browser.form("ann", GOOD)).status_code == 302
    await provider.close()


async def test_a_person_of_the_provider_comes_in_by_group(real):
    provider, browser = real
    provider.add("ann", name="Ann Example", groups=["ai"])
    provider.add("boss", groups=["ops"])
    provider.add("carl", groups=["sales"])
    provider.add("dora")
    for name in ("ann", "boss"):
        visitor = browser()
        await visitor.at_provider(name)
        assert await visitor.me() == person_name(provider.issuer, name)
    for name in ("carl", "dora"):
        visitor = browser()
        answer = await visitor.at_provider(name)
        assert answer.status_code == 403
        assert "not allowed in here" in answer.text
        assert await visitor.me() == ""


async def test_denied_consent_is_told_in_our_words(real):
    provider, browser = real
    provider.add("ann", groups=["ai"])
    answer = await browser().at_provider("ann", consent="no")

    assert answer.status_code == 403
    assert "You did not let the sign-in provider tell" in answer.text
    assert "said" not in answer.text


async def test_a_person_removed_from_the_group_is_signed_out(real, monkeypatch):
    provider, browser = real
    provider.add("ann", groups=["ai"])
    visitor = browser()
    await visitor.at_provider("ann")
    assert await visitor.me()
    provider.add("ann", groups=[])
    later = time.monotonic() + 10
    monkeypatch.setattr("time.monotonic", lambda: later)

    assert await visitor.me() == ""


async def test_an_answer_counts_once_and_in_one_browser(real):
    provider, browser = real
    provider.add("ann", groups=["ai"])
    visitor = browser()
    answer = await visitor.at_provider("ann")
    callback = next(r.url for r in [*answer.history, answer] if r.url.path == "/hub/oauth_callback")

    for replaying in (visitor, browser()):
        again = await replaying.http.get(callback)
        assert again.status_code == 400
    changed = callback.copy_set_param("state", "c29tZXRoaW5nIGVsc2U=")
    assert (await browser().http.get(changed)).status_code == 400


async def test_a_code_that_is_no_good_is_told_in_one_sentence(real):
    _provider, browser = real
    visitor = browser()
    start = await visitor.http.get("/hub/oauth_login", follow_redirects=False)
    state = parse_qs(urlsplit(start.headers["Location"]).query)["state"][0]
    answer = await visitor.http.get("/hub/oauth_callback", params={"code": "expired", "state": state})

    assert answer.status_code == 403
    assert "took too long or was used before" in answer.text
    assert "expired" not in answer.text


@pytest.mark.parametrize("real", [{"allowed_groups": [], "administrator_groups": []}], indirect=True)
async def test_an_empty_list_admits_nobody(real):
    provider, browser = real
    provider.add("ann", groups=["ai"])

    assert (await browser().at_provider("ann")).status_code == 403


@pytest.mark.parametrize(
    "real", [{"allowed_groups": None, "allowed_emails": ["*@example.org"]}], indirect=True
)
async def test_an_address_counts_when_the_provider_has_verified_it(real):
    provider, browser = real
    provider.add("ann", email="ann@example.org", email_verified=True)
    provider.add("bob", email="bob@example.org", email_verified=False)
    provider.add("eve", email="eve@example.org.evil.example", email_verified=True)

    found = {name: (await browser().at_provider(name)).status_code for name in ("ann", "bob", "eve")}

    assert found == {"ann": 200, "bob": 403, "eve": 403}


LIES = {
    "no signature": lambda p: jwt.encode(p.claims(), None, algorithm="none"),
    "our own secret as key": lambda p: p.token(key=CLIENT_SECRET.encode() * 2, algorithm="HS256"),
    "somebody else's key": lambda p: p.token(key=OTHER_KEY),
    "an unknown key": lambda p: p.token(key_id="another"),
    "for another application": lambda p: p.token(aud="another"),
    "passed on by another application": lambda p: p.token(azp="another"),
    "from another provider": lambda p: p.token(iss="https://other.example"),
    "too old": lambda p: p.token(iat=int(time.time()) - 9000, exp=int(time.time()) - 7200),
    "about nobody": lambda p: p.token(sub=None),
    "about somebody else": lambda p: p.token(sub="adam"),
    "no token": lambda _p: "three.word.text",
}


@pytest.mark.parametrize("lie", LIES)
async def test_an_id_token_that_lies_signs_nobody_in(lying, lie):
    provider, browser = lying
    provider.make_token = lambda: LIES[lie](provider)
    answer = await browser.http.get("/hub/oauth_login")

    assert answer.status_code == 403
    assert "provider" in answer.text
    assert await browser.me() == ""


async def test_an_honest_answer_signs_in(lying):
    provider, browser = lying
    await browser.http.get("/hub/oauth_login")

    assert await browser.me() == person_name(provider.issuer, "eve")


async def test_a_provider_that_is_away_is_told(lying):
    provider, browser = lying
    provider.is_down = True
    answer = await browser.http.get("/hub/oauth_login")

    assert answer.status_code == 503
    assert "does not answer" in answer.text


async def test_a_provider_that_claims_to_be_another_is_refused(lying):
    provider, browser = lying
    provider.stated_issuer = "https://other.example"
    answer = await browser.http.get("/hub/oauth_login")

    assert answer.status_code == 503
    assert "another one" in answer.text
