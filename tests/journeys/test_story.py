"""The main job, once, on real parts: form, JupyterLab, git, bucket, stop, bill, start again, delete."""

import csv
import io
import re

import httpx
import pytest

from tests.support.git_server import git_server
from tests.support.jupyter import LabSession
from tests.support.pages import problems_on
from tests.support.waiting import wait_for
from tests.support.wheels import build_wheel

pytestmark = pytest.mark.journey

WRITE = """
from pathlib import Path
home = Path.home()
(home / "data/result.txt").write_text("42")
(home / "data/old.txt").unlink()
(home / "mirror/old.txt").unlink()
print((home / "data/temperatures.csv").read_text().splitlines()[0])
print((home / "code/README.md").read_text())
"""


def _fill_buckets(stack):
    for bucket in ("bucket-rw", "bucket-rwd", "bucket-ro"):
        folder = stack.store / bucket
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "old.txt").write_text("old")
        (folder / "temperatures.csv").write_text("city,month,celsius\n")


def _form(repository: str) -> dict[str, str]:
    return {
        "name": "Weather",
        "editor": "jupyterlab",
        "framework": "conda/",
        "flavor": "ai1-1-cpu",
        "count": "2",
        "access": "restricted",
        "volume-0-store": "DEMO",
        "volume-0-bucket": "bucket-rw",
        "volume-0-prefix": "",
        "volume-0-path": "/workspace/data",
        "volume-0-permission": "RW",
        "volume-1-store": "DEMO",
        "volume-1-bucket": "bucket-rwd",
        "volume-1-prefix": "",
        "volume-1-path": "/workspace/mirror",
        "volume-1-permission": "RWD",
        "volume-2-store": "DEMO",
        "volume-2-bucket": "bucket-ro",
        "volume-2-prefix": "",
        "volume-2-path": "/workspace/fixed",
        "volume-2-permission": "R",
        "git-0-url": repository,
        "git-0-ref": "",
        "git-0-path": "/workspace/code",
        "env-0-name": "GREETING",
        "env-0-value": "hello {there} % $HOME",
        "label-0-name": "team",
        "label-0-value": "meteo",
    }


def _start_by_form(alice, repository: str) -> str:
    page = alice.get("/hub/spawn")
    assert re.fullmatch(r"/hub/spawn/alice/nb-[a-z2-7]{12}", page.url.path)
    xsrf = re.search(r'name="_xsrf"\s+value="([^"]+)"', page.text)
    answer = alice.post(
        page.url.path,
        params={"_xsrf": xsrf[1] if xsrf else alice.cookies.get("_xsrf", "")},
        data=_form(repository),
        follow_redirects=False,
    )
    assert answer.status_code == 302, problems_on(answer.text)
    (notebook,) = alice.api("GET", "notebook").json()["items"]
    return notebook["id"]


def _bucket(stack, name: str) -> dict[str, str]:
    root = stack.store / name
    return {str(p.relative_to(root)): p.read_text() for p in root.rglob("*") if p.is_file()}


def test_the_whole_story(stack, tmp_path):
    _fill_buckets(stack)
    wheel = build_wheel(tmp_path, name="tinypackage", source="ANSWER = 42\n")
    with git_server(tmp_path) as git:
        alice = stack.sign_in("alice")
        notebook = _start_by_form(alice, git.create("code", files={"README.md": "forecast"}))
        running = alice.wait_for_state(notebook, "RUNNING")
        url = running["status"]["url"]
        lab = LabSession(alice, url)

        assert lab.run(WRITE).splitlines() == ["city,month,celsius", "forecast"]
        assert lab.run("import os; print(os.environ['GREETING'])").strip() == "hello {there} % $HOME"
        secrets = lab.run("import os; print([n for n in os.environ if 'TOKEN' in n or 'JUPYTERHUB' in n])")
        assert secrets.strip() == "[]"
        lab.run(f"%pip install --no-index {wheel}")
        assert alice.state(notebook) == "RUNNING"

        assert alice.api("PUT", f"notebook/{notebook}/stop").status_code == 204
        alice.wait_for_state(notebook, "STOPPED")

        assert _bucket(stack, "bucket-rw") == {
            "old.txt": "old",
            "result.txt": "42",
            "temperatures.csv": "city,month,celsius\n",
        }
        assert _bucket(stack, "bucket-rwd") == {"temperatures.csv": "city,month,celsius\n"}
        assert _bucket(stack, "bucket-ro") == {"old.txt": "old", "temperatures.csv": "city,month,celsius\n"}

        assert alice.api("PUT", f"notebook/{notebook}/start").status_code == 204
        again = alice.wait_for_state(notebook, "RUNNING")
        assert again["status"]["url"] == url
        lab = LabSession(alice, url)
        printed = lab.run(
            "import tinypackage, pathlib\n"
            "print(tinypackage.ANSWER, (pathlib.Path.home() / 'data/result.txt').read_text())"
        )
        assert printed.strip() == "42 42"
        same = lab.run("import sys; print(sys.prefix, tinypackage.ANSWER)").strip()
        said = lab.run_in_terminal(
            "python -c 'import sys, tinypackage; print(sys.prefix, tinypackage.ANSWER)'"
        )
        assert said == same, "a terminal has the framework of the notebook"

    _check_the_bill(alice, notebook)
    _delete(stack, alice, notebook)


def _check_the_bill(alice, notebook):
    usage = alice.api("GET", "usage").json()
    (line,) = [found for found in usage["lines"] if found["notebook"] == notebook]
    assert line["minutes"] >= 2
    # Two units at 0.03 EUR per hour: exact, whatever the number of minutes is.
    assert float(line["cost"]) == pytest.approx(line["minutes"] * 2 * 0.03 / 60, abs=1e-9)
    page = alice.get("/services/ai/usage")
    assert page.status_code == 200
    assert "Weather" in page.text
    rows = list(csv.reader(io.StringIO(alice.api("GET", "usage.csv").text)))
    assert any("Weather" in row for row in rows)


def _delete(stack, alice, notebook):
    refused = alice.api("DELETE", f"notebook/{notebook}")
    assert refused.status_code == 400
    assert "force" in refused.json()["message"]
    assert alice.api("PUT", f"notebook/{notebook}/stop").status_code == 204
    alice.wait_for_state(notebook, "STOPPED")
    assert alice.api("DELETE", f"notebook/{notebook}").status_code == 204
    wait_for(lambda: alice.state(notebook) == "HTTP 404", what="the notebook to be gone")
    folder = stack.state / "notebooks" / notebook
    wait_for(lambda: not folder.exists(), what="its files to be gone")
    assert _bucket(stack, "bucket-rw")["result.txt"] == "42"


def test_what_is_open_to_nobody(stack):
    anonymous = httpx.get(f"{stack.url}/services/ai/v1/notebook")

    assert anonymous.status_code == 401
    # The internal API is on the service's own port only; the proxy leads elsewhere.
    assert httpx.get(f"{stack.url}/internal/v1/spawn-page", follow_redirects=True).status_code == 404
