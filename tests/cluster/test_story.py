"""The main job on a real cluster: form, pod of our image, git, bucket, stop, start again, delete."""

import re
import subprocess

import pytest
from playwright.sync_api import expect

from tests.cluster import notebook_images
from tests.cluster.notebooks import Notebook, notebook
from tests.ssh.running import Key
from tests.support.chromium import chromium
from tests.support.git_server import git_server
from tests.support.jupyter import LabSession
from tests.support.pages import problems_on
from tests.support.radosgw import radosgw, radosgw_is_installed
from tests.support.requirements import need
from tests.support.s3_server import S3Server
from tests.support.vscode import type_in_terminal
from tests.support.waiting import wait_for
from tests.support.wheels import build_wheel

pytestmark = [pytest.mark.cluster, pytest.mark.journey, pytest.mark.timeout(600)]

START_SECONDS = 240
BUCKET = "weather"
FORM = {
    "name": "Weather",
    "editor": "jupyterlab",
    "framework": "conda/conda-py311-cpu",
    "flavor": "ai1-1-cpu",
    "count": "1",
    "access": "restricted",
    "volume-0-bucket": BUCKET,
    "volume-0-prefix": "",
    "volume-0-path": "/workspace/data",
    "volume-0-permission": "RW",
    "git-0-ref": "",
    "git-0-path": "/workspace/code",
    "env-0-name": "GREETING",
    "env-0-value": "hello {there} % $HOME $(HOME)",
}
LOOK = """
import os, pathlib
home = pathlib.Path.home()
print(home, os.getuid(), os.getgid())
print(os.environ["GREETING"])
print((home / "data/temperatures.csv").read_text().strip(), (home / "code/README.md").read_text())
print(pathlib.Path("/var/run/secrets/kubernetes.io").exists())
print(sorted(name for name in os.environ if "TOKEN" in name or "SECRET" in name or "JUPYTERHUB" in name))
(home / "data/result.txt").write_text("42")
"""


@pytest.fixture(params=["DEMO", "CEPH"])
def story_store(request, installed, cluster, tmp_path):
    """The alias of a data store and a client of its server: the installation's own, or one of a person's."""
    if request.param == "DEMO":
        yield request.param, installed.store
        return
    need("radosgw", radosgw_is_installed(), "Debian's packages ceph-mon, ceph-osd, radosgw and ceph-common")
    folder = tmp_path / "radosgw"
    folder.mkdir()
    with radosgw(folder, host=cluster.address) as server:
        yield (
            request.param,
            S3Server(server.endpoint, server.access_key, server.secret_key, folder, None, "default"),
        )


def _add_store(person, alias, store):
    keys = {"accessKey": store.access_key, "secretKey": store.secret_key, "region": store.region}
    body = {"alias": alias, "type": "s3", "endpoint": store.endpoint, "credentials": {"s3": keys}}
    answer = person.api("POST", "datastore", json=body)
    assert answer.is_success, answer.text


def _fill_bucket(store, tmp_path, bucket=BUCKET):
    wheel = build_wheel(tmp_path, name="tinypackage", source="ANSWER = 42\n")
    store.create_bucket(bucket)
    store.put(bucket, "temperatures.csv", "city,celsius")
    store.put(bucket, wheel.name, wheel.read_bytes())


def _start_by_form(person, changes: dict[str, str]) -> str:
    page = person.get("/hub/spawn")
    xsrf = re.search(r'name="_xsrf"\s+value="([^"]+)"', page.text)
    answer = person.post(
        page.url.path,
        params={"_xsrf": xsrf[1] if xsrf else person.cookies.get("_xsrf", "")},
        data=FORM | changes,
        follow_redirects=False,
    )
    assert answer.status_code == 302, problems_on(answer.text)
    (notebook,) = person.api("GET", "notebook").json()["items"]
    return notebook["id"]


def _stop(person, notebook: str) -> None:
    assert person.api("PUT", f"notebook/{notebook}/stop").status_code == 204
    person.wait_for_state(notebook, "STOPPED", seconds=START_SECONDS)


def test_a_notebook_from_the_spawn_page_to_its_deletion(installed, cluster, story_store, tmp_path):
    api, namespace = cluster.api, installed.namespace
    alias, store = story_store
    _fill_bucket(store, tmp_path)
    with git_server(tmp_path, host=cluster.address) as git:
        alice = installed.sign_in(f"alice-{alias.lower()}")
        if store is not installed.store:
            _add_store(alice, alias, store)
        repository = git.create("code", files={"README.md": "forecast"})
        notebook = _start_by_form(alice, {"git-0-url": repository, "volume-0-store": alias})
        running = alice.wait_for_state(notebook, "RUNNING", seconds=START_SECONDS)
        url = running["status"]["url"]
        lab = LabSession(alice, url)

        assert lab.run(LOOK).splitlines() == [
            "/workspace 42420 42420",
            "hello {there} % $HOME $(HOME)",
            "city,celsius forecast",
            "False",
            "[]",
        ]
        lab.run("%pip install --no-index /workspace/data/tinypackage-1.0-py3-none-any.whl")
        _stop(alice, notebook)

        assert store.get(BUCKET, "result.txt") == b"42"
        assert api.get("pods", f"nb-{notebook}", namespace=namespace) is None
        assert (
            api.get("persistentvolumeclaims", f"nb-{notebook}", namespace=namespace)["status"]["phase"]
            == "Bound"
        )

        assert alice.api("PUT", f"notebook/{notebook}/start").status_code == 204
        again = alice.wait_for_state(notebook, "RUNNING", seconds=START_SECONDS)
        assert again["status"]["url"] == url
        told = LabSession(alice, url).run(
            "import tinypackage, pathlib\n"
            "print(tinypackage.ANSWER, (pathlib.Path.home() / 'data/result.txt').read_text())"
        )
        assert told.strip() == "42 42"
        lab = LabSession(alice, url)
        assert lab.run_in_terminal("command -v pip") == "/opt/framework/bin/pip"
    _stop(alice, notebook)
    _delete(installed, alice, notebook)
    assert store.get(BUCKET, "result.txt") == b"42"


def _delete(installed, person, notebook: str) -> None:
    api, namespace = installed.cluster.api, installed.namespace
    assert person.api("DELETE", f"notebook/{notebook}").status_code == 204
    wait_for(lambda: person.state(notebook) == "HTTP 404", what="the notebook to be gone")
    api.wait_gone("persistentvolumeclaims", f"nb-{notebook}", namespace=namespace)
    labels = f"ovh-spawner/notebook={notebook}"
    for kind in ("pods", "secrets", "networkpolicies", "jobs"):
        wait_for(
            lambda kind=kind: not api.items(kind, namespace=namespace, labels=labels),
            what=f"its {kind} to be gone",
        )


@pytest.fixture
def page(installed):
    # VS Code needs what browsers give to addresses of this machine and to encrypted ones only.
    with chromium(f"--unsafely-treat-insecure-origin-as-secure={installed.url}") as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        yield page


def test_vs_code_in_a_browser_from_the_spawn_page_to_its_deletion(installed, cluster, tmp_path, page):
    notebook_images.load(cluster, "vscode")
    store, bucket = installed.store, "code"
    _fill_bucket(store, tmp_path, bucket)
    with git_server(tmp_path, host=cluster.address) as git:
        fay = installed.sign_in("fay")
        repository = git.create("code", files={"README.md": "forecast"})
        notebook = _start_by_form(
            fay,
            {
                "editor": "vscode",
                "git-0-url": repository,
                "volume-0-store": "DEMO",
                "volume-0-bucket": bucket,
            },
        )
        url = fay.wait_for_state(notebook, "RUNNING", seconds=START_SECONDS)["status"]["url"]
        page.goto(installed.url)
        page.get_by_label("Username").fill("fay")
        page.get_by_label("Password").fill(installed.password)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(re.compile("/hub/home"))
        page.goto(url)
        type_in_terminal(
            page,
            "cat data/temperatures.csv code/README.md > data/seen.txt; "
            "pip install --no-index data/tinypackage*.whl && touch data/installed",
        )
        inside = Notebook(installed, fay, notebook)
        wait_for(
            lambda: "installed" in inside.run("ls", "/workspace/data").split(),
            what="pip to be done",
            seconds=120,
        )
        _stop(fay, notebook)

        assert store.get(bucket, "seen.txt") == b"city,celsiusforecast"
        assert fay.api("PUT", f"notebook/{notebook}/start").status_code == 204
        again = fay.wait_for_state(notebook, "RUNNING", seconds=START_SECONDS)
        assert again["status"]["url"] == url
        page.goto(url)
        type_in_terminal(page, "python -c 'import tinypackage; print(tinypackage.ANSWER)' > data/again.txt")
        wait_for(
            lambda: "again.txt" in inside.run("ls", "/workspace/data").split(),
            what="Python's answer",
            seconds=120,
        )
    _stop(fay, notebook)
    _delete(installed, fay, notebook)
    assert store.get(bucket, "again.txt").strip() == b"42"


def test_a_remote_editor_works_in_a_pod_over_ssh_until_it_stops(installed, tmp_path):
    key = Key.new(tmp_path, "ida")
    with notebook(installed, "ida", keys=[key.file.with_suffix(".pub").read_text()]) as made:
        url = made.wait("RUNNING")["sshUrl"]
        installed.ssh.start()
        command = ["ssh", *_ssh_options(installed, key, tmp_path), url]
        done = wait_for(
            lambda: (p := _run([*command, "pwd; id -u; echo $NOTEBOOK_ID"])).returncode == 0 and p,
            what="a command over SSH",
        )
        assert done.stdout.split() == ["/workspace", "42420", made.id]
        stranger = _run(["ssh", *_ssh_options(installed, Key.new(tmp_path, "eve"), tmp_path), url, "true"])
        assert stranger.returncode == 255

        session = subprocess.Popen([*command, "sleep 600"], stdin=subprocess.DEVNULL)
        made.stop()
        assert session.wait(120) != 0
        made.wait("STOPPED")


def _ssh_options(installed, key, folder):
    known = folder / "known_hosts"
    public = (installed.state / "ssh_host_key.pub").read_text()
    known.write_text(f"[{installed.cluster.address}]:{installed.ports['ssh']} {public}")
    chosen = ["IdentitiesOnly=yes", "IdentityAgent=none", "BatchMode=yes", "StrictHostKeyChecking=yes"]
    options = [word for each in (*chosen, f"UserKnownHostsFile={known}") for word in ("-o", each)]
    return ["-F", "none", "-i", str(key.file), *options]


def _run(command):
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120, stdin=subprocess.DEVNULL
    )


def test_a_notebook_waits_in_plain_words_until_a_gpu_is_there(installed, cluster, machine):
    gpus = {"flavor": "ai1-1-gpu", "gpu": 1}
    # Another test may have given the node some.
    none = {"nvidia.com/gpu": "0"}
    cluster.api.patch(
        "nodes", machine.node.name, {"status": {"capacity": none, "allocatable": none}}, part="status"
    )
    with notebook(installed, "gil", resources=gpus) as made:
        said = wait_for(
            lambda: "GPU" in (m := made.status["info"]["message"]) and m, what="the reason", seconds=90
        )
        simulated = {"nvidia.com/gpu": "1"}
        change = {"status": {"capacity": simulated, "allocatable": simulated}}
        cluster.api.patch("nodes", machine.node.name, change, part="status")
        made.wait("RUNNING")
        editor = next(c for c in made.pod()["spec"]["containers"] if c["name"] == "editor")
        made.stop()
        made.wait("STOPPED")

        assert "nvidia.com" not in said
        assert editor["resources"]["limits"]["nvidia.com/gpu"] == "1"
