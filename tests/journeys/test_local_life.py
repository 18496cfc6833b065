"""The installation itself: Ctrl-C, a second start, GPUs and the quota, VS Code."""

import psutil
import pytest
from websockets.sync.client import connect

from tests.support.jupyter import LabSession
from tests.support.requirements import need
from tests.support.stack import TOOLS, local_stack
from tests.support.waiting import wait_for

pytestmark = pytest.mark.journey

CPU = {
    "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
    "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
}


def _gpus(count: int) -> dict:
    return {"env": CPU["env"], "resources": {"flavor": "ai1-1-gpu", "gpu": count}}


def test_ctrl_c_ends_everything_and_the_next_start_finds_it_all_again(tmp_path):
    with local_stack(tmp_path / "local") as stack:
        alice = stack.sign_in("alice")
        volume = {
            "mountPath": "/workspace/data",
            "permission": "RW",
            "dataStore": {"alias": "DEMO", "container": "demo"},
        }
        notebook = alice.api("POST", "notebook", json=CPU | {"volumes": [volume]}).json()["id"]
        running = alice.wait_for_state(notebook, "RUNNING")
        LabSession(alice, running["status"]["url"]).run("open('data/new.txt', 'w').write('kept')")
        before = psutil.Process(stack.process.pid).children(recursive=True)

        stack.stop()

        assert [p for p in before if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
        stack.start()
        alice = stack.sign_in("alice")
        stopped = alice.wait_for_state(notebook, "STOPPED")
        assert stopped["status"]["url"] == running["status"]["url"]
        assert (stack.store / "demo" / "new.txt").read_text() == "kept"
        (line,) = alice.api("GET", "usage").json()["lines"]
        assert line["minutes"] >= 1


def test_a_fifth_gpu_is_refused_and_a_stopped_notebook_frees_its_own(stack):
    carol = stack.sign_in("carol")
    four = carol.api("POST", "notebook", json=_gpus(4) | {"name": "greedy"})
    assert four.status_code == 200, four.text
    notebook = four.json()["id"]

    refused = carol.api("POST", "notebook", json=_gpus(1))

    assert refused.status_code == 403
    assert "greedy" in refused.json()["message"]
    assert "4 of its 4" in refused.json()["message"]
    carol.wait_for_state(notebook, "RUNNING")
    carol.api("PUT", f"notebook/{notebook}/stop")
    carol.wait_for_state(notebook, "STOPPED")
    one = carol.api("POST", "notebook", json=_gpus(1)).json()["id"]
    carol.wait_for_state(one, "RUNNING")
    assert carol.api("DELETE", f"notebook/{one}", params={"force": "true"}).status_code == 204


def test_nobody_else_learns_of_a_notebook(stack):
    dora, eve = stack.sign_in("dora"), stack.sign_in("eve")
    notebook = dora.api("POST", "notebook", json=CPU).json()["id"]
    url = dora.wait_for_state(notebook, "RUNNING")["status"]["url"]

    assert eve.state(notebook) == "HTTP 404"
    assert eve.api("GET", "notebook").json()["items"] == []
    for method, path in (("PUT", "start"), ("PUT", "stop"), ("POST", "datasync")):
        body = {"direction": "pull"} if path == "datasync" else None
        assert eve.api(method, f"notebook/{notebook}/{path}", json=body).status_code == 404
    assert eve.get(f"{url}lab").status_code in {403, 404}
    with (
        pytest.raises(Exception, match="HTTP 403"),
        connect(f"{url.replace('http', 'ws', 1)}api/events/subscribe"),
    ):
        pass
    dora.api("DELETE", f"notebook/{notebook}", params={"force": "true"})


@pytest.mark.vscode
def test_vs_code_opens_with_the_notebook_s_files(stack):
    need("vscode", (TOOLS / "vscode").exists(), "make vscode")
    fay = stack.sign_in("fay")
    spec = {"env": {"editorId": "vscode", "frameworkId": "conda"}, "resources": CPU["resources"]}
    notebook = fay.api("POST", "notebook", json=spec).json()["id"]
    url = fay.wait_for_state(notebook, "RUNNING")["status"]["url"]

    page = wait_for(lambda: (p := fay.get(url)) and "workbench" in p.text and p, what="VS Code's page")

    assert page.status_code == 200
    assert str(page.url).startswith(url)
    fay.api("PUT", f"notebook/{notebook}/stop")
    fay.wait_for_state(notebook, "STOPPED")


def test_an_environment_that_is_not_installed_is_shown_with_the_reason(stack):
    gus = stack.sign_in("gus")

    frameworks = {f["id"]: f for f in gus.api("GET", "capabilities/notebook/framework").json()}

    assert len(frameworks) == 8
    assert frameworks["conda"]["available"] is True
    assert frameworks["pytorch"]["available"] is False
    assert frameworks["pytorch"]["unavailableReason"]
    assert frameworks["pytorch"]["unavailableReason"] in gus.get("/hub/spawn").text.replace("&#39;", "'")
