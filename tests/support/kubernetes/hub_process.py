"""A hub of pods as a process of its own, which tests kill and start again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from ovh_spawner.loopback import free_port
from tests.support.kubernetes.server import NAMESPACE, MisbehavingApiServer
from tests.support.stack import CHECKOUT
from tests.support.waiting import wait_for

TOKEN = "a-token-of-the-test-that-is-long-enough"
SERVICE_TOKEN = "a-token-of-the-service-that-is-long-enough"


class HubProcess:
    """One installation's hub, over any number of lives."""

    def __init__(self, folder: Path, api: MisbehavingApiServer, service_url: str, **settings: Any) -> None:
        self.folder, self.api = folder, api
        self.port = settings.setdefault("port", free_port())
        self.process: subprocess.Popen[bytes] | None = None
        api.write_kubeconfig(folder / "kubeconfig")
        told = {
            "settings": self.settings_of(service_url),
            "token": TOKEN,
            "service_token": SERVICE_TOKEN,
            "has_fake_catalog": True,
            "patience": 0.5,
            "spawner": {},
            "reflector": {},
        } | settings
        (folder / "hub.json").write_text(json.dumps(told))
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/hub/api/",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=60,
            trust_env=False,
        )

    @staticmethod
    def settings_of(service_url: str) -> dict[str, Any]:
        """Return the installation's settings, as the file has them."""
        return {
            "deployment": {"mode": "kubernetes"},
            "service": {"url": service_url},
            "kubernetes": {"namespace": NAMESPACE, "stopGraceSeconds": 60},
        }

    def start(self) -> None:
        with (self.folder / "hub.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "jupyterhub",
                    "-f",
                    CHECKOUT / "tests/support/kubernetes/hub_config.py",
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={
                    **os.environ,
                    "KUBECONFIG": str(self.folder / "kubeconfig"),
                    "PYTHONPATH": str(CHECKOUT),
                    "POD_NAMESPACE": "notebooks",
                },
            )
        wait_for(self._is_up, what="the hub to answer")

    def kill(self) -> None:
        """End the hub at once, as a lost node does."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """End the hub as an upgrade does."""
        self.process.send_signal(signal.SIGTERM)
        wait_for(lambda: self.process.poll() is not None, what="the hub to end")

    def close(self) -> None:
        self.client.close()
        if self.process and self.process.poll() is None:
            self.kill()

    def said(self) -> str:
        return (self.folder / "hub.log").read_text(errors="replace")

    def ask(self, method: str, user: str, server: str = "nb-one", **body: Any) -> httpx.Response:
        """Stop (DELETE), or remove, a server."""
        path = f"users/{user}/servers/{server}"
        return self.client.request(method, path, json=body or None)

    def begin(self, user: str, server: str = "nb-one", **options: Any) -> httpx.Response:
        """Make the person, and order a start."""
        self.client.post(f"users/{user}")
        return self.client.post(f"users/{user}/servers/{server}", json=options)

    def server(self, user: str, server: str = "nb-one") -> dict[str, Any]:
        """Return what the hub says of a server; empty when it is stopped."""
        answer = self.client.get(f"users/{user}")
        answer.raise_for_status()
        return answer.json()["servers"].get(server, {})

    def pending(self, user: str) -> str:
        return (self.server(user)).get("pending") or ""

    def progress(self, user: str, server: str = "nb-one") -> list[str]:
        """Return the lines of the progress page, from now until the start ends."""
        return list(self.progress_of(user, server))

    def progress_until(self, user: str, words: str, server: str = "nb-one") -> str:
        """Return the first line of the progress page with these words."""
        for line in self.progress_of(user, server):
            if words in line.lower():
                return line
        raise AssertionError(f"the start ended without {words!r}")

    def progress_of(self, user: str, server: str = "nb-one") -> Iterator[str]:
        """Yield the lines of the progress page as they come, from now until the start ends."""
        with self.client.stream("GET", f"users/{user}/servers/{server}/progress", timeout=120) as answer:
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    event = json.loads(line.removeprefix("data:"))
                    yield event.get("message", "")
                    if event.get("ready") or event.get("failed"):
                        return

    def failure(self, user: str) -> str:
        """Return the words with which the last start failed."""
        return self.progress(user)[-1]

    def wait_for_ready(self, user: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.server(user)
            return found if found.get("ready") else None

        return wait_for(look, what=f"{user}'s server to be ready")

    def wait_for_stopped(self, user: str) -> None:
        def look() -> bool:
            found = self.server(user)
            return not found.get("ready") and not found.get("pending")

        wait_for(look, what=f"{user}'s server to be stopped")

    def _is_up(self) -> bool:
        assert self.process.poll() is None, f"the hub ended\n{self.said()[-4000:]}"
        try:
            return (self.client.get("")).status_code == 200
        except httpx.TransportError:
            return False
