"""``api``: the misbehaving API server. ``cluster``: a service whose notebooks are pods there."""

import pytest

from tests.support.cluster_world import ClusterWorld
from tests.support.kubernetes.server import misbehaving_api_server


@pytest.fixture
def api(tmp_path, monkeypatch):
    with misbehaving_api_server() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.write_kubeconfig(tmp_path / "kubeconfig")))
        yield server


@pytest.fixture
async def cluster(tmp_path, api):
    made = ClusterWorld(tmp_path, api)
    await made.start()
    yield made
    await made.close()
