"""What a real hub tells the service of people, with exactly the rights that we give it."""

import pytest

from ovh_spawner.hub.configuration import Deployment
from ovh_spawner.service.hub_client import HubClient, HubUser
from ovh_spawner.settings import Settings
from tests.support.fake_hub import hub_config

TOKEN = "the-services-own-token"


@pytest.fixture
async def client(hub_app, service, person, tmp_path):
    deployment = Deployment(Settings(), tmp_path, TOKEN, "internal", "", "")
    config = hub_config(service.url, tmp_path)
    config["JupyterHub"] |= {
        "services": [{"name": "ai", "api_token": TOKEN}],
        "load_roles": deployment.roles(),
        "load_groups": {"ai-physics": {"users": ["alice", "boss"]}, "/labs/7 east": {"users": ["alice"]}},
    }
    app = await hub_app(config=config)
    for name in ("alice", "boss", "bob"):
        await person(name, app=app)
    made = HubClient(f"http://127.0.0.1:{app.hub.port}{app.hub.base_url}api", TOKEN)
    yield made
    made.close()


async def test_the_hub_tells_the_service_groups_and_administrators(client):
    assert await client.find_user("alice") == HubUser(
        "alice", is_admin=False, groups=frozenset({"ai-physics", "/labs/7 east"})
    )
    assert await client.find_user("boss") == HubUser("boss", is_admin=True, groups=frozenset({"ai-physics"}))
    assert await client.find_user("bob") == HubUser("bob", is_admin=False, groups=frozenset())


async def test_whom_the_hub_does_not_know_is_nobody(client):
    assert await client.find_user("nobody") is None
    assert await client.find_user("../user") is None
    assert await client.find_user("alice/tokens") is None
