"""A project's people share a notebook on a whole installation, and who loses their role is out within seconds."""

import pytest

from tests.support.stack import local_stack
from tests.support.waiting import wait_for

pytestmark = pytest.mark.journey

SPEC = {
    "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
    "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
}
PROJECTS = {
    "physics": {"administrators": {"users": ["ada"]}, "operators": {"users": ["ann"]}},
    "art": {"operators": {"users": ["ann"]}},
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with local_stack(tmp_path_factory.mktemp("projects"), projects=PROJECTS) as running:
        yield running


def test_a_member_opens_anothers_notebook_until_the_role_is_taken_away(stack):
    ann, ada, rea, eve = (stack.sign_in(name) for name in ("ann", "ada", "rea", "eve"))
    assert ada.api("PUT", "project/physics/member/user/rea", json={"role": "read"}).status_code == 204
    unsaid = ann.api("POST", "notebook", json=SPEC)
    made = ann.api("POST", "notebook", json=SPEC, params={"project": "physics"})
    assert (unsaid.status_code, made.status_code) == (400, 200), made.text
    notebook = made.json()["id"]
    address = ann.wait_for_state(notebook, "RUNNING")["status"]["url"]

    wait_for(
        lambda: rea.get(f"{address}api/kernels").status_code == 200, what="the notebook to open for a reader"
    )
    assert rea.api("PUT", f"notebook/{notebook}/stop").status_code == 403
    assert eve.get(f"{address}api/kernels").status_code == 404
    assert eve.api("GET", f"notebook/{notebook}").status_code == 404

    assert ada.api("DELETE", "project/physics/member/user/rea").status_code == 204
    wait_for(
        lambda: rea.get(f"{address}api/kernels").status_code != 200, what="the reader to be out", seconds=60
    )
    assert rea.api("GET", f"notebook/{notebook}").status_code == 404
    assert ada.api("DELETE", f"notebook/{notebook}", params={"force": "true"}).status_code == 204


def test_the_spawn_page_asks_for_the_project_and_remembers_it(stack):
    ann, eve = stack.sign_in("ann"), stack.sign_in("eve")
    others = [name for name in PROJECTS if not _is_chosen(ann, name)]
    project = others[0]
    body = {**SPEC, "project": project}
    made = ann.hub_api("POST", "users/ann/servers/nb-pictures", json=body)
    assert made.status_code in {201, 202}, made.text
    [notebook] = ann.api("GET", "notebook", params={"project": project}).json()["items"]
    ann.wait_for_state(notebook["id"], "RUNNING")

    none = eve.get("/hub/spawn").text
    refused = eve.hub_api("POST", "users/eve/servers/nb-none", json={**SPEC, "project": "art"})

    assert (len(others), _is_chosen(ann, project)) == (1, True)
    assert "You are in no project" in none
    assert refused.status_code == 404
    assert "There is no project 'art'." in refused.json()["message"]
    assert ann.api("DELETE", f"notebook/{notebook['id']}", params={"force": "true"}).status_code == 204


def _is_chosen(person, project: str) -> bool:
    return f'<option value="{project}" selected' in person.get("/hub/spawn").text
