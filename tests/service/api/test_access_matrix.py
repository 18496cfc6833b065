"""Every operation of the API, asked by everybody who may come along: exactly the answers of the table."""

import os
import re
from pathlib import Path
from uuid import UUID

import pytest

from ovh_spawner.domain.states import NotebookState
from ovh_spawner.domain.token_users import token_user
from ovh_spawner.service.api.app import public_routes
from tests.support.access_matrix import COLUMNS, ROWS, STATUSES, Row, page
from tests.support.http_doors import of_world, open_door
from tests.support.world import World

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "access.md"
PEOPLE = {
    "stranger": "eve",
    "reader": "rea",
    "operator": "oli",
    "owner": "ann",
    "administrator": "ada",
    "platform": "boss",
}
MEMBERS = {"rea": "read", "oli": "operator", "ann": "operator", "ada": "administrator"}
STORE = {
    "alias": "MINE",
    "type": "s3",
    "endpoint": "https://s3.example.org",
    "credentials": {"s3": {"accessKey": "a", "secretKey": "b", "region": "gra"}},
}


class Cast:
    """The callers of the table, and what they ask about."""

    def __init__(self, world: World, door) -> None:
        self.world = world
        self.clients = {"anonymous": door.client(), "wrong token": door.client("x" * 32)}
        for column, name in PEOPLE.items():
            self.clients[column] = door.person(name, admin=column == "platform")
        self.sessions = {}
        """Who signed in at the hub with the token of the column, and asks with a hub token of that user."""
        self.door = door

    async def set_up(self) -> None:
        boss = self.clients["platform"]
        for project in ("ai", "other"):
            await _ok(boss.post("v1/project", json={"name": project}))
        for name, role in MEMBERS.items():
            await _ok(boss.put(f"v1/project/ai/member/user/{name}", json={"role": role}))
        await _ok(boss.put("v1/project/other/member/user/eve", json={"role": "operator"}))
        await self._make_tokens()
        self.clients["stopped notebook"] = self.door.client(await self._token_of_a_stopped_notebook())
        await self.add_store()

    @property
    def owner(self):
        return self.clients["owner"]

    async def _make_tokens(self) -> None:
        await self._token("read token", role="read")
        await self._token("operator token")
        await self._token("matching token", labelSelector="team=red")
        await self._token("other token", labelSelector="team=blue")
        renewed = await self._token("renewed token")
        await _ok(self.owner.post(f"v1/token/{renewed}/renew"))
        deleted = await self._token("deleted token")
        await _ok(self.owner.delete(f"v1/token/{deleted}"))
        await self._token("expired token", expiresAt="2026-03-10T13:00:00Z")
        self.world.clock.advance(hours=2)

    async def _token(self, column: str, **wanted: str) -> str:
        made = await self.new_token(name=column, **wanted)
        self.clients[column] = self.door.client(made["status"]["value"])
        user = token_user(UUID(made["id"]), made["status"]["version"])
        self.sessions[column] = self.door.person(user, admin=True)
        return made["id"]

    async def new_token(self, **wanted: str) -> dict:
        body = {"role": "operator", **wanted}
        return (await _ok(self.owner.post("v1/token", json=body, params={"project": "ai"}))).json()

    async def _token_of_a_stopped_notebook(self) -> str:
        notebook = UUID(await self.new_notebook())
        running = await self.world.until_state(notebook, NotebookState.RUNNING)
        async with self.world.service.means.ledger.reading() as unit:
            run = await unit.runs.find(running.last_run.id)
        await _ok(self.owner.put(f"v1/notebook/{notebook}/stop"))
        await self.world.until_state(notebook, NotebookState.STOPPED)
        return run.gateway_token.get_secret_value()

    async def new_notebook(self) -> str:
        body = {"labels": {"team": "red"}, "env": {"editorId": "jupyterlab", "frameworkId": "conda"}}
        body["resources"] = {"flavor": "ai1-1-cpu", "cpu": 1}
        made = await _ok(self.owner.post("v1/notebook", json=body, params={"project": "ai"}))
        return made.json()["id"]

    async def subject(self, row: Row) -> str:
        """Return the path with somebody's notebook, project or token in it, new ones where they would be used up."""
        path = row.path
        if "{notebook}" in path:
            path = path.replace("{notebook}", await self.new_notebook())
        if "{token}" in path:
            path = path.replace("{token}", (await self.new_token(name="asked for"))["id"])
        return path.replace("{project}", "ai").lstrip("/")

    async def anew(self, row: Row) -> str:
        """Return the path again when somebody has removed what it leads to."""
        path = await self.subject(row)
        if "/member/" in path:
            await _ok(self.clients["platform"].put(path, json={"role": "read"}))
        if path.endswith("/MINE"):
            await self.add_store()
        return path

    async def add_store(self) -> None:
        query = {"project": "ai", "skipDataStoreConnectionCheck": "true"}
        await self.owner.post("v1/datastore", json=STORE, params=query)


@pytest.fixture
async def cast(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path}/ledger.sqlite"
    declared = {"declared": {"operators": {"users": ["nobody-here"]}}}
    world = World(tmp_path, url, projects=declared, sign_in={"application_tokens": True})
    await world.start()
    world.hub.on_stop = world.end_server
    async with open_door(serve=of_world(world)) as door:
        made = Cast(world, door)
        await made.set_up()
        yield made
        await world.service.means.background.settled("")
    await world.close()


async def test_every_operation_answers_everybody_as_the_table_says(cast):
    answers = {row: await _answers(cast, row) for row in ROWS}
    wrong = [
        f"{row.method} {row.path} for {column}: {got}, promised {promised}"
        for row, letters in answers.items()
        for column, got, promised in zip(COLUMNS, letters, row.letters, strict=True)
        if got != promised
    ]
    assert wrong == []

    text = page(answers)
    if os.environ.get("UPDATE_GOLDEN") == "1":
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "run with UPDATE_GOLDEN=1 and review the diff"


async def test_who_signed_in_with_a_token_is_answered_as_the_token_is(cast):
    cast.clients |= cast.sessions
    wrong = []
    for row in ROWS:
        path = await cast.subject(row)
        for column, promised in zip(COLUMNS, row.letters, strict=True):
            if column in cast.sessions and (got := await _answer(cast, row, column, path)) != promised:
                wrong.append(f"{row.method} {row.path} for {column}: {got}, promised {promised}")

    assert wrong == []


def test_the_table_leaves_no_operation_out():
    asked = {(row.method, row.path) for row in ROWS}

    missing = [
        f"{route.method} {route.path}"
        for route in public_routes()
        if not any(
            method == route.method and re.fullmatch(_pattern(route.path), path) for method, path in asked
        )
    ]

    assert missing == []


async def _answers(cast: Cast, row: Row) -> str:
    path = await cast.subject(row)
    return "".join([await _answer(cast, row, column, path) for column in COLUMNS])


async def _answer(cast: Cast, row: Row, column: str, path: str) -> str:
    if row.method == "DELETE":
        # Whoever may, does; the next one asks about another.
        path = await cast.anew(row)
    answer = await cast.clients[column].request(row.method, path, json=row.body, params=row.query)
    if answer.is_success or answer.status_code in row.also:
        return "Y"
    return next((letter for letter, status in STATUSES.items() if status == answer.status_code), answer.text)


def _pattern(path: str) -> str:
    return re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))


async def _ok(request):
    answer = await request
    assert answer.is_success, answer.text
    return answer
