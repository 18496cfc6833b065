"""``api``: the misbehaving API server. ``service``: a fake hub service. ``hub``: a hub of pods, killed at will.

They live as long as all these tests; each test has people and notebooks of its own.
"""

import itertools

import pytest

from tests.support.fake_service import fake_service_on_a_thread
from tests.support.kubernetes.hub_process import HubProcess
from tests.support.kubernetes.server import misbehaving_api_server
from tests.support.waiting import wait_for

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def cluster():
    with misbehaving_api_server() as server:
        yield server


@pytest.fixture
def api(cluster):
    yield cluster
    cluster.behave()


@pytest.fixture(scope="session")
def running_service():
    with fake_service_on_a_thread() as service:
        yield service


@pytest.fixture
def service(running_service):
    yield running_service
    running_service.behave()


@pytest.fixture(scope="session")
def running_hub(cluster, running_service, tmp_path_factory):
    # Short waits, for tests of what follows them.
    waits = {"room_timeout": 3.0, "k8s_api_request_retry_timeout": 10}
    hub = HubProcess(tmp_path_factory.mktemp("hub"), cluster, running_service.url, spawner=waits)
    hub.start()
    yield hub
    hub.close()


@pytest.fixture
def hub(running_hub, api, service):
    return running_hub


class Notebook:
    """One person with one notebook."""

    def __init__(self, hub, service) -> None:
        self.user = f"person{next(_numbers)}"
        self.hub, self.service = hub, service

    @property
    def id(self) -> str:
        known = self.service.notebooks
        return wait_for(lambda: known.get((self.user, "nb-one")), what="the notebook's record")["notebook"]

    @property
    def pod(self) -> str:
        return f"nb-{self.id}"

    @property
    def runs(self) -> list[str]:
        return [run for run, known in self.service.runs.items() if known["answer"]["notebook"] == self.id]

    def states(self) -> list[str]:
        """Return the states that were reported, each once, in order."""
        return list(dict.fromkeys(t["state"] for t in self.service.transitions if t["run"] in self.runs))

    def ends(self) -> list[dict]:
        return [t for t in self.service.ends() if t["run"] in self.runs]

    def start(self):
        return self.hub.begin(self.user)

    def stop(self):
        return self.hub.ask("DELETE", self.user)


@pytest.fixture
def notebook(hub, service):
    return Notebook(hub, service)


@pytest.fixture
def another(hub, service):
    return Notebook(hub, service)
