import pytest

from ovh_spawner.errors import HubError
from ovh_spawner.service.hub_client import HubClient
from tests.support.fake_hub_servers import TOKEN, FakeHubServers, Manner


@pytest.fixture
async def hub():
    made = FakeHubServers().listen()
    yield made
    await made.close()


@pytest.fixture
def client(hub):
    made = HubClient(hub.url, TOKEN)
    yield made
    made.close()


async def test_a_server_is_found_with_its_state_or_not_at_all(hub, client):
    hub.put("ann", "one", ready=False, pending="spawn")
    found = await client.find_server("ann", "one")

    assert (found.ready, found.pending, found.is_active) == (False, "spawn", True)
    assert await client.find_server("ann", "two") is None


async def test_stopping_and_deleting_what_is_not_there_is_done(client):
    await client.stop_server("ann", "one")
    await client.delete_server("ann", "one")


async def test_a_default_server_is_stopped_and_never_removed(hub, client):
    hub.put("ann", "")
    await client.delete_server("ann", "")

    assert hub.calls == ["DELETE /hub/api/users/ann/server"]
    assert not hub.servers["ann", ""]["ready"]


async def test_odd_names_cannot_leave_their_place_in_the_path(hub, client):
    await client.stop_server("../admin", "a/b?c")

    assert hub.calls == ["DELETE /hub/api/users/..%2Fadmin/servers/a%2Fb%3Fc"]


async def test_a_refusal_is_a_hub_error_without_the_token(hub, client):
    hub.manner = Manner.IS_DOWN
    with pytest.raises(HubError) as refusal:
        await client.find_server("ann", "one")

    assert TOKEN not in str(refusal.value)
    assert refusal.value.details == {"status": 503}


async def test_no_hub_at_all_is_a_hub_error():
    client = HubClient("http://127.0.0.1:9/hub/api", TOKEN)
    with pytest.raises(HubError, match="does not answer"):
        await client.stop_server("ann", "one")
    client.close()


async def test_a_wrong_token_is_told(hub):
    client = HubClient(hub.url, "wrong")
    with pytest.raises(HubError):
        await client.find_server("ann", "one")
    client.close()
