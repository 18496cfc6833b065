"""An installation with two projects, behind its HTTP door, and a client for each person of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.support.http_doors import Door, of_world, open_door
from tests.support.world import BOSS, World, spec

PROJECTS = {
    "red": {
        "administrators": {"users": ["chief"]},
        "operators": {"users": ["ann", "ari", "both"]},
        "readers": {"users": ["rita"]},
    },
    "blue": {"operators": {"users": ["bob", "both"]}},
}
"""``chief`` administers red; ``ann`` and ``ari`` operate there, ``rita`` reads; ``bob`` is in blue alone."""


class Installation:
    """The world, its door, its people."""

    def __init__(self, world: World, door: Door) -> None:
        self.world = world
        self.door = door

    def person(self, name: str) -> httpx.AsyncClient:
        return self.door.person(name, admin=name == "boss")

    async def new_token(self, maker: str = "ann", **asked: Any) -> dict:
        """Make an application token, and return the API's answer."""
        body = {"name": "ci", "role": "operator", **asked}
        answer = await self.person(maker).post("v1/token", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def app(self, maker: str = "ann", **asked: Any) -> httpx.AsyncClient:
        """Return a client that calls with a new application token."""
        return self.door.client((await self.new_token(maker, **asked))["status"]["value"])

    async def notebook(self, owner: str = "ann", **changes: Any) -> str:
        """Create a notebook and return its id when it runs."""
        made = await self.person(owner).post("v1/notebook", json=spec(**changes))
        assert made.status_code == 200, made.text
        await self.world.service.means.background.settled("")
        return made.json()["id"]


@asynccontextmanager
async def installation(folder: Path, **settings: Any) -> AsyncIterator[Installation]:
    """Serve a whole service on SQLite with two projects."""
    database = f"sqlite+aiosqlite:///{folder}/ledger.sqlite"
    world = World(folder, database, **{"projects": PROJECTS, **settings})
    await world.start()
    world.hub.on_stop = partial(_end_run, world)
    try:
        async with open_door(serve=of_world(world)) as door:
            yield Installation(world, door)
            await world.service.means.background.settled("")
    finally:
        await world.close()


async def _end_run(world: World, user: str, server: str) -> None:
    brief = await world.notebooks.find_by_server(user, server)
    await world.end(await world.notebooks.get(BOSS, brief.notebook))
