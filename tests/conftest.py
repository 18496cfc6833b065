"""Fixtures for everyone; what they do lives in ``tests/support``.

``stack``: one whole local installation for a module of journeys.
``--run-browser``: also run the tests that need Chromium.
"""

import pytest

from tests.support.stack import local_stack


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-browser", action="store_true", help="run the tests that drive Chromium")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--run-browser"):
        return
    skip = pytest.mark.skip(reason="browser tier: run make test-browser")
    for item in items:
        if "browser" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with local_stack(tmp_path_factory.mktemp("local")) as running:
        yield running
