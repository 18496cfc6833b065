"""The real hub service for pods, as a process of its own on SQLite, which tests kill and start again."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet
from ruamel.yaml import YAML

from ovh_spawner.constants import ENV_ENCRYPTION_KEYS, ENV_INTERNAL_TOKEN, ENV_SERVICE_TOKEN
from ovh_spawner.loopback import free_port
from tests.support.fake_service import INTERNAL_TOKEN
from tests.support.kubernetes.hub_process import SERVICE_TOKEN, HubProcess
from tests.support.kubernetes.server import MisbehavingApiServer
from tests.support.waiting import wait_for


class ServiceProcess:
    """One service over any number of lives, and a look into its ledger."""

    def __init__(self, folder: Path, api: MisbehavingApiServer, *, hub_port: int) -> None:
        self.folder, self.port, self.key = folder, free_port(), Fernet.generate_key().decode()
        self.process: subprocess.Popen[bytes] | None = None
        api.write_kubeconfig(folder / "kubeconfig")
        settings = HubProcess.settings_of(self.url)
        settings["service"] |= {
            "port": self.port,
            "hubApiUrl": f"http://127.0.0.1:{hub_port}/hub/api",
            "reconcileSeconds": 1,
        }
        settings["database"] = {"url": f"sqlite+aiosqlite:///{folder}/ledger.sqlite"}
        YAML().dump(settings, folder / "settings.yaml")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = {
            ENV_SERVICE_TOKEN: SERVICE_TOKEN,
            ENV_INTERNAL_TOKEN: INTERNAL_TOKEN,
            ENV_ENCRYPTION_KEYS: self.key,
            "KUBECONFIG": str(self.folder / "kubeconfig"),
        }
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ovh_spawner.service", "--settings", self.folder / "settings.yaml"],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for(self._answers, what="the service to answer")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)

    def said(self) -> str:
        return (self.folder / "service.log").read_text(errors="replace")

    def runs(self, user: str) -> list[dict[str, Any]]:
        """Return a person's runs as the ledger has them, oldest first."""
        query = "select * from runs where owner = ? order by created_at"
        with sqlite3.connect(self.folder / "ledger.sqlite", timeout=30) as ledger:
            ledger.row_factory = sqlite3.Row
            found = [dict(row) for row in ledger.execute(query, (user,))]
        ledger.close()
        return found

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the service ended\n{self.said()[-4000:]}"
        try:
            return httpx.get(f"{self.url}/services/ai/health", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False
