"""What a pod cannot do is refused by the service, whatever door it comes through."""

import pytest

from ovh_spawner.contract.runs import ResolveRequest
from ovh_spawner.errors import InvalidSpecError
from tests.support.world import ANN, spec

HIDING = {"mountPath": "/opt", "permission": "RW", "standalone": {}}
CARDS = {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}


async def test_our_api_refuses_what_a_pod_cannot_do(cluster):
    with pytest.raises(InvalidSpecError) as error:
        await cluster.notebooks.create(ANN, spec(volumes=[HIDING], envVars=[CARDS]))

    assert [p.field for p in error.value.problems] == ["volumes[0].mountPath", "envVars[0].name"]


@pytest.mark.parametrize("door", ["hub", "form"])
async def test_the_hubs_doors_refuse_it_too(cluster, door):
    request = ResolveRequest(user="ann", server_name="mine", options=spec(volumes=[HIDING]), door=door)

    with pytest.raises(InvalidSpecError, match="would hide a part of the notebook's image"):
        await cluster.notebooks.resolve(request)
