"""A gateway as a process of its own, and browsers that use it."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import aiohttp
import psutil

from ovh_spawner.contract.base import dump_private
from ovh_spawner.contract.local import RUN_VARIABLE, EditorProcess, GatewayConfig
from ovh_spawner.loopback import free_port
from tests.gateway.fake_service import FakeService
from tests.support.ordinary_rights import ordinary_rights
from tests.support.waiting import wait_for

FAKE_EDITOR = Path(__file__).with_name("fake_editor.py")
PREFIX = "/user/ada@uni/nb-abcdefghijkl/"
PAGE = {"Accept": "text/html,*/*", "Sec-Fetch-Mode": "navigate"}
"""What a browser sends when a person goes to an address."""
HUB_SESSION = {"jupyterhub-session-id": "somebody"}
"""The cookie of a browser that is signed in at the hub."""


class Gateway:
    """One running gateway, its folder and its fake service."""

    def __init__(
        self, folder: Path, service: FakeService, *, editor=None, prefix=PREFIX, strip=False, **settings
    ):
        self.service = service
        self.prefix = prefix
        self.folder = folder
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.origin}{prefix}"
        # Short, because a socket's path may have 107 bytes.
        self.sockets = Path(tempfile.mkdtemp(prefix="gw"))
        self.config = GatewayConfig(
            notebook=service.notebook,
            run=service.run,
            prefix=prefix,
            port=self.port,
            service_url=service.url,
            service_prefix="/services/ai/",
            gateway_token=service.token,
            cookie_key=settings.pop("cookie_key", "k" * 32),
            run_folder=str(folder),
            editor=editor(self) if editor else self.fake_editor(strip=strip),
            **{"heartbeat_seconds": 0.2, "policy_seconds": 0.3, "stop_seconds": 2.0, **settings},
        )
        self.file = folder / "gateway.json"
        self.file.touch(mode=0o600)
        self.file.write_text(dump_private(self.config))
        self.output = (folder / "gateway.log").open("wb")
        self.process: subprocess.Popen | None = None

    def fake_editor(self, *, strip=False, ready_file="", port=0) -> EditorProcess:
        address = str(port or self.sockets / "editor.sock")
        return EditorProcess(
            command=[sys.executable, str(FAKE_EDITOR), address, "/" if strip else self.prefix, ready_file],
            folder=str(self.folder),
            environment={
                "PATH": os.environ["PATH"],
                RUN_VARIABLE: str(self.service.run),
                "CHOSEN": "by the user",
            },
            socket="" if port else address,
            port=port,
            strip_prefix=strip,
            probe_path="probe",
            name="Fake editor",
        )

    def start(self, *, ready=True) -> "Gateway":
        self.process = subprocess.Popen(
            [*ordinary_rights(), sys.executable, "-m", "ovh_spawner.gateway", str(self.file)],
            env={**os.environ, "GATEWAY_ONLY": "secret", RUN_VARIABLE: str(self.service.run)},
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if ready:
            wait_for(lambda: self.probe() == 200, what="the gateway to be ready", seconds=60)
        return self

    def probe(self) -> int:
        """As the hub looks whether the server is up: without any credential."""
        try:
            with urllib.request.urlopen(f"{self.url}api", timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            assert self.process.poll() is None, self.log()
            return 0

    def answer_to_nobody(self) -> int:
        """Ask for a page as nobody: then the gateway looks at its policy, when that is old."""
        try:
            with urllib.request.urlopen(f"{self.url}x", timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def log(self) -> str:
        return (self.folder / "gateway.log").read_text()

    def end_record(self) -> dict:
        return json.loads((self.folder / "end.json").read_text())

    def stop(self, number=signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def leftovers(self) -> list[psutil.Process]:
        """Every living process of the run but the gateway."""
        marked = []
        for process in psutil.process_iter():
            try:
                mine = process.environ().get(RUN_VARIABLE) == str(self.service.run)
                if mine and process.pid != self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    marked.append(process)
            except (psutil.Error, OSError):
                continue
        return marked

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        for process in self.leftovers() if self.process is not None else []:
            process.kill()
        self.output.close()
        shutil.rmtree(self.sockets, ignore_errors=True)


def new_service() -> FakeService:
    return FakeService(uuid4(), uuid4(), secrets.token_urlsafe(16))


@contextmanager
def running_gateway(folder: Path, *, ready=True, started=True, **settings):
    with new_service() as service:
        gateway = Gateway(folder, service, **settings)
        try:
            yield gateway.start(ready=ready) if started else gateway
        finally:
            gateway.close()


def browser(**settings) -> aiohttp.ClientSession:
    """Return a client that keeps cookies like a browser, for addresses without names too."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True, quote_cookie=False), **settings)


async def begin_sign_in(client: aiohttp.ClientSession, address: str) -> dict[str, str]:
    """Go to an address as nobody; return what the gateway asks of the service."""
    async with client.get(address, headers=PAGE, cookies=HUB_SESSION, allow_redirects=False) as answer:
        assert answer.status == 302, await answer.text()
        location = urlsplit(answer.headers["Location"])
        return {"path": location.path, **{key: value[0] for key, value in parse_qs(location.query).items()}}


def come_back(client: aiohttp.ClientSession, gateway: Gateway, *, code: str, state: str):
    """Return from the service, as it redirects browsers."""
    parameters = {"code": code, "state": state}
    address = f"{gateway.url}_ovh/callback"
    return client.get(address, params=parameters, headers=PAGE, allow_redirects=False)


async def sign_in(
    client: aiohttp.ClientSession, gateway: Gateway, user: str = "ada", *, path: str = ""
) -> str:
    """Sign in all the way; return where the gateway sends the browser at last."""
    asked = await begin_sign_in(client, f"{gateway.url}{path}")
    code = gateway.service.code_for(user)
    async with come_back(client, gateway, code=code, state=asked["state"]) as answer:
        assert answer.status == 302, await answer.text()
        return answer.headers["Location"]


def is_uuid(text: str) -> bool:
    return str(UUID(text)) == text
