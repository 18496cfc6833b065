"""Request to usable notebook, and stop, against plain JupyterHub; memory of the service and of a gateway."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from bench.measuring import CHECKOUT, Row, memory_of, ratio, seconds
from ovh_spawner.loopback import free_port
from tests.support.hub_versions import hub_body
from tests.support.stack import LocalStack, Person, local_stack
from tests.support.waiting import wait_for

ROUNDS = {"quick": 5, "full": 15}
TOKEN = "bench-" + "0" * 32
SPEC = {
    "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
    "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
}

PLAIN = """
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/home-{{username}}"
c.Spawner.args = ["--allow-root", "--ServerApp.default_url=/lab"]
c.Spawner.environment = {{"JUPYTER_PATH": "{kernels}"}}
c.JupyterHub.allow_named_servers = True
c.JupyterHub.services = [{{"name": "bench", "api_token": "{token}"}}]
c.JupyterHub.load_roles = [
    {{"name": "bench", "services": ["bench"], "scopes": ["admin:users", "admin:servers", "access:servers"]}}
]
"""


class Plain:
    """JupyterHub as it comes, with the same JupyterLab."""

    def __init__(self, url: str) -> None:
        self.hub = httpx.Client(
            base_url=f"{url}/hub/api", headers={"Authorization": f"token {TOKEN}"}, timeout=120
        )
        self.url = url

    def start(self, name: str) -> None:
        self.hub.post(f"/users/ann/servers/{name}", json=hub_body({})).raise_for_status()
        address = f"{self.url}/user/ann/{name}/api/status"
        wait_for(lambda: self._answers(address), what="the server", seconds=120)

    def stop(self, name: str) -> None:
        self.hub.delete(f"/users/ann/servers/{name}").raise_for_status()
        wait_for(lambda: not self._is_there(name), what="the stop", seconds=120)

    def _answers(self, address: str) -> bool:
        return self.hub.get(address).status_code == httpx.codes.OK

    def _is_there(self, name: str) -> bool:
        servers = self.hub.get("/users/ann").json()["servers"]
        return name in servers


class Ours:
    """This project, by the same calls."""

    def __init__(self, person: Person) -> None:
        self.person = person

    def start(self, name: str) -> None:
        answer = self.person.hub_api("POST", f"users/ann/servers/{name}", json=hub_body(SPEC))
        answer.raise_for_status()
        address = f"/user/ann/{name}/api/status"
        wait_for(lambda: self._answers(address), what="the notebook", seconds=120)

    def stop(self, name: str) -> None:
        self.person.hub_api("DELETE", f"users/ann/servers/{name}").raise_for_status()
        wait_for(lambda: not self._is_there(name), what="the stop", seconds=120)

    def _answers(self, address: str) -> bool:
        # The first one signs in, as a browser would.
        return self.person.get(address, headers={"Sec-Fetch-Mode": "navigate"}).status_code == httpx.codes.OK

    def _is_there(self, name: str) -> bool:
        return name in self.person.hub_api("GET", "users/ann").json()["servers"]


@contextmanager
def _plain_hub(folder: Path) -> Iterator[Plain]:
    port = free_port()
    config = folder / "plain.py"
    values = {
        "port": port,
        "hub_port": free_port(),
        "proxy_port": free_port(),
        "proxy": CHECKOUT / ".tools/node/node_modules/.bin/configurable-http-proxy",
        "kernels": CHECKOUT / ".tools/environments/conda/share/jupyter",
        "folder": folder,
        "token": TOKEN,
    }
    config.write_text(PLAIN.format(**values))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with (folder / "plain.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", config],
            cwd=folder,
            env={**os.environ, "PATH": path},
            stdout=log,
            stderr=log,
        )
    try:
        plain = Plain(f"http://127.0.0.1:{port}")
        wait_for(lambda: _is_up(plain), what="the plain hub", seconds=60)
        plain.hub.post("/users/ann").raise_for_status()
        yield plain
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(timeout=60)
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()


def _is_up(plain: Plain) -> bool:
    try:
        return plain.hub.get("/").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _timed(act: object, name: str) -> float:
    began = time.perf_counter()
    act(name)  # type: ignore[operator]
    return time.perf_counter() - began


def _memory(stack: LocalStack, ours: Ours) -> list[Row]:
    service = _find(stack, "ovh_spawner.service")
    at_rest = memory_of(service)
    ours.start("memory")
    gateway = _find(stack, "ovh_spawner.gateway")
    rows = [
        Row("memory of the service at rest (USS)", "–", "–", "< 120 MB", f"{at_rest:.0f} MiB"),
        Row("memory of a gateway (USS)", "–", "–", "< 60 MB", f"{memory_of(gateway):.0f} MiB"),
    ]
    ours.stop("memory")
    return rows


def _find(stack: LocalStack, module: str) -> int:
    for process in psutil.Process(stack.process.pid).children(recursive=True):
        if module in " ".join(process.cmdline()):
            return process.pid
    # A gateway is the hub's child in a session of its own; the hub is the supervisor's.
    raise RuntimeError(f"there is no {module}")


def measure(scale: str) -> list[Row]:
    """Start and stop a notebook without data, ours and JupyterHub's own in turn."""
    times: dict[str, list[float]] = {"start": [], "stop": [], "plain start": [], "plain stop": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with local_stack(folder / "ours") as stack, _plain_hub(folder) as plain:
            ours = Ours(stack.sign_in("ann"))
            for number in range(ROUNDS[scale] + 1):
                lap = {
                    "start": _timed(ours.start, f"nb-bench{number}"),
                    "stop": _timed(ours.stop, f"nb-bench{number}"),
                    "plain start": _timed(plain.start, f"nb-bench{number}"),
                    "plain stop": _timed(plain.stop, f"nb-bench{number}"),
                }
                for what, took in lap.items() if number else ():
                    times[what].append(took)
            memory = _memory(stack, ours)
    rows = [
        Row(
            f"{what} of a notebook without data",
            "SimpleLocalProcessSpawner, same JupyterLab",
            ratio(times[what], times[f"plain {what}"]),
            "≤ 1.10",
            f"{seconds(times[what])} against {seconds(times[f'plain {what}'])}",
        )
        for what in ("start", "stop")
    ]
    return rows + memory
