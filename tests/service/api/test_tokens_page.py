"""The page of application tokens, as a browser uses it, and as another site would like to."""

import re

import pytest_asyncio

from tests.service.api.test_pages import sign_in
from tests.support.projects import installation


@pytest_asyncio.fixture
async def place(tmp_path):
    async with installation(tmp_path) as made:
        yield made


async def open_page(place, name="ann"):
    browser, location = await sign_in(place.door, name=name, path="tokens")
    page = await browser.get(f"{place.door.url}{location}")
    assert page.status_code == 200, page.text
    return browser, page.text


def xsrf(page: str) -> str:
    return re.search(r'name="_xsrf" value="([^"]+)"', page)[1]


def value_in(page: str) -> str:
    found = re.search(r'id="value" readonly value="(ovhn_\w+)"', page)
    return found[1] if found else ""


async def create(browser, page, **fields):
    form = {"_xsrf": xsrf(page), "action": "create", "name": "ci", "role": "operator", **fields}
    return await browser.post("tokens", data=form)


async def test_a_token_is_made_shown_once_renewed_and_deleted(place):
    browser, page = await open_page(place)

    made = await create(browser, page, labels="team=red", end="2099-12-31")
    first = value_in(made.text)
    token = re.search(r'name="token" value="([^"]+)"', made.text)[1]
    again = await browser.get("tokens")
    renewed = await browser.post(
        "tokens", data={"_xsrf": xsrf(again.text), "action": "renew", "token": token}
    )
    second = value_in(renewed.text)

    assert made.status_code == 200
    assert made.headers["Cache-Control"] == "no-store"
    assert "2099-12-31" in made.text
    assert re.search(r'name="name"[^>]*value=""', made.text), "pressed again, it would make a second one"
    assert value_in(again.text) == ""
    assert "team=red" in again.text
    assert (await place.door.client(first).get("v1/me")).status_code == 401
    assert (await place.door.client(second).get("v1/me")).status_code == 200

    deleted = await browser.post(
        "tokens", data={"_xsrf": xsrf(renewed.text), "action": "delete", "token": token}
    )
    assert (deleted.status_code, deleted.headers["Location"]) == (303, "/services/ai/tokens")
    assert "There are no tokens yet" in (await browser.get("tokens")).text
    assert (await place.door.client(second).get("v1/me")).status_code == 401


async def test_a_form_without_the_pages_own_secret_changes_nothing(place):
    browser, _ = await open_page(place)
    other, strange = await open_page(place, "ari")
    form = {"action": "create", "name": "forged", "role": "operator"}

    answers = [
        await browser.post("tokens", data=form),
        await browser.post("tokens", data={**form, "_xsrf": ""}),
        await browser.post("tokens", data={**form, "_xsrf": "invented"}),
        await browser.post("tokens", data={**form, "_xsrf": xsrf(strange)}),
        await browser.post("tokens", params={"_xsrf": "invented"}, data=form),
    ]

    assert {answer.status_code for answer in answers} == {403}
    for person in (browser, other):
        assert "There are no tokens yet" in (await person.get("tokens")).text


async def test_who_is_not_signed_in_is_sent_to_the_hub_and_changes_nothing(place):
    stranger = place.door.client()

    assert (await stranger.get("tokens")).status_code == 302
    assert (await stranger.post("tokens", data={"action": "create"})).status_code == 403


async def test_an_application_token_opens_no_page(place):
    app = await place.app()

    assert (await app.get("tokens")).status_code == 302


async def test_a_mistake_is_told_on_the_page_and_what_was_typed_stays(place):
    browser, page = await open_page(place)

    for fields, says, status in (
        ({"name": ""}, "1 to 64", 400),
        ({"labels": "none"}, "name=value", 400),
        ({"end": "soon"}, "2027-01-31", 400),
        ({"end": "2001-01-01"}, "later", 400),
        ({"role": "administrator"}, "Allowed", 400),
        ({"project": "blue"}, "no project", 404),
        ({"action": "explode"}, "not complete", 400),
        ({"action": "renew", "token": "nonsense"}, "no token", 404),
    ):
        answer = await create(browser, page, **{"name": "kept", **fields})
        assert answer.status_code == status, fields
        assert says in answer.text
        assert "New token" in answer.text
        assert "name" in fields or 'value="kept"' in answer.text


async def test_what_was_typed_is_no_markup(place):
    browser, page = await open_page(place)
    evil = '"><script>alert(1)</script>'

    made = await create(browser, page, name=evil)

    assert made.status_code == 200
    assert "<script>" not in made.text
    assert "&lt;script&gt;" in made.text


async def test_a_reader_sees_that_there_is_nothing_to_make(place):
    _, page = await open_page(place, "rita")

    assert "New token" not in page


async def test_administrators_see_whose_token_it_is_and_may_only_delete_it(place):
    await place.new_token("ann", name="of-ann")
    _, page = await open_page(place, "chief")

    assert "of ann" in page
    assert "Delete of-ann" in page
    assert "Renew of-ann" not in page


async def test_an_operator_of_several_projects_chooses_one(place):
    browser, page = await open_page(place, "both")

    refused = await create(browser, page)
    made = await create(browser, page, project="blue")

    assert '<option value="blue"' in page
    assert refused.status_code == 400
    assert value_in(made.text)
