"""Real hubs with our spawner and authenticator, a mute proxy, fake gateways and data syncs; and people."""

import asyncio
import re
import sys
from pathlib import Path

import httpx

from ovh_spawner.domain.capabilities import Capabilities, Editor
from ovh_spawner.hub.configuration import TEMPLATES
from ovh_spawner.loopback import free_port
from ovh_spawner.settings import LocalSettings, ServiceSettings, Settings
from tests.support.fake_service import INTERNAL_TOKEN

PASSWORD = "a long password"
ADMIN_PASSWORD = "an even longer password, for admins only"
SUPPORT = Path(__file__).parent


def fake_editor(*command: str, editor: str = "fake") -> Editor:
    return Editor(
        id=editor, name="Fake editor", description="", doc_url="", logo_url="", versions=("1",),
        command=command or ("run",), probe_path="api", strip_prefix=False,
    )  # fmt: skip


def fake_capabilities(*command: str) -> Capabilities:
    return Capabilities("GRA", "EUR", (fake_editor(*command),), (), ())


def hub_config(service_url: str, state: Path, *editor_command: str, **spawner) -> dict:
    settings = Settings(
        service=ServiceSettings(url=service_url), local=LocalSettings(state_folder=str(state))
    )
    return {
        "JupyterHub": {
            "bind_url": "http://127.0.0.1:0/",
            "hub_port": free_port(),
            "proxy_class": "tests.support.mute_proxy.MuteProxy",
            "authenticator_class": "ovh_spawner.hub.authenticator.OVHAuthenticator",
            "spawner_class": "ovh_spawner.hub.local_spawner.OVHLocalSpawner",
            "allow_named_servers": True,
            "template_paths": [str(TEMPLATES)],
            "tornado_settings": {"slow_spawn_timeout": 90},
            "cleanup_servers": True,
            # By default it is put into the current folder.
            "cookie_secret_file": str(state / "jupyterhub_cookie_secret"),
        },
        "OVHAuthenticator": {
            "user_password": PASSWORD,
            "admin_password": ADMIN_PASSWORD,
            "admin_users": {"boss"},
            "allow_all": True,
        },
        "OVHLocalSpawner": {
            "settings": settings,
            "internal_token": INTERNAL_TOKEN,
            "capabilities": fake_capabilities(*editor_command),
            "gateway_command": [sys.executable, str(SUPPORT / "fake_gateway.py")],
            "datasync_command": [sys.executable, str(SUPPORT / "fake_datasync.py")],
            "stop_grace_seconds": 10.0,
            **spawner,
        },
    }


class Person:
    """Somebody with a browser, signed in at a hub."""

    def __init__(self, hub, name: str) -> None:
        self.hub = hub
        self.name = name
        self.root = f"http://127.0.0.1:{hub.hub.port}"
        self.browser = httpx.AsyncClient(base_url=self.root, timeout=120, trust_env=False)

    async def sign_in(self) -> "Person":
        page = await self.browser.get("/hub/login")
        password = ADMIN_PASSWORD if self.name == "boss" else PASSWORD
        answer = await self.browser.post(
            "/hub/login", data={"username": self.name, "password": password, "_xsrf": xsrf(page.text)}
        )
        assert answer.status_code == 302, answer.text
        return self

    async def get(self, path: str, **kwargs) -> httpx.Response:
        return await self.browser.get(path, **kwargs)

    async def post_form(self, path: str, fields: dict, *, page: str | None = None) -> httpx.Response:
        shown = await self.browser.get(page or path)
        return await self.browser.post(path, data={"_xsrf": xsrf(shown.text), **fields})

    @property
    def user(self):
        return next(u for u in self.hub.users.values() if u.name == self.name)

    def token(self) -> str:
        return self.user.new_api_token()

    async def api(self, method: str, path: str, **kwargs) -> httpx.Response:
        async with httpx.AsyncClient(base_url=self.root, timeout=120, trust_env=False) as client:
            headers = {"Authorization": f"Bearer {self.token()}"}
            return await client.request(method, f"/hub/api/{path}", headers=headers, **kwargs)

    def server(self, name: str) -> str:
        return f"users/{self.name}/servers/{name}"

    def row(self, name: str):
        return self.user.orm_user.orm_spawners[name]


def xsrf(html: str) -> str:
    found = re.search(r'name="_xsrf"\s+value="([^"]+)"', html) or re.search(r'xsrf_token: "([^"]+)"', html)
    return found[1] if found else ""


async def until(look, *, what: str, seconds: float = 90.0):
    """Wait for a state: return the first true answer of ``look``."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not (found := look()):
        assert loop.time() < deadline, f"waited {seconds:.0f} s for {what}"
        await asyncio.sleep(0.05)
    return found
