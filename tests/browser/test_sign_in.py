"""Signing in as people do: at a real provider, with an account of the hub, and what a mistake looks like."""

import re

import pytest
from argon2 import PasswordHasher
from playwright.sync_api import expect

from ovh_spawner.contract.accounts import AccountsFile, LocalAccount
from ovh_spawner.loopback import free_port
from tests.support.openid.real import CLIENT_ID, CLIENT_SECRET, real_provider
from tests.support.stack import LocalStack, Person
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.journey]

GOOD = "correct horse battery"


@pytest.fixture(scope="module")
def provider_and_stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sign-in")
    accounts = folder / "accounts.json"
    known = AccountsFile(accounts={"ann": LocalAccount(password_hash=PasswordHasher().hash(GOOD))})
    accounts.write_text(known.model_dump_json())
    accounts.chmod(0o644)
    port = free_port()
    with (
        pytest.MonkeyPatch.context() as patch,
        real_provider(folder, redirect_uri=f"http://127.0.0.1:{port}/hub/oauth_callback") as provider,
    ):
        patch.setenv("OVH_SPAWNER_OPENID_SECRET", CLIENT_SECRET)
        openid = {
            "name": "Example University",
            "issuer": provider.issuer,
            "clientId": CLIENT_ID,
            "allowedGroups": ["ai"],
        }
        stack = LocalStack(
            tmp_path_factory.mktemp("local"),
            port=port,
            changes={"signIn": {"accountsFile": str(accounts), "openid": openid, "refreshSeconds": 5}},
        )
        try:
            stack.start()
            yield provider, stack
        finally:
            stack.stop()


def _at_provider(page, name):
    page.get_by_role("button", name="Sign in with Example University").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Sign in").click()


def test_from_the_provider_into_a_notebook(page, provider_and_stack, screenshot):
    provider, stack = provider_and_stack
    provider.add("ida", name="Ida Example", groups=["ai"])
    page.goto(stack.url)
    screenshot("sign-in")
    _at_provider(page, "ida")
    page.get_by_role("button", name="Allow").click()
    page.locator("#new-notebook").click()
    page.locator("button.btn-lg", has_text="Start notebook").click()

    expect(page).to_have_url(re.compile(r"/user/u-[a-z2-7]{16}/nb-[^/]+/lab"), timeout=120_000)
    expect(page.locator("#jp-main-dock-panel")).to_be_visible()


def test_who_is_not_in_the_group_is_told_so(page, provider_and_stack):
    provider, stack = provider_and_stack
    provider.add("carl", name="Carl", groups=["sales"])
    page.goto(stack.url)
    _at_provider(page, "carl")
    page.get_by_role("button", name="Allow").click()

    expect(page.get_by_text("not allowed in here")).to_be_visible()


def test_who_denies_consent_reads_why_nothing_happened(page, provider_and_stack):
    provider, stack = provider_and_stack
    provider.add("dora", name="Dora", groups=["ai"])
    page.goto(stack.url)
    _at_provider(page, "dora")
    page.get_by_role("button", name="Deny").click()

    expect(page.get_by_text("You did not let the sign-in provider tell")).to_be_visible()


def test_an_account_of_the_hub_signs_in_on_the_same_page(page, provider_and_stack):
    _, stack = provider_and_stack
    page.goto(stack.url)
    page.get_by_label("Username").fill("ann")
    page.get_by_label("Password", exact=False).first.fill("wrong password!")
    page.locator("#login_submit").click()
    expect(page.get_by_text("Invalid username or password")).to_be_visible()
    page.get_by_label("Password", exact=False).first.fill(GOOD)
    page.locator("#login_submit").click()

    expect(page.locator("#new-notebook")).to_be_visible()


def test_a_token_signs_in_and_is_put_out_when_it_is_deleted(page, provider_and_stack, screenshot):
    _, stack = provider_and_stack
    ann = Person(stack, "ann")
    stack.people.append(ann)
    ann.sign_in(GOOD)
    spec = {
        "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
        "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
    }
    shared = ann.api(
        "POST", "notebook", json={**spec, "name": "shared", "labels": {"class": "physics"}}
    ).json()
    asked = {"name": "class", "role": "read", "labelSelector": "class=physics"}
    token = ann.api("POST", "token", json=asked).json()
    value = token["status"]["value"]
    ann.wait_for_state(shared["id"], "RUNNING")

    page.goto(stack.url)
    page.get_by_text("Sign in with an application token").click()
    page.get_by_label("Application token").fill("ovhn_wrong")
    page.get_by_role("button", name="Sign in with the token").click()
    expect(page.get_by_role("alert")).to_contain_text("not valid here")
    screenshot("token-sign-in")
    page.get_by_label("Application token").fill(value)
    page.get_by_role("button", name="Sign in with the token").click()
    expect(page.get_by_text("You are signed in with an application token.")).to_be_visible()
    expect(page.locator("#new-notebook")).to_have_count(0)
    screenshot("token-home")
    page.get_by_role("link", name="Open shared").click()
    expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=120_000)
    assert value not in page.url

    assert ann.api("DELETE", f"token/{token['id']}").status_code == 204

    def is_signed_out():
        page.goto(f"{stack.url}/hub/home")
        return page.get_by_text("Sign in with an application token").is_visible()

    wait_for(is_signed_out, what="the hub to sign the token out")
    url = shared["status"]["url"]
    wait_for(lambda: page.goto(url).status >= 400, what="the gateway to put the token out")
    assert ann.api("DELETE", f"notebook/{shared['id']}", params={"force": "true"}).status_code == 204
