"""Ways into a notebook as people live them: by a token, through an open door, and out again when a right is lost."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from tests.support.requirements import need
from tests.support.stack import TOOLS
from tests.support.vscode import type_in_terminal
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.journey]

SPEC = {
    "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
    "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
}

QUIET_SECONDS = 30
"""Three times what JupyterLab needs to save its layout again."""

WATCH = """() => {
    const base = location.pathname.replace(/lab.*$/, "");
    const socket = new WebSocket(`ws://${location.host}${base}api/events/subscribe`);
    window.closedWith = null;
    socket.onclose = (event) => { window.closedWith = event.code; };
    return new Promise((resolve) => { socket.onopen = () => resolve(true); socket.onerror = () => resolve(false); });
}"""


@pytest.fixture
def owner(stack):
    return stack.sign_in("alice")


def running(owner, **changes):
    """Return a running notebook, once the hub's proxy leads there: that is a moment later."""
    made = owner.api("POST", "notebook", json={**SPEC, **changes})
    assert made.status_code == 200, made.text
    return owner.wait_for_state(made.json()["id"], "RUNNING")


def test_in_with_a_token_and_out_when_it_is_deleted(page, owner, screenshot):
    notebook = running(owner, name="shared", labels={"class": "physics"})
    made = owner.api(
        "POST", "token", json={"name": "class", "role": "read", "labelSelector": "class=physics"}
    )
    assert made.status_code == 200, made.text
    token = made.json()
    value = token["status"]["value"]
    page.goto(notebook["status"]["url"])
    expect(page.get_by_role("heading", name="Sign in to open this notebook")).to_be_visible()
    screenshot("notebook-sign-in")

    page.get_by_label("Or with an application token").fill(value[:-1] + ("0" if value[-1] != "0" else "1"))
    page.get_by_role("button", name="Sign in with the token").click()
    expect(page.get_by_role("alert")).to_contain_text("not valid")
    page.get_by_label("Or with an application token").fill(value)
    page.get_by_role("button", name="Sign in with the token").click()
    expect(page).to_have_url(re.compile(r"/lab"), timeout=120_000)
    expect(page.locator("#jp-main-dock-panel")).to_be_visible()
    assert value not in page.url

    assert page.evaluate(WATCH)
    gone = owner.api("DELETE", f"token/{token['id']}")
    assert gone.status_code == 204, gone.text
    page.wait_for_function("window.closedWith === 1008")
    page.goto(notebook["status"]["url"])
    expect(page.get_by_role("heading", name="This notebook is not open to you")).to_be_visible()


def test_an_open_notebook_asks_nobody(page, owner):
    notebook = running(owner, name="open-house", unsecureHttp=True)
    page.goto(notebook["status"]["url"])

    expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=120_000)


@pytest.mark.parametrize("editor", ["jupyterlab", "vscode"])
def test_a_tab_that_was_left_open_is_no_use(page, owner, editor):
    """The editors' own chatter is not written down anywhere: only the real ones can tell."""
    need("vscode", (TOOLS / "vscode").exists(), "make vscode")
    notebook = running(
        owner, name=editor, env={"editorId": editor, "frameworkId": "conda"}, unsecureHttp=True
    )
    page.goto(notebook["status"]["url"])

    def seconds_since_use():
        told = owner.api("GET", f"notebook/{notebook['id']}").json()["status"].get("lastActiveAt")
        return (datetime.now(UTC) - datetime.fromisoformat(told)).total_seconds() if told else 0.0

    def is_forgotten():
        page.wait_for_timeout(500)  # the page lives only while Playwright listens
        return seconds_since_use() > QUIET_SECONDS

    wait_for(is_forgotten, what="the tab to be forgotten", seconds=300)
    page.reload()
    wait_for(lambda: seconds_since_use() < QUIET_SECONDS, what="the use to be seen")


def test_a_terminal_of_vs_code_has_the_framework_of_the_notebook(page, owner):
    need("vscode", (TOOLS / "vscode").exists(), "make vscode")
    notebook = running(
        owner, name="terminal", env={"editorId": "vscode", "frameworkId": "conda"}, unsecureHttp=True
    )
    page.goto(notebook["status"]["url"])
    type_in_terminal(page, "python -c 'import sys; print(sys.prefix)' > said.txt")
    home = owner.stack.state / "notebooks" / notebook["id"] / "workspace"

    said = wait_for(
        lambda: (p := home / "said.txt").exists() and p.read_text().strip(), what="Python's answer"
    )
    assert said == str(TOOLS / "environments" / "conda")


def test_choosing_open_access_warns(page, stack):
    page.goto(stack.url)
    page.get_by_label("Username").fill("bob")
    page.get_by_label("Password").fill(stack.password)
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{stack.url}/hub/spawn")

    expect(page.locator("[for=access-open]")).to_contain_text("act in your name")
