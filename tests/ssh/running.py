"""The SSH endpoint as a process, a notebook behind a real gateway, and people with the real OpenSSH client."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ovh_spawner.cli.ssh_host_key import keep_host_key
from ovh_spawner.contract.local import EditorProcess
from ovh_spawner.contract.ssh import beside_editor, key_text, tunnel_token
from ovh_spawner.hub.editor import SSH_LISTENER
from ovh_spawner.loopback import free_port
from tests.gateway.running import Gateway, running_gateway
from tests.ssh.fake_service import TOKEN, FakeService
from tests.support.ordinary_rights import ordinary_rights
from tests.support.requirements import need
from tests.support.waiting import wait_for

PROGRAMS = ("ssh", "scp", "sftp", "ssh-keygen", "ssh-agent", "ssh-add")

BANNER = "Welcome to the notebooks of this test!"


def need_openssh() -> None:
    """Skip a test on a machine without the OpenSSH client."""
    need("openssh", all(shutil.which(program) for program in PROGRAMS), "the OpenSSH client")


@dataclass(frozen=True)
class Key:
    """Somebody's key pair."""

    file: Path

    @classmethod
    def new(cls, folder: Path, name: str) -> "Key":
        need_openssh()
        folder.mkdir(exist_ok=True)
        file = folder / name
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name}@home", "-f", file], check=True
        )
        return cls(file)

    @property
    def public(self) -> str:
        return key_text(self.file.with_suffix(".pub").read_text())


class Endpoint:
    """One running endpoint."""

    def __init__(self, folder: Path, service: FakeService) -> None:
        folder.mkdir(exist_ok=True)
        self.service = service
        self.folder = folder
        self.port = free_port()
        self.known_hosts = folder / "known_hosts"
        self.process: subprocess.Popen[bytes] | None = None
        keep_host_key(folder / "ssh_host_key")
        settings = {
            "ssh": {
                "enabled": True,
                "port": self.port,
                "hostKeyFile": str(folder / "ssh_host_key"),
                "checkSeconds": 0.3,
                "banner": BANNER,
            },
            "service": {"url": service.url},
        }
        YAML().dump(settings, folder / "settings.yaml")

    def start(self) -> None:
        with (self.folder / "endpoint.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *ordinary_rights(),
                    sys.executable,
                    "-m",
                    "ovh_spawner.ssh",
                    "--settings",
                    self.folder / "settings.yaml",
                ],
                env={**os.environ, "OVH_SPAWNER_SSH_TOKEN": TOKEN, "ENDPOINT_ONLY": "secret"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._listens, what="the endpoint to listen")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def log(self) -> str:
        return (self.folder / "endpoint.log").read_text()

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.log()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Person:
    """Somebody with an SSH client, whose own settings and agent the tests do not use."""

    def __init__(self, endpoint: Endpoint, key: Key, notebook: str) -> None:
        self.endpoint, self.key, self.notebook = endpoint, key, notebook

    @property
    def options(self) -> list[str]:
        chosen = {
            "UserKnownHostsFile": self.endpoint.known_hosts,
            "StrictHostKeyChecking": "accept-new",
            "IdentityFile": self.key.file,
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "BatchMode": "yes",
            "ServerAliveInterval": "0",
        }
        return ["-F", "none", *(word for name, value in chosen.items() for word in ("-o", f"{name}={value}"))]

    def command(self, *words: str, user: str | None = None, more: tuple[str, ...] = ()) -> list[str]:
        address = f"{self.notebook if user is None else user}@127.0.0.1"
        # Of an option that is given twice, ssh takes the first.
        return ["ssh", *more, *self.options, "-p", str(self.endpoint.port), address, *words]

    def ssh(self, *words: str, **keywords: Any) -> subprocess.CompletedProcess[bytes]:
        given = {name: keywords.pop(name) for name in ("user", "more") if name in keywords}
        keywords.setdefault("input", b"")
        command = self.command(*words, **given)
        return subprocess.run(command, capture_output=True, check=False, timeout=60, **keywords)

    def run(self, program: str, *words: str, **keywords: Any) -> subprocess.CompletedProcess[bytes]:
        """Run scp or sftp; ``{}`` in a word is the notebook's address."""
        address = f"{self.notebook}@127.0.0.1"
        command = [program, *self.options, "-P", str(self.endpoint.port)]
        command += [word.replace("{}", address) for word in words]
        return subprocess.run(command, capture_output=True, check=False, timeout=60, **keywords)

    def open(self, *words: str, more: tuple[str, ...] = (), **keywords: Any) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(*words, more=more), stdin=pipe, stdout=pipe, stderr=pipe, **keywords
        )


def editor_with_ssh(gateway: Gateway) -> EditorProcess:
    """Return the fake editor with an SSH server left behind beside it, as spawners start theirs."""
    editor = gateway.fake_editor()
    workspace = gateway.folder / "workspace"
    workspace.mkdir()
    listener = str(gateway.sockets / "ssh.sock")
    command = beside_editor(editor.command, python=sys.executable, listener=SSH_LISTENER, socket=listener)
    variables = {"HOME": str(workspace), "SHELL": "/bin/bash", "LANG": "C.UTF-8", "USER": "ada"}
    return editor.model_copy(
        update={
            "command": command,
            "folder": str(workspace),
            "ssh_socket": listener,
            "environment": editor.environment | variables,
        }
    )


def let_in(service: FakeService, gateway: Gateway, *keys: Key) -> str:
    """Tell the service of a running notebook with these keys; return its id."""
    config, notebook = gateway.config, str(gateway.config.notebook)
    service.keys[notebook] = [key.public for key in keys]
    service.ways[notebook] = {
        "run": str(config.run),
        "address": f"127.0.0.1:{gateway.port}",
        "prefix": gateway.prefix,
        "token": tunnel_token(config.cookie_key.get_secret_value(), config.run),
    }
    return notebook


@contextmanager
def running_endpoint(folder: Path) -> Iterator[Endpoint]:
    with FakeService() as service:
        endpoint = Endpoint(folder, service)
        try:
            endpoint.start()
            yield endpoint
        finally:
            if endpoint.process and endpoint.process.poll() is None:
                endpoint.stop()


@contextmanager
def running_notebook(folder: Path, **settings: Any) -> Iterator[Gateway]:
    folder.mkdir(exist_ok=True)
    with running_gateway(folder, editor=editor_with_ssh, **settings) as gateway:
        yield gateway
