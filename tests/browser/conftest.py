"""``page``: a fresh Chromium page. Screenshots go to the folder named by OVH_SPAWNER_SCREENSHOTS, if any."""

import os
from pathlib import Path

import pytest

from tests.support.chromium import chromium


@pytest.fixture(scope="session", name="chromium")
def running_chromium():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 1100})
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


@pytest.fixture
def screenshot(page):
    """Save the page under a name, where screenshots are wanted."""

    def save(name: str) -> None:
        if folder := os.environ.get("OVH_SPAWNER_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png")

    return save
