"""The whole local installation, started by its own command, and people who use it over HTTP."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from ovh_spawner.loopback import free_port
from tests.support.ordinary_rights import ordinary_rights
from tests.support.waiting import wait_for

CHECKOUT = Path(__file__).parents[2]
TOOLS = CHECKOUT / ".tools"


class Person(httpx.Client):
    """Somebody with a browser's cookies, and a token for the APIs."""

    def __init__(self, stack: "LocalStack", name: str) -> None:
        browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        super().__init__(base_url=stack.url, follow_redirects=True, timeout=60, headers=browser)
        self.name = name
        self.stack = stack
        self._token = ""

    @classmethod
    def signed_in(cls, stack: "LocalStack", name: str) -> "Person":
        """Return somebody who has come in by the sign-in page; the installation closes them at its end."""
        person = cls(stack, name)
        stack.people.append(person)
        answer = person.sign_in(stack.password)
        assert answer.status_code == 200, answer.text
        return person

    @property
    def xsrf(self) -> str:
        """The token that a page's own forms would send."""
        page = self.get("/hub/token")
        return re.search(r'xsrf_token:\s*"([^"]+)"', page.text).group(1)

    def sign_in(self, password: str) -> httpx.Response:
        page = self.get("/hub/login")
        xsrf = re.search(r'name="_xsrf"\s+value="([^"]+)"', page.text).group(1)
        return self.post(
            "/hub/login",
            params={"next": "/hub/home"},
            data={"username": self.name, "password": password, "_xsrf": xsrf},
        )

    @property
    def token(self) -> str:
        if not self._token:
            answer = self.post(
                f"/hub/api/users/{self.name}/tokens", params={"_xsrf": self.xsrf}, json={"note": "test"}
            )
            assert answer.status_code == 201, answer.text
            self._token = answer.json()["token"]
        return self._token

    def api(self, method: str, path: str, **keywords: Any) -> httpx.Response:
        """Call the service's API with a token and no cookies."""
        return httpx.request(
            method,
            f"{self.stack.url}/services/ai/v1/{path}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
            **keywords,
        )

    def hub_api(self, method: str, path: str, **keywords: Any) -> httpx.Response:
        """Call JupyterHub's own API with a token and no cookies."""
        return httpx.request(
            method,
            f"{self.stack.url}/hub/api/{path}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
            **keywords,
        )

    def state(self, notebook: str) -> str:
        answer = self.api("GET", f"notebook/{notebook}")
        return answer.json()["status"]["state"] if answer.status_code == 200 else f"HTTP {answer.status_code}"

    def wait_for_state(self, notebook: str, *wanted: str, seconds: float = 180) -> dict[str, Any]:
        """Wait until the notebook is in one of the states; fail at once where it went wrong instead."""

        def look() -> dict[str, Any] | None:
            answer = self.api("GET", f"notebook/{notebook}").raise_for_status().json()
            state = answer["status"]["state"]
            if state in {"FAILED", "ERROR", "SYNC_FAILED"} and state not in wanted:
                raise AssertionError(
                    f"the notebook is {state}: {answer['status']['info']}\n{self.stack.logs()}"
                )
            return answer if state in wanted else None

        return wait_for(look, what=f"{notebook} to be {' or '.join(wanted)}", seconds=seconds)


@dataclass
class LocalStack:
    """A running installation in a folder of its own."""

    state: Path
    port: int = field(default_factory=free_port)
    changes: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    people: list[Person] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def store(self) -> Path:
        """The demo store's folder: its sub-folders are the buckets."""
        return self.state / "store"

    @property
    def secrets(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in (self.state / "secrets.env").read_text().splitlines())

    @property
    def password(self) -> str:
        return self.secrets["OVH_SPAWNER_SIGN_IN_PASSWORD"]

    def start(self) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        settings = self.state / "given.yaml"
        YAML().dump(self._settings(), settings)
        with (self.state / "supervisor.log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *ordinary_rights(),
                    sys.executable,
                    "-m",
                    "ovh_spawner.cli",
                    "local",
                    "--settings",
                    settings,
                    "--port",
                    str(self.port),
                ],
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "TERM": "dumb"},
            )
        wait_for(self._is_ready, what="the installation to be ready", seconds=240)

    def stop(self) -> None:
        while self.people:
            self.people.pop().close()
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=240)

    def sign_in(self, name: str) -> Person:
        return Person.signed_in(self, name)

    def said(self) -> str:
        return (self.state / "supervisor.log").read_text(errors="replace")

    def logs(self, lines: int = 40) -> str:
        ends = {p.name: p.read_text(errors="replace") for p in sorted((self.state / "logs").glob("*.log"))}
        parts = [f"--- {name}\n" + "\n".join(text.splitlines()[-lines:]) for name, text in ends.items()]
        return "\n".join([self.said(), *parts])

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the supervisor ended ({self.process.returncode})\n{self.logs()}")
        return "Ready:" in self.said()

    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "service": {"reconcileSeconds": 1, "heartbeatSeconds": 2},
            "ssh": {"enabled": True, "checkSeconds": 1},
            "access": {"openNotebooks": "allowed"},
            "signIn": {"applicationTokens": True},
            "local": {
                "stateFolder": str(self.state),
                "environmentsFolder": str(TOOLS / "environments"),
                "vscodeFolder": str(TOOLS / "vscode"),
                "simulatedGpus": 4,
            },
        }
        for block, values in self.changes.items():
            settings[block] = settings.get(block, {}) | values
        return settings


@contextmanager
def local_stack(state: Path, **changes: Any) -> Iterator[LocalStack]:
    """Start an installation, and end it at the end."""
    stack = LocalStack(state, changes=changes)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
