"""The story as a person lives it, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.journey]


def _sign_in(page, stack, name):
    page.goto(stack.url)
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(stack.password)
    page.get_by_role("button", name="Sign in").click()


def test_from_sign_in_to_the_bill(page, stack, screenshot):
    _sign_in(page, stack, "alice")
    # Click 1 of at most five.
    page.locator("#new-notebook").click()
    expect(page).to_have_url(re.compile(r"/hub/spawn/alice/nb-"))
    page.get_by_label("Name (optional)").fill("First steps")
    page.locator("#volumes > summary").click()
    page.get_by_role("button", name="Add data").click()
    page.get_by_label("Bucket").fill("demo")
    page.get_by_label("Mount path").fill("/workspace/data")
    page.get_by_label("Permission").select_option("RW")
    page.locator("[name=count]").fill("2")
    expect(page.locator("#summary")).to_contain_text("3.86")
    screenshot("spawn-page")
    # Click 2: with every default it would have been the last one.
    page.locator("button.btn-lg", has_text="Start notebook").click()
    expect(page.locator("#progress-message")).not_to_be_empty()
    screenshot("progress")
    expect(page).to_have_url(re.compile(r"/user/alice/nb-[^/]+/lab"), timeout=120_000)
    expect(page.locator("#jp-main-dock-panel")).to_be_visible()
    expect(page.get_by_text("data", exact=True).first).to_be_visible()
    screenshot("jupyterlab")

    page.goto(f"{stack.url}/hub/home")
    expect(page.get_by_role("row", name=re.compile("First steps"))).to_contain_text("running")
    screenshot("home")
    page.locator(".stop-server:visible").click()
    expect(page.locator(".start-server:visible")).to_be_visible(timeout=60_000)

    page.goto(f"{stack.url}/services/ai/usage")
    expect(page.get_by_role("row", name=re.compile("First steps"))).to_be_visible()
    screenshot("usage")


def test_a_mistake_comes_back_beside_its_field(page, stack, screenshot):
    _sign_in(page, stack, "bob")
    page.goto(f"{stack.url}/hub/spawn")
    page.locator("#volumes > summary").click()
    page.get_by_role("button", name="Add data").click()
    page.get_by_label("Bucket").fill("demo")
    page.get_by_label("Mount path").fill("/etc")
    page.locator("button.btn-lg", has_text="Start notebook").click()

    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.locator("[name=volume-0-path]")).to_have_value("/etc")
    expect(page.locator("[name=volume-0-path]")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("alert").get_by_role("link").first.click()
    expect(page.locator("[name=volume-0-path]")).to_be_focused()
    screenshot("mistake")


def test_the_form_works_with_the_keyboard_alone(page, stack):
    _sign_in(page, stack, "carol")
    page.goto(f"{stack.url}/hub/spawn")
    page.locator("#volumes > summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    # The new row has the focus: the data store is chosen, the bucket comes next.
    page.keyboard.press("Tab")
    page.keyboard.type("No Such Bucket")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("No Such Bucket")
    expect(page.locator("[name=volume-0-bucket]")).to_have_value("No Such Bucket")


def test_deleting_asks_first_and_says_what_is_lost(page, stack, screenshot):
    _sign_in(page, stack, "dave")
    page.goto(f"{stack.url}/hub/spawn")
    page.get_by_label("Name (optional)").fill("Short-lived")
    page.locator("button.btn-lg", has_text="Start notebook").click()
    expect(page).to_have_url(re.compile(r"/user/dave/nb-[^/]+/lab"), timeout=120_000)
    page.goto(f"{stack.url}/hub/home")
    page.get_by_role("button", name="Stop Short-lived").click()
    delete = page.get_by_role("button", name="Delete Short-lived and its files")
    expect(delete).to_be_enabled()
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))

    delete.click()

    assert asked == ["Delete “Short-lived” and all its files? What is in buckets stays."]
    page.once("dialog", lambda dialog: dialog.accept())
    delete.click()
    expect(page.get_by_text("There is no notebook yet.")).to_be_visible()
