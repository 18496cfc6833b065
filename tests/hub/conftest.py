"""``service``: a fake hub service. ``hub``: starts a real hub against it. ``person``: signs somebody in."""

import asyncio
import warnings
from contextlib import ExitStack
from tempfile import NamedTemporaryFile

import pytest

try:
    from jupyterhub.httpclient import JupyterHubHTTPClient
except ImportError:  # JupyterHub 5
    JupyterHubHTTPClient = None

from tests.support.fake_hub import Person, hub_config
from tests.support.fake_service import fake_service


@pytest.fixture(autouse=True)
def old_schemas():
    """JupyterHub 5's own event schemas are older than today's jupyter_events."""
    warnings.filterwarnings("ignore", message="The `version` property of an event schema")


@pytest.fixture(autouse=True)
def closed_files(monkeypatch):
    """The hub of JupyterHub's own tests leaves its files to the garbage collector, which warns in some later test."""
    with ExitStack() as files:

        def open_file(*arguments, **keywords):
            return files.enter_context(NamedTemporaryFile(*arguments, **keywords))

        monkeypatch.setattr("jupyterhub.tests.mocking.NamedTemporaryFile", open_file)
        yield


@pytest.fixture(autouse=True)
async def closed_connections(monkeypatch):
    """JupyterHub 6 forgets its connections when a second hub starts in one process, which happens in tests only."""
    if JupyterHubHTTPClient is None:
        yield
        return
    sessions, make = [], JupyterHubHTTPClient._new_session

    def remember(client):
        sessions.append(make(client))
        return sessions[-1]

    monkeypatch.setattr(JupyterHubHTTPClient, "_new_session", remember)
    yield
    for session in sessions:
        await session.close()


@pytest.fixture
async def service():
    async with fake_service() as running:
        yield running


@pytest.fixture
async def hub(hub_app, service, tmp_path):
    started = []

    async def start(*editor_command, **spawner):
        app = await hub_app(config=hub_config(service.url, tmp_path, *editor_command, **spawner))
        started.append(app)
        return app

    yield start
    for app in started:
        for user in list(app.users.values()):
            for name, spawner in list(user.spawners.items()):
                if spawner.run is not None:
                    await user.stop(name)


@pytest.fixture
async def person(hub):
    signed_in = []

    async def sign_in(name="alice", *, app=None):
        visitor = await Person(app or await hub(), name).sign_in()
        signed_in.append(visitor)
        return visitor

    yield sign_in
    for visitor in signed_in:
        await visitor.browser.aclose()


@pytest.fixture
def patient_spawn_page(monkeypatch):
    """JupyterHub waits one second for a start's refusal before it shows the progress; a busy machine may need more."""
    wait = asyncio.wait

    async def patiently(futures, *, timeout=None, **keywords):
        return await wait(futures, timeout=90 if timeout == 1 else timeout, **keywords)

    monkeypatch.setattr(asyncio, "wait", patiently)
