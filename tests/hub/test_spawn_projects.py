"""The project on the spawn page: chosen where there are several, told where there is none."""

import re
from html import unescape

NEW = "/hub/spawn/alice/nb-one"
FORM = {
    "name": "my <b>notebook",
    "editor": "fake",
    "framework": "conda/1",
    "flavor": "gpu",
    "count": "2",
    "access": "restricted",
}


async def test_one_project_is_not_asked_for(service, person):
    service.projects = {"physics": 8}

    page = (await (await person()).get(NEW)).text

    assert 'name="project"' not in page
    assert "In project physics." in page


async def test_of_several_projects_the_one_that_was_used_last_is_chosen(service, person):
    service.projects = {"physics": 8, "art": 2}

    page = (await (await person()).get(NEW)).text

    assert re.search(r'<option value="physics" selected', page)
    assert re.search(r'<option value="art">', page)


async def test_choosing_a_project_shows_its_quota_and_keeps_what_was_typed(service, person):
    service.projects = {"physics": 8, "art": 2}

    page = await (await person()).post_form(NEW, FORM | {"project": "art", "choose": "project"})

    assert page.status_code == 200
    assert re.search(r'<option value="art" selected', page.text)
    assert "1 of the project's 2 GPUs is free." in unescape(page.text)
    assert "my &lt;b&gt;notebook" in page.text
    assert service.resolved == []


async def test_the_chosen_project_goes_with_the_options(service, person):
    service.projects = {"physics": 8, "art": 2}

    await (await person()).post_form(NEW, FORM | {"project": "art"})

    assert service.resolved[0]["options"]["project"] == "art"


async def test_a_refused_project_is_told_beside_its_field(service, person):
    service.projects = {"physics": 8, "art": 2}
    service.refuse(
        "resolve", 400, "no", code="invalid", problems=[{"field": "project", "message": "You left it."}]
    )

    page = await (await person()).post_form(NEW, FORM | {"project": "art"})

    assert page.status_code == 400
    assert re.search(r'id="project-error"[^<]*<div>You left it\.', re.sub(r">\s+<", "><", page.text))


async def test_who_is_in_no_project_is_told_so_and_starts_nothing(service, person):
    service.refusal = "You are in no project in which you may make notebooks."

    page = (await (await person()).get(NEW)).text

    assert "You are in no project" in page
    assert re.search(r'<button class="btn btn-lg btn-primary" type="submit" disabled>', page)
