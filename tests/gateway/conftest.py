"""Fixtures: ``gateway`` (one a module, its service reset for each test), ``ada`` (signed in), ``nobody``."""

import pytest

from tests.gateway.running import browser, running_gateway, sign_in
from tests.support.waiting import wait_for


@pytest.fixture(scope="module")
def module_gateway(tmp_path_factory):
    with running_gateway(tmp_path_factory.mktemp("run")) as gateway:
        yield gateway


@pytest.fixture
def gateway(module_gateway):
    service = module_gateway.service
    was_open = service.access == "open"
    service.reset()
    if was_open:
        wait_for(lambda: module_gateway.answer_to_nobody() == 401, what="the gateway to be closed again")
    return module_gateway


@pytest.fixture
async def nobody():
    async with browser() as client:
        yield client


@pytest.fixture
async def ada(gateway):
    async with browser() as client:
        await sign_in(client, gateway)
        yield client
