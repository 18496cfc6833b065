"""Fixtures: ``endpoint`` and ``notebook`` (one of each a module), ``ada`` (with the notebook's key)."""

import pytest

from tests.ssh.running import Key, Person, let_in, need_openssh, running_endpoint, running_notebook


@pytest.fixture(scope="session", autouse=True)
def openssh():
    need_openssh()


@pytest.fixture(scope="module")
def module_endpoint(tmp_path_factory):
    with running_endpoint(tmp_path_factory.mktemp("endpoint")) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    with running_notebook(tmp_path_factory.mktemp("notebook")) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """Two key pairs: the notebook's, and somebody else's."""
    folder = tmp_path_factory.mktemp("keys")
    return Key.new(folder, "ada"), Key.new(folder, "eve")


@pytest.fixture
def endpoint(module_endpoint):
    service = module_endpoint.service
    service.away = False
    service.keys.clear()
    service.ways.clear()
    service.asked.clear()
    service.entered.clear()
    return module_endpoint


@pytest.fixture
def ada(endpoint, notebook, keys):
    return Person(endpoint, keys[0], let_in(endpoint.service, notebook, keys[0]))


@pytest.fixture
def eve(endpoint, notebook, keys, ada):
    """Somebody whose key is not the notebook's."""
    return Person(endpoint, keys[1], ada.notebook)
