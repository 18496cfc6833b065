"""A program gets a token on the page, runs a notebook with it, and is put out when the token is deleted."""

import re

import httpx
import pytest

from tests.support.stack import Person
from tests.support.waiting import wait_for

pytestmark = pytest.mark.journey

SPEC = {
    "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
    "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
}
PAGE = "/services/ai/tokens"


def _form(page: httpx.Response, **fields: str) -> dict[str, str]:
    return {"_xsrf": re.search(r'name="_xsrf" value="([^"]+)"', page.text)[1], **fields}


def test_a_token_made_on_the_page_runs_a_notebook_until_it_is_deleted(stack):
    kim = stack.sign_in("kim")
    page = kim.get(PAGE)
    forged = kim.post(PAGE, data={"action": "create", "name": "forged", "role": "operator"})
    made = kim.post(
        PAGE, data=_form(page, action="create", name="nightly", role="operator", labels="team=red")
    )
    value = re.search(r'readonly value="(ovhn_\w+)"', made.text)[1]
    token = re.search(r'name="token" value="([^"]+)"', made.text)[1]
    assert forged.status_code == 403
    assert "forged" not in made.text

    with httpx.Client(headers={"Authorization": f"Bearer {value}"}, timeout=60) as app:
        api = f"{stack.url}/services/ai/v1"
        created = app.post(f"{api}/notebook", json=SPEC)
        assert created.status_code == 200, created.text
        notebook = created.json()["id"]
        assert created.json()["spec"]["labels"]["team"] == "red"
        address = kim.wait_for_state(notebook, "RUNNING")["status"]["url"]
        wait_for(
            lambda: app.get(f"{address}api/kernels").status_code == 200, what="the editor behind its gateway"
        )
        alone = httpx.get(f"{address}api/kernels", timeout=60)
        assert alone.status_code == 401, (alone.headers, alone.text[:500])

        deleted = kim.post(PAGE, data=_form(made, action="delete", token=token))
        assert "nightly" not in deleted.text
        assert app.get(f"{api}/notebook").status_code == 401
        wait_for(
            lambda: app.get(f"{address}api/kernels").status_code != 200, what="the gateway to put it out"
        )

    assert kim.api("DELETE", f"notebook/{notebook}", params={"force": "true"}).status_code == 204
    admin = Person(stack, "admin")
    stack.people.append(admin)
    assert admin.sign_in(stack.secrets["OVH_SPAWNER_ADMIN_PASSWORD"]).status_code == 200
    entries = admin.api("GET", "audit", params={"user": "kim"}).json()["items"]
    told = [(entry["action"], entry["credential"].partition(":")[0]) for entry in reversed(entries)]
    assert ("token.create", "sign-in") in told
    assert ("notebook.create", "token") in told
    assert ("notebook.open", "token") in told
    assert ("notebook.delete", "hub token") in told
    assert {entry["address"] for entry in entries if entry["action"] != "notebook.open"} <= {
        "127.0.0.1",
        "::1",
    }
    assert value not in stack.logs(lines=100_000)


class Browser(httpx.Client):
    """A browser that signs in at the hub with an application token."""

    def show(self, value: str) -> httpx.Response:
        xsrf = re.search(r'name="_xsrf"\s+value="([^"]+)"', self.get("/hub/login").text)[1]
        return self.post("/hub/login/token", data={"application_token": value, "_xsrf": xsrf})

    def hub_token(self, user: str) -> str:
        xsrf = re.search(r'xsrf_token:\s*"([^"]+)"', self.get("/hub/token").text)[1]
        answer = self.post(f"/hub/api/users/{user}/tokens", params={"_xsrf": xsrf}, json={})
        assert answer.status_code == 201, answer.text
        return answer.json()["token"]


def _sees_what_the_token_reaches(guest: Browser, user: str, *, reached: str, other: str) -> None:
    home = guest.get("/hub/home").text
    assert reached in home
    assert other not in home
    for page in (home, guest.get("/services/ai/projects").text):
        assert ">Projects</a>" in page
        assert "App tokens" not in page
    assert 'id="new-notebook"' not in home
    opened = guest.get(reached)
    assert opened.status_code == 200, opened.text
    assert opened.url.path.startswith(httpx.URL(reached).path)
    assert guest.get(f"{reached}api/kernels").status_code == 200
    assert guest.get(other).status_code == 404
    assert "which has no servers of its own" in guest.get(f"/hub/spawn/{user}/nb-mine").text
    pages = {name: guest.get(f"/services/ai/{name}").status_code for name in ("tokens", "usage", "projects")}
    assert pages == {"tokens": 403, "usage": 403, "projects": 200}


def test_who_signs_in_at_the_hub_with_a_token_may_what_the_token_may(stack):
    kim = stack.sign_in("kim")
    red, blue = (
        kim.api("POST", "notebook", json={**SPEC, "name": name, "labels": {"team": name}}).json()["id"]
        for name in ("red", "blue")
    )
    asked = {"name": "guest", "role": "operator", "labelSelector": "team=red"}
    token = kim.api("POST", "token", json=asked).json()
    value = token["status"]["value"]
    addresses = {each: kim.wait_for_state(each, "RUNNING")["status"]["url"] for each in (red, blue)}

    accept = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    with Browser(base_url=stack.url, headers=accept, follow_redirects=True, timeout=60) as guest:
        home = guest.show(value)
        user = re.search(r'user: "(token-[a-z2-7]{26}-1)"', home.text)[1]
        assert home.url.path == "/hub/home"
        _sees_what_the_token_reaches(guest, user, reached=addresses[red], other=addresses[blue])
        with_hub_token = {"Authorization": f"Bearer {guest.hub_token(user)}"}
        started = guest.post(f"/hub/api/users/{user}/servers/nb-mine", headers=with_hub_token, json={})
        assert started.status_code == 403, started.text
        listed = guest.get("/services/ai/v1/notebook", headers=with_hub_token).json()
        assert [each["id"] for each in listed["items"]] == [red]

        assert kim.api("DELETE", f"token/{token['id']}").status_code == 204
        assert guest.get("/services/ai/v1/notebook", headers=with_hub_token).status_code == 401
        assert addresses[red] not in guest.get("/hub/home").text
        assert "is not valid any more" in guest.get("/services/ai/projects").text
        wait_for(
            lambda: guest.get(f"{addresses[red]}api/kernels").status_code != 200,
            what="the gateway to put the guest out",
        )

    for each in (red, blue):
        assert kim.api("DELETE", f"notebook/{each}", params={"force": "true"}).status_code == 204
    assert value not in stack.logs(lines=100_000)
    for database in stack.state.glob("*.sqlite*"):
        assert value.encode() not in database.read_bytes()
