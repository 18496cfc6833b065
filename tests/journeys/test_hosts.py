"""A host for each person: what browsers keep apart then, on a real hub with its real proxy."""

import asyncio
import re
import socket
import ssl
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver
from yarl import URL

from ovh_spawner.loopback import free_port
from tests.support.stack import LocalStack
from tests.support.tls_proxy import certificate, tls_proxy

pytestmark = pytest.mark.journey

PAGE = {"Accept": "text/html,*/*", "Sec-Fetch-Mode": "navigate"}
SPEC = {
    "name": "hosted",
    "env": {"editorId": "jupyterlab", "frameworkId": "conda"},
    "resources": {"flavor": "ai1-1-cpu", "cpu": 1},
}


class ThisMachine(AbstractResolver):
    """Every name is this machine, as a wildcard in DNS makes it."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": 0,
            }
        ]

    async def close(self):
        pass


class Hosts:
    """An installation behind https, with its certificate."""

    def __init__(self, stack, url, pem):
        self.stack, self.url = stack, url
        self.context = ssl.create_default_context(cafile=pem)

    def at(self, host, path=""):
        return str(URL(self.url).with_host(host)).rstrip("/") + path


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    port, public = free_port(), free_port()
    pem = certificate(tmp_path_factory.mktemp("tls"), "hub.test")
    url = f"https://hub.test:{public}"
    deployment = {"publicUrl": url, "subdomains": True}
    stack = LocalStack(tmp_path_factory.mktemp("local"), port=port, changes={"deployment": deployment})
    with tls_proxy(public, port, pem):
        try:
            stack.start()
            yield Hosts(stack, url, pem)
        finally:
            stack.stop()


@asynccontextmanager
async def signed_in(hosts, name):
    hub = hosts.url
    connector = aiohttp.TCPConnector(resolver=ThisMachine(), ssl=hosts.context)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(60)) as client:
        async with client.get(f"{hub}/hub/login", headers=PAGE) as answer:
            xsrf = re.search(r'name="_xsrf"\s+value="([^"]+)"', await answer.text())[1]
        form = {"username": name, "password": hosts.stack.password, "_xsrf": xsrf}
        async with client.post(f"{hub}/hub/login?next=/hub/home", data=form, headers=PAGE) as answer:
            assert answer.status == 200, await answer.text()
        yield client


async def token_of(client, hosts, name):
    hub = hosts.url
    async with client.get(f"{hub}/hub/token", headers=PAGE) as answer:
        xsrf = re.search(r'xsrf_token:\s*"([^"]+)"', await answer.text())[1]
    address = f"{hub}/hub/api/users/{name}/tokens"
    async with client.post(address, params={"_xsrf": xsrf}, json={"note": "test"}) as answer:
        assert answer.status == 201, await answer.text()
        return (await answer.json())["token"]


async def started(client, hosts, name):
    """Return the address of a running notebook."""
    api = f"{hosts.url}/services/ai/v1/notebook"
    headers = {"Authorization": f"Bearer {await token_of(client, hosts, name)}"}
    async with client.post(api, json=SPEC, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        notebook = (await answer.json())["id"]

    async with asyncio.timeout(180):
        while True:
            async with client.get(f"{api}/{notebook}", headers=headers) as answer:
                status = (await answer.json())["status"]
            assert status["state"] in {"STARTING", "RUNNING"}, hosts.stack.logs()
            if status["state"] == "RUNNING":
                return status["url"]
            await asyncio.sleep(0.2)


async def test_a_notebook_has_its_persons_host_and_nobody_elses_cookies(hosts):
    async with signed_in(hosts, "ann") as ann:
        url = await started(ann, hosts, "ann")
        assert URL(url).host == "ann.hub.test"
        async with ann.get(url, headers=PAGE) as answer:
            assert answer.status == 200, await answer.text()
            assert answer.url.host == "ann.hub.test"
            assert "JupyterLab" in await answer.text()

        def cookies_at(address):
            return {name for name in ann.cookie_jar.filter_cookies(URL(address)) if name.startswith("ovh-")}

        # The notebook's own cookie goes to this notebook, and nowhere else.
        assert len(cookies_at(url)) == 1
        assert not cookies_at(hosts.at("hub.test", URL(url).path))
        assert not cookies_at(hosts.at("bob.hub.test", URL(url).path))
        assert not cookies_at(URL(url).with_path("/user/ann/nb-another/"))
        # The hub's host does not serve the notebook.
        elsewhere = hosts.at("hub.test", f"{URL(url).path}api/status")
        async with ann.get(elsewhere, allow_redirects=False) as answer:
            assert answer.status != 200

        # Hub and service bind theirs to their own host; all of them need https.
        known = {cookie.key: cookie for cookie in ann.cookie_jar}
        assert {"__Host-jupyterhub-hub-login", "__Host-service-ai"} <= known.keys()
        assert all(known[name]["secure"] for name in known if name.startswith(("__Host-", "ovh-")))

        async with signed_in(hosts, "bob") as bob, bob.get(url, headers=PAGE) as answer:
            assert answer.status in {403, 404}
            assert "JupyterLab" not in await answer.text()


async def test_the_sign_in_page_leads_to_the_hub_and_back(hosts):
    async with signed_in(hosts, "cleo") as cleo:
        url = await started(cleo, hosts, "cleo")
    async with signed_in(hosts, "cleo") as cleo:
        async with cleo.get(f"{url}_ovh/token", headers=PAGE) as answer:
            way = re.search(r'href="([^"]+_ovh/sign-in[^"]*)"', await answer.text())[1]
        async with cleo.get(URL(url).join(URL(way)), headers=PAGE) as answer:
            assert answer.status == 200
            assert answer.url.host == "cleo.hub.test"
