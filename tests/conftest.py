"""Fixtures for everyone; what they do lives in ``tests/support``.

``stack``: one whole local installation for a module of journeys.
``--run-browser``: also run the tests that need Chromium. ``--run-cluster``: also those that need a real Kubernetes.
``--run-images``: also those that try built container images.
"""

import pytest

from tests.support.stack import local_stack


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-browser", action="store_true", help="run the tests that drive Chromium")
    parser.addoption("--run-cluster", action="store_true", help="run the tests that need a real Kubernetes")
    parser.addoption("--run-images", action="store_true", help="run the tests of built container images")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for tier in ("browser", "cluster", "images"):
        if config.getoption(f"--run-{tier}"):
            continue
        skip = pytest.mark.skip(reason=f"{tier} tier: run make test-{tier}")
        for item in items:
            if item.get_closest_marker(tier):
                item.add_marker(skip)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with local_stack(tmp_path_factory.mktemp("local")) as running:
        yield running
