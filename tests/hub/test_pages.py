"""The pages, by HTTP, as a browser without scripts sees them."""

import re
from html import unescape

import pytest

from tests.support.fake_hub import until

FORM = {
    "name": "my <b>notebook",
    "editor": "fake",
    "framework": "conda/1",
    "flavor": "gpu",
    "count": "2",
    "access": "restricted",
    "git-0-url": "https://host/a.git",
    "git-0-ref": "",
    "git-0-path": "/workspace/a",
    "env-0-name": "A",
    "env-0-value": "{{ 7*7 }}",
}
NEW = "/hub/spawn/alice/nb-one"


async def test_a_new_notebook_gets_an_address_of_its_own(person):
    alice = await person()

    for path in ("/hub/spawn", "/hub/spawn/alice"):
        answer = await alice.get(path)
        assert answer.status_code == 302
        assert re.fullmatch(r"/hub/spawn/alice/nb-[a-z2-7]{12}", answer.headers["Location"])


async def test_looking_at_the_page_makes_no_server(service, person):
    alice = await person()

    page = await alice.get(NEW)

    assert page.status_code == 200
    assert "nb-one" not in alice.user.orm_user.orm_spawners
    assert service.runs == {}


async def test_the_page_offers_what_can_be_had_and_says_why_the_rest_cannot(person):
    page = unescape((await (await person()).get(NEW)).text)

    assert "New notebook" in page
    assert "It is not installed: make vscode." in page
    assert "Not on this machine." in page
    assert "simulated" in page
    assert "1.75 EUR per hour" in page
    assert "3 of the project's 4 GPUs are free." in page
    assert re.search(r'value="gpu"[^>]*checked', page)
    assert re.search(r'value="vscode"[^>]*disabled', page)


async def test_posting_the_form_starts_the_notebook(service, person):
    alice = await person()

    answer = await alice.post_form(NEW, FORM)

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/hub/spawn-pending/alice/nb-one"
    assert service.resolved[0]["door"] == "form"
    assert service.resolved[0]["options"]["resources"] == {"flavor": "gpu", "gpu": 2}
    await until(lambda: alice.user.spawners["nb-one"].ready, what="the notebook to run")
    ready = await alice.get("/hub/spawn-pending/alice/nb-one")
    assert ready.headers["Location"] == "/user/alice/nb-one/"
    assert (await alice.get(NEW)).headers["Location"] == "/user/alice/nb-one/"


async def test_mistakes_come_back_beside_their_fields_with_everything_typed_kept(service, person):
    problems = [
        {"field": "resources.gpu", "message": "2 is too much."},
        {"field": "volumes[0].publicGit.url", "message": "There is no such host."},
        {"field": "", "message": "And in general."},
    ]
    service.refuse("resolve", 400, "no", code="invalid", problems=problems)
    alice = await person()

    answer = await alice.post_form(NEW, FORM)
    page = unescape(answer.text)

    assert answer.status_code == 400
    assert 'role="alert"' in page
    assert '<a href="#count" class="alert-link">' in page
    assert re.search(r'id="count-error">\s*<div>2 is too much.', page)
    assert re.search(r'id="count"[^>]*aria-describedby="count-hint count-error" aria-invalid="true"', page)
    assert re.search(r'id="git-0-url-error">\s*<div>There is no such host.', page)
    assert "And in general." in page
    assert 'value="my &lt;b&gt;notebook"' in answer.text
    assert "{{ 7*7 }}" in page
    assert re.search(r'name="count"\s+type="number"\s+value="2"', page)
    assert service.runs == {}


@pytest.mark.usefixtures("patient_spawn_page")
async def test_a_quota_refusal_comes_back_on_the_form(service, person):
    service.refuse(
        "runs", 403, "This needs 2 GPUs, and the project uses all of its 4.", code="quota_exceeded"
    )
    alice = await person()

    answer = await alice.post_form(NEW, FORM)

    assert answer.status_code == 403
    assert "This needs 2 GPUs, and the project uses all of its 4." in answer.text
    assert "my &lt;b&gt;notebook" in answer.text


async def test_rows_can_be_added_and_removed_without_scripts(service, person):
    alice = await person()

    more = await alice.post_form(NEW, FORM | {"add": "git"})
    fewer = await alice.post_form(NEW, FORM | {"remove": "git-0"})

    assert more.status_code == fewer.status_code == 200
    assert 'name="git-1-url"' in more.text
    assert 'name="git-0-url"' not in fewer.text
    assert service.resolved == []


async def test_an_existing_notebooks_page_is_filled_with_its_spec(service, person):
    alice = await person()
    await alice.post_form(NEW, FORM)
    await until(lambda: alice.user.spawners["nb-one"].ready, what="the notebook to run")
    await alice.api("DELETE", alice.server("nb-one"))

    page = unescape((await alice.get(NEW)).text)

    assert "Start my <b>notebook" in page
    assert 'value="https://host/a.git"' in page
    assert "{{ 7*7 }}" in page


async def test_a_notebook_that_is_being_saved_cannot_be_started_and_says_how_far_it_is(service, person):
    service.resolve({"user": "alice", "serverName": "nb-one", "options": None})
    saved = {
        "volume": "6f1f34e0-65d9-4f9d-8d0c-5a4b7cbb9d01", "mountPath": "/workspace/a", "info": "x",
        "state": "RUNNING", "transferredBytes": 1_200_000, "totalBytes": 3_400_000,
    }  # fmt: skip
    service.notebooks["alice", "nb-one"] |= {"state": "STOPPING", "syncing": [saved]}

    page = (await (await person()).get(NEW)).text

    assert "being saved: 1.2 of 3.4 MB" in page
    assert re.search(r'<button class="btn btn-lg btn-primary" type="submit"\s*disabled>', page)


async def test_an_admin_starts_somebody_elses_notebook_without_seeing_its_variables(service, hub, person):
    app = await hub()
    alice = await person(app=app)
    boss = await person("boss", app=app)
    await alice.post_form(NEW, FORM)
    await until(lambda: alice.user.spawners["nb-one"].ready, what="the notebook to run")
    await alice.api("DELETE", alice.server("nb-one"))

    page = await boss.get(NEW)

    assert "7*7" not in page.text
    assert "For alice." in page.text

    await boss.post_form(NEW, {"name": "taken over"})

    assert service.resolved[-2]["options"] is None
    await until(lambda: alice.user.spawners["nb-one"].ready, what="the notebook to run again")


async def test_nobody_sees_anothers_page(service, hub, person):
    app = await hub()
    await person(app=app)
    bob = await person("bob", app=app)

    assert (await bob.get(NEW)).status_code == 404
    assert (await bob.post_form(NEW, FORM, page="/hub/home")).status_code == 404
    assert service.resolved == []


async def test_a_post_without_the_pages_token_is_refused(service, person):
    alice = await person()

    answer = await alice.browser.post(NEW, data=FORM)

    assert answer.status_code == 403
    assert service.resolved == []


async def test_a_server_name_that_the_hub_refuses_is_refused(person):
    alice = await person()

    for name in ("UPPER", "6f1f34e0-65d9-4f9d-8d0c-5a4b7cbb9d01", "a--b"):
        assert (await alice.get(f"/hub/spawn/alice/{name}")).status_code == 400


async def test_without_the_service_the_page_says_what_to_do(service, person):
    alice = await person()
    service.refuse("spawn-page", 500, "Traceback: secret", code="internal")

    answer = await alice.get(NEW)

    assert answer.status_code == 503
    assert "Try again in a minute" in answer.text
    assert "secret" not in answer.text


async def test_home_lists_notebooks_and_leads_to_a_new_one(service, person):
    alice = await person()
    assert "There is no notebook yet." in (await alice.get("/hub/home")).text
    await alice.api("POST", alice.server("nb-one"), json={})

    page = (await alice.get("/hub/home")).text

    assert 'id="new-notebook"' in page
    assert "quiet-lab" in page
    assert "running" in page
    assert 'href="/user/alice/nb-one/"' in page


async def test_home_says_that_changes_are_being_saved_and_works_without_the_service(service, person):
    alice = await person()
    await alice.api("POST", alice.server("nb-one"), json={})
    await alice.api("DELETE", alice.server("nb-one"))
    service.notebooks["alice", "nb-one"]["state"] = "STOPPING"

    assert "saving changes" in (await alice.get("/hub/home")).text

    service.is_down = True

    assert "nb-one" in (await alice.get("/hub/home")).text


UNSAVED = {"state": "SYNC_FAILED", "message": "Saving failed: the bucket is gone. The files are kept."}


async def test_a_notebook_whose_changes_are_not_saved_says_why_and_can_be_saved_from_both_pages(
    service, person
):
    service.resolve({"user": "alice", "serverName": "nb-one", "options": None})
    service.notebooks["alice", "nb-one"] |= UNSAVED
    alice = await person()
    await alice.api("POST", alice.server("nb-one"), json={})
    await alice.api("DELETE", alice.server("nb-one"))

    for path in ("/hub/home", NEW):
        page = (await alice.get(path)).text
        assert "Saving failed: the bucket is gone. The files are kept." in page
        assert re.search(
            r'action="/hub/save/alice/nb-one">\s*<input type="hidden" name="_xsrf" value="[^"]+', page
        )
        answer = await alice.post_form("/hub/save/alice/nb-one", {}, page=path)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/hub/home")

    assert service.saved == [("alice", "nb-one")] * 2
    service.notebooks["alice", "nb-one"]["isSyncing"] = True
    home, form = (await alice.get("/hub/home")).text, (await alice.get(NEW)).text
    assert "saving changes" in home
    assert "being saved" in form
    assert "Save now" not in home + form


async def test_nobody_saves_anothers_notebook_and_no_other_page_makes_me_save(service, hub, person):
    app = await hub()
    alice, bob = await person(app=app), await person("bob", app=app)

    refused = await bob.post_form("/hub/save/alice/nb-one", {}, page="/hub/home")
    forged = await alice.browser.post("/hub/save/alice/nb-one")

    assert (refused.status_code, forged.status_code) == (404, 403)
    assert service.saved == []


async def test_a_save_that_the_service_refuses_is_told_in_its_words(service, person):
    service.refuse("save", 400, "Notebook 'x' is STOPPED: everything is saved.", code="wrong_state")

    answer = await (await person()).post_form("/hub/save/alice/nb-one", {}, page="/hub/home")

    assert answer.status_code == 400
    assert "everything is saved" in answer.text


async def test_home_tells_why_a_notebook_failed(service, person):
    alice = await person()
    await alice.api("POST", alice.server("nb-one"), json={})
    await alice.api("DELETE", alice.server("nb-one"))
    service.notebooks["alice", "nb-one"] |= {"state": "FAILED", "message": "The repository did not answer."}

    page = (await alice.get("/hub/home")).text

    assert "failed" in page
    assert "The repository did not answer." in page
    assert "Save now" not in page


async def test_every_page_leads_to_home_usage_and_token(hub, person):
    app = await hub()
    app.tornado_settings["template_vars"] = {"notebook_usage_url": "/services/ai/usage"}
    alice = await person(app=app)

    for path in ("/hub/home", NEW, "/hub/token"):
        page = (await alice.get(path)).text
        found = re.findall(r'class="nav-link" href="[^"]+">([\w ]+)<', page)
        assert found == ["Home", "Usage", "Projects", "Token", "App tokens"]


async def test_the_progress_page_stops_the_notebook_that_it_shows(service, hub, person):
    alice = await person(app=await hub("deaf"))
    alice.hub.tornado_settings["slow_spawn_timeout"] = 0
    await alice.post_form(NEW, FORM)

    page = (await alice.get("/hub/spawn-pending/alice/nb-one")).text

    assert "Starting " in page
    assert 'stop_named_server("alice", "nb-one"' in page
    await alice.api("DELETE", alice.server("nb-one"))


async def test_a_password_beyond_ascii_is_only_a_wrong_one(person):
    alice = await person()

    answer = await alice.post_form(
        "/hub/login", {"username": "eve", "password": "pässword"}, page="/hub/login?next=x"
    )

    assert answer.status_code == 403
