"""``served``: one whole service for a file of hostile requests. ``budget``: how many of them."""

import os

import pytest

from tests.support.served_world import served_world

REQUESTS = int(os.environ.get("OVH_SPAWNER_FUZZ_REQUESTS", "1000"))
"""Of all files here together. CI asks for 10 000."""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with served_world(tmp_path_factory.mktemp("fuzzed")) as running:
        yield running
