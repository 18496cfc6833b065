import re
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest

from ovh_spawner.service.operations.views import StatementLine
from tests.support.http_doors import open_door

SPEC = {"env": {"editorId": "jupyterlab", "frameworkId": "conda"}, "resources": {"cpu": 1}}


async def sign_in(door, name="ada", path="usage"):
    """Go where a browser would go, hub and back; the fake hub has its own port."""
    browser = door.client()
    door.hub.browser = name
    first = await browser.get(path)
    assert first.status_code == 302
    hub = door.service.settings.service.hub_api_url.removesuffix("hub/api").removesuffix("/")
    base = door.service.settings.deployment.base_path.rstrip("/")
    target = f"{hub.removesuffix(base)}{first.headers['Location']}"
    authorized = await browser.get(target)
    back = await browser.get(f"{door.url}{authorized.headers['Location']}")
    assert back.status_code == 302, back.text
    return browser, back.headers["Location"]


async def test_a_browser_signs_in_at_the_hub_and_comes_back_to_where_it_was(door):
    browser, location = await sign_in(door, path="usage?month=2026-10")

    page = await browser.get(f"{door.url}{location}")
    assert page.status_code == 200
    assert "Usage in 2026-10" in page.text


async def test_the_cookie_is_for_the_service_only_and_not_for_scripts(door):
    browser, _ = await sign_in(door)

    cookie = next(c for c in browser.cookies.jar if c.name == "service-ai")
    assert cookie.path == "/services/ai/"
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "Lax"


async def test_sign_in_works_under_a_base_path():
    async with open_door("/deep/") as door:
        browser, location = await sign_in(door)
        page = await browser.get(f"{door.url}{location}")

        assert page.status_code == 200
        assert 'href="/deep/hub/static/css/style.min.css"' in page.text


async def test_a_sign_in_that_was_begun_elsewhere_is_refused_with_a_page(door):
    answer = await door.client().get("oauth_callback", params={"code": "x", "state": "y"})

    assert answer.status_code == 403
    assert "Open the page again" in answer.text


async def test_the_services_own_address_leads_to_the_list_of_notebooks(door):
    answer = await door.client().get("")

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/hub/home"


async def test_the_pages_lead_where_the_hubs_pages_lead(door):
    browser, location = await sign_in(door, path="usage")

    page = (await browser.get(f"{door.url}{location}")).text

    found = re.findall(r'class="nav-link[^>]*>([\w ]+)<', page)
    assert found == ["Home", "Usage", "Projects", "Token", "App tokens"]
    assert 'class="jpy-logo" height="28"' in page


async def test_a_gateway_gets_its_browser_back_with_a_code(door):
    ada = door.person("ada")
    notebook = (await ada.post("v1/notebook", json=SPEC)).json()["id"]
    browser, location = await sign_in(door, path=f"open/{notebook}?run={uuid4()}&state=abc.DEF_1&next=//evil")

    answer = await browser.get(f"{door.url}{location}")

    assert (
        answer.headers["Location"]
        == "/user/ada/nb-abcdefghijkl/_ovh/callback?code=code-of-ada&state=abc.DEF_1"
    )
    assert answer.headers["Referrer-Policy"] == "same-origin"


async def test_who_may_not_see_a_notebook_is_not_let_in_and_learns_nothing(door):
    notebook = (await door.person("ada").post("v1/notebook", json=SPEC)).json()["id"]
    browser, _ = await sign_in(door, name="eve")

    answers = [
        await browser.get(f"open/{name}?run={uuid4()}&state=abc")
        for name in (notebook, str(uuid4()), "nonsense")
    ]

    assert [a.status_code for a in answers] == [404, 404, 404]
    assert notebook not in answers[1].text


@pytest.mark.parametrize("state", ["", "a b", "<x>", "x" * 600])
async def test_a_state_that_no_gateway_made_is_refused(door, state):
    notebook = (await door.person("ada").post("v1/notebook", json=SPEC)).json()["id"]
    browser, _ = await sign_in(door)

    answer = await browser.get(f"open/{notebook}", params={"run": str(uuid4()), "state": state})

    assert answer.status_code == 400


async def test_the_usage_page_adds_up_and_leads_to_the_csv(door):
    line = StatementLine(
        project="default",
        user="ada",
        notebook=uuid4(),
        notebook_name="first & <b>est",
        run=None,
        flavor="ai1-1-gpu",
        count=1,
        runs=1,
        minutes=90,
        rate_per_hour=Decimal("1.75"),
        cost=Decimal("2.625"),
        running_now=True,
    )
    door.service.operations.statements.lines = (
        line,
        replace(line, notebook_name="second", running_now=False),
    )
    browser, _ = await sign_in(door)

    answer = await browser.get("usage?month=2026-11")
    page = answer.text
    link = re.search(r'href="([^"]+usage\.csv[^"]*)"', page)[1]
    table = await browser.get(f"{door.url}{link}")

    assert "first &amp; &lt;b&gt;est" in page
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "running now" in page
    assert "2.6250" in page
    assert "5.2500" in page
    assert "5.25 EUR" in page
    assert table.text.splitlines()[1].startswith("default,ada,")


async def test_a_month_that_is_none_is_a_page_that_says_so(door):
    browser, _ = await sign_in(door)

    answer = await browser.get("usage?month=<b>")

    assert answer.status_code == 400
    assert "2026-11" in answer.text
    assert "<b>" not in answer.text


async def test_pages_change_nothing(door):
    browser, _ = await sign_in(door)

    assert {(await browser.post(path)).status_code for path in ("", "usage")} == {405}


async def test_no_log_line_holds_a_query(door, capsys):
    browser, _ = await sign_in(door)
    await browser.get("usage?month=secret-in-the-query")

    written = "".join(capsys.readouterr())
    assert "secret-in-the-query" not in written
    assert "code=" not in written
