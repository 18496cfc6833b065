"""A real OpenStack Keystone for tests: Debian's, on SQLite, with an administrator and the roles that it begins with.

It needs the package python3-keystone, which brings Swift's part of the sign-in and starts nothing by itself; where it
is missing, :func:`keystone_is_installed` says so and tests skip.
"""

import base64
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path

import httpx

from ovh_spawner.loopback import free_port
from tests.support.swift_server import SignIn, answers, server_process

REGION = "Test Region"
ADMINISTRATOR, PASSWORD = "admin", "keystone-admin-secret"
USERS_KEY = "keystone-users-secret"
DEFAULT = "default"
"""The id of the first domain, which is named Default."""


def keystone_is_installed() -> bool:
    return all(shutil.which(name) for name in ("keystone-manage", "keystone-wsgi-public"))


class Keystone:
    """Where it answers, and how its administrator adds to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v3"
        self.log = folder / "keystone.log"

    @property
    def conf(self) -> Path:
        return self.folder / "keystone.conf"

    def write_conf(self) -> None:
        folder = self.folder
        self.conf.write_text(
            f"[database]\nconnection = sqlite:///{folder}/keystone.sqlite\nsqlite_synchronous = false\n"
            f"[fernet_tokens]\nkey_repository = {folder}/tokens\n"
            f"[fernet_receipts]\nkey_repository = {folder}/tokens\n"
            f"[credential]\nkey_repository = {folder}/credentials\n"
            "[token]\nprovider = fernet\n[identity]\npassword_hash_rounds = 4\n"
        )

    def make_database(self) -> None:
        # Keystone reads while it writes, which SQLite lets it do in this mode only.
        with closing(sqlite3.connect(self.folder / "keystone.sqlite")) as database:
            database.execute("PRAGMA journal_mode=WAL")
        self.manage("db_sync")

    def manage(self, *arguments: str) -> None:
        """Run Keystone's own set-up program."""
        done = subprocess.run(
            ["keystone-manage", "--config-file", str(self.conf), *arguments],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "OS_BOOTSTRAP_PASSWORD": PASSWORD},
        )
        assert done.returncode == 0, done.stderr[-2000:]

    def new_keys(self) -> None:
        """Write the key that tokens are made with; those of an earlier one end at once."""
        keys = self.folder / "tokens"
        keys.mkdir(mode=0o700, exist_ok=True)
        for name in ("0", "1"):
            key = keys / f"{name}.new"
            key.write_bytes(base64.urlsafe_b64encode(os.urandom(32)))
            key.replace(keys / name)
        self.__dict__.pop("_token", None)

    def sign_in(self) -> SignIn:
        """Return what a Swift proxy asks this Keystone."""
        return SignIn(
            "authtoken keystoneauth",
            "[filter:authtoken]\npaste.filter_factory = keystonemiddleware.auth_token:filter_factory\n"
            f"www_authenticate_uri = {self.url}\nauth_url = {self.url}\nauth_type = password\n"
            f"username = {ADMINISTRATOR}\npassword = {PASSWORD}\nproject_name = admin\n"
            "user_domain_name = Default\nproject_domain_name = Default\n"
            "interface = public\ndelay_auth_decision = true\ncache = swift.cache\n"
            "[filter:keystoneauth]\nuse = egg:swift#keystoneauth\noperator_roles = admin, member\n",
        )

    def add_swift(self, port: int) -> None:
        """Say where the Swift of the region answers."""
        service = self._add("service", type="object-store", name="swift")
        url = f"http://127.0.0.1:{port}/v1/AUTH_$(project_id)s"
        self._add("endpoint", service_id=service, interface="public", region=REGION, url=url)

    def add_domain(self, name: str) -> str:
        """Add a domain and return its id."""
        return self._add("domain", name=name)

    def add_project(self, name: str, *, domain: str = DEFAULT) -> str:
        """Add a project and return its id."""
        return self._add("project", name=name, domain_id=domain)

    def add_user(self, name: str, *, project: str, role: str = "member", domain: str = DEFAULT) -> None:
        """Add somebody with a role in a project."""
        user = self._add("user", name=name, password=USERS_KEY, domain_id=domain)
        self._send("PUT", f"projects/{project}/users/{user}/roles/{self._roles[role]}")

    def _add(self, kind: str, **facts: str) -> str:
        return self._send("POST", f"{kind}s", {kind: facts}).json()[kind]["id"]

    @cached_property
    def _roles(self) -> dict[str, str]:
        return {role["name"]: role["id"] for role in self._send("GET", "roles").json()["roles"]}

    @cached_property
    def _token(self) -> str:
        place = {"name": "Default"}
        user = {"name": ADMINISTRATOR, "password": PASSWORD, "domain": place}
        auth = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "admin", "domain": place}},
        }
        return self._ask("POST", "auth/tokens", {"auth": auth}).headers["X-Subject-Token"]

    def _send(self, method: str, path: str, body: object = None) -> httpx.Response:
        return self._ask(method, path, body, {"X-Auth-Token": self._token})

    def _ask(
        self, method: str, path: str, body: object, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        url = f"{self.url}/{path}"
        answer = httpx.request(method, url, json=body, headers=headers, timeout=60, trust_env=False)
        assert answer.is_success, answer.text
        return answer


@contextmanager
def keystone_server(folder: Path) -> Iterator[Keystone]:
    """Run a Keystone that keeps all in a folder."""
    keystone = Keystone(folder)
    keystone.write_conf()
    keystone.new_keys()
    keystone.make_database()
    keystone.manage("bootstrap", "--bootstrap-public-url", keystone.url, "--bootstrap-region-id", REGION)
    command = ["keystone-wsgi-public", "--host", "127.0.0.1", "--port", str(keystone.port)]
    env = {"OS_KEYSTONE_CONFIG_FILES": str(keystone.conf), "PYTHONUNBUFFERED": "1"}
    with server_process(command, keystone.log, env=env):
        answers(keystone.port, seconds=180)
        yield keystone
