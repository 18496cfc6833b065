"""A notebook's own doors, tried by everybody who may come along: a real gateway in front of a real service."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import aiohttp
import pytest

from ovh_spawner.domain.states import NotebookState
from ovh_spawner.errors import NotFoundError, PermissionDeniedError
from tests.gateway.running import Gateway, begin_sign_in, browser, come_back
from tests.service.api.test_access_matrix import PEOPLE, Cast
from tests.support.access_matrix import COLUMNS, DOORS
from tests.support.http_doors import of_world, open_door
from tests.support.world import World

LETTERS = {200: "Y", 401: "A", 403: "F", 404: "N"}


@pytest.fixture
async def cast(tmp_path):
    declared = {"declared": {"operators": {"users": ["nobody-here"]}}}
    world = World(tmp_path, f"sqlite+aiosqlite:///{tmp_path}/ledger.sqlite", projects=declared)
    await world.start()
    world.hub.on_stop = world.end_server
    async with open_door(serve=of_world(world)) as door:
        made = Cast(world, door)
        await made.set_up()
        # Cookies expire by the gateway's clock, which is the true one.
        world.clock.advance(seconds=(datetime.now(UTC) - world.clock()).total_seconds())
        yield made
        await world.service.means.background.settled("")
    await world.close()


@asynccontextmanager
async def gateway_of(cast, notebook, folder):
    """Run the gateway of a running notebook, with the service behind the door."""
    run = notebook.last_run.id
    async with cast.world.service.means.ledger.reading() as unit:
        token = (await unit.runs.find(run)).gateway_token.get_secret_value()
    service = SimpleNamespace(notebook=notebook.id, run=run, token=token, url=cast.door.url)
    folder.mkdir()
    gateway = Gateway(folder, service)
    try:
        yield await asyncio.to_thread(gateway.start)
    finally:
        await asyncio.to_thread(gateway.close)


async def running_notebook(cast):
    return await cast.world.until_state(UUID(await cast.new_notebook()), NotebookState.RUNNING)


async def ask(client, gateway, door, headers):
    """Try one door of the notebook; return what the table calls the answer."""
    if door == "websocket":
        try:
            socket = await client.ws_connect(
                f"{gateway.url}ws", headers={"Origin": gateway.origin, **headers}
            )
        except aiohttp.WSServerHandshakeError as error:
            # Browsers cannot show a sign-in page to a websocket.
            return "A" if error.status in {401, 403} else str(error.status)
        await socket.close()
        return "Y"
    path = "lab" if door == "page" else f"proxy/{gateway.config.port}/"
    async with client.get(f"{gateway.url}{path}", headers=headers) as answer:
        # The gateway's own port is no program of the notebook: whoever may come in is told so.
        is_in = door == "other port" and answer.status == 404
        return "Y" if is_in else LETTERS.get(answer.status, str(answer.status))


async def enter(cast, client, gateway, column):
    """Sign a person in as a browser does; return what the service says to who may not."""
    operations = cast.world.service.operations
    asked = await begin_sign_in(client, gateway.url)
    try:
        person = await operations.people.person(PEOPLE[column])
        code = await operations.access.issue_code(person, gateway.config.notebook, gateway.config.run)
    except NotFoundError:
        return "N"
    except PermissionDeniedError:
        return "F"
    async with come_back(client, gateway, code=code, state=asked["state"]) as answer:
        assert answer.status == 302, await answer.text()
    return ""


async def test_every_door_of_a_notebook_answers_everybody_as_the_table_says(cast, tmp_path):
    notebook = await running_notebook(cast)
    got = dict.fromkeys(DOORS, "")
    async with gateway_of(cast, notebook, tmp_path / "run") as gateway:
        for column in COLUMNS:
            async with browser() as client:
                told = await enter(cast, client, gateway, column) if column in PEOPLE else ""
                shown = cast.clients[column].headers.get("Authorization") if column not in PEOPLE else None
                headers = {"Authorization": shown} if shown else {}
                for door in DOORS:
                    got[door] += told or await ask(client, gateway, door, headers)

    assert got == {door: letters.replace(" ", "") for door, letters in DOORS.items()}


async def test_a_role_that_is_taken_away_closes_what_it_opened(cast, tmp_path):
    """The whole chain: the API, the ledger, what the service remembers, the gateway's next question."""
    notebook = await running_notebook(cast)
    async with gateway_of(cast, notebook, tmp_path / "run") as gateway, browser() as client:
        assert await enter(cast, client, gateway, "reader") == ""
        socket = await client.ws_connect(f"{gateway.url}ws", headers={"Origin": gateway.origin})
        await socket.receive_json(timeout=20)
        gone = await cast.clients["platform"].delete("v1/project/ai/member/user/rea")
        assert gone.is_success, gone.text

        message = await socket.receive(timeout=60)
        assert (message.type, message.data) == (aiohttp.WSMsgType.CLOSE, 1008)
        assert await ask(client, gateway, "page", {}) == "F"
