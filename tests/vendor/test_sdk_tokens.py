"""The vendor's unmodified client drives application tokens in its strict mode, and works with one."""

from http import HTTPStatus

import pytest
import pytest_asyncio
from ovhai.api.me import me
from ovhai.api.notebook import notebook_get, notebook_get_all, notebook_new, notebook_stop
from ovhai.api.token import token_delete, token_get, token_get_all, token_new, token_renew
from ovhai.errors import UnexpectedStatus
from ovhai.models import MeTokenKind, Role, TokenSpec

from tests.support.projects import installation
from tests.vendor.test_sdk import call, sdk_client, spec


@pytest_asyncio.fixture
async def place(tmp_path):
    async with installation(tmp_path) as made:
        yield made


@pytest_asyncio.fixture
async def clients(place):
    made = []

    def connect(token):
        client = sdk_client(place.door.api, token)
        made.append(client)
        return client

    yield connect
    for client in made:
        client.get_httpx_client().close()


async def test_a_tokens_whole_life(place, clients):
    ann = clients(place.door.hub.add("ann"))
    asked = TokenSpec(name="ci", role="operator", label_selector="team=red")

    made = (await call(token_new, client=ann, body=asked)).parsed
    listed = (await call(token_get_all, client=ann)).parsed
    app = clients(made.status.value)
    who = (await call(me, client=app)).parsed
    renewed = (await call(token_renew, id=made.id, client=ann)).parsed
    refused = await call(me, client=app)
    shown = (await call(token_get, id=made.id, client=ann)).parsed
    gone = await call(token_delete, id=made.id, client=ann)

    assert (made.spec.name, made.spec.label_selector, made.status.version) == ("ci", "team=red", 1)
    assert [token.id for token in listed.items] == [made.id]
    assert listed.items[0].status.value is None
    assert listed.metadata.total == 1
    assert (who.token_kind, who.role) == (MeTokenKind.APP, Role.AI_TRAINING_OPERATOR)
    assert renewed.status.version == 2
    assert renewed.status.value != made.status.value
    assert refused.status_code == HTTPStatus.UNAUTHORIZED
    assert (shown.status.version, shown.status.value) == (2, None)
    assert gone.status_code == HTTPStatus.NO_CONTENT
    assert (await call(token_get_all, client=ann)).parsed.items == []


async def test_a_scoped_token_runs_its_own_notebooks_and_sees_no_others(place, clients):
    ann = clients(place.door.hub.add("ann"))
    asked = TokenSpec(name="ci", role="operator", label_selector="team=red")
    app = clients((await call(token_new, client=ann, body=asked)).parsed.status.value)
    other = (await call(notebook_new, client=ann, body=spec(name="other"))).parsed

    made = (await call(notebook_new, client=app, body=spec(name="mine"))).parsed
    await place.world.service.means.background.settled("")

    assert made.spec.labels["team"] == "red"
    assert [found.id for found in (await call(notebook_get_all, client=app)).parsed.items] == [made.id]
    assert (await call(notebook_get, id=other.id, client=app)).status_code == HTTPStatus.NOT_FOUND
    stopped = await call(notebook_stop, id=made.id, client=app)
    assert stopped.status_code == HTTPStatus.NO_CONTENT


async def test_a_read_token_is_told_that_it_may_not(place, clients):
    ann = clients(place.door.hub.add("ann"))
    asked = TokenSpec(name="look", role="ai_training_read")
    app = clients((await call(token_new, client=ann, body=asked)).parsed.status.value)

    assert (await call(notebook_new, client=app, body=spec())).status_code == HTTPStatus.FORBIDDEN
    assert (await call(notebook_get_all, client=app)).parsed.items == []
    assert (await call(me, client=app)).parsed.role == Role.AI_TRAINING_READ
    # Of a refusal to make a token its strict mode knows nothing.
    with pytest.raises(UnexpectedStatus, match="403"):
        await call(token_new, client=app, body=asked)
