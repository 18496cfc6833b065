"""Fixtures of the HTTP door's tests; what they do lives in ``tests/support/http_doors``."""

import pytest_asyncio

from tests.support.http_doors import open_door


@pytest_asyncio.fixture
async def door():
    async with open_door() as opened:
        yield opened


@pytest_asyncio.fixture
async def ada(door):
    return door.person("ada")
