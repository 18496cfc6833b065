"""The hub's client of the service: patience, and errors of ours only."""

from uuid import uuid4

import pytest

from ovh_spawner.contract.runs import OpenRun, ResolveRequest
from ovh_spawner.domain.states import Door
from ovh_spawner.errors import InvalidSpecError, RefusedError, ServiceUnavailableError
from ovh_spawner.hub.service_client import ServiceClient
from tests.support.fake_service import INTERNAL_TOKEN

ASK = ResolveRequest(user="alice", server_name="nb-one", options=None, door=Door.HUB)


def client(service, *pauses, token=INTERNAL_TOKEN) -> ServiceClient:
    return ServiceClient(service.url, token, retry_pauses=pauses)


async def test_a_service_that_comes_back_in_time_is_waited_for(service):
    reference = await client(service).resolve(ASK)
    opening = OpenRun(
        notebook=reference.notebook,
        revision=1,
        user="alice",
        server_name="nb-one",
        hub="hub",
        attempt=uuid4(),
    )

    patient = client(service, 0.0, 0.0)
    service.outages = 2
    opened = await patient.open_run(opening)

    assert opened.notebook == reference.notebook
    assert (await patient.open_run(opening)).run == opened.run


async def test_what_would_store_twice_is_not_repeated(service):
    service.is_down = True

    with pytest.raises(ServiceUnavailableError):
        await client(service, 60.0).resolve(ASK)


async def test_nobody_listening_is_a_sentence():
    with pytest.raises(ServiceUnavailableError, match="does not answer"):
        await ServiceClient("http://127.0.0.1:9", INTERNAL_TOKEN, retry_pauses=()).resolve(ASK)


async def test_a_wrong_internal_token_is_the_operators_business(service):
    with pytest.raises(ServiceUnavailableError, match="internal error"):
        await client(service, token="wrong").resolve(ASK)


async def test_refusals_keep_their_code_sentence_and_problems(service):
    service.refuse("resolve", 400, "It is being saved.", code="wrong_state")
    with pytest.raises(RefusedError, match=r"It is being saved\.") as refused:
        await client(service).resolve(ASK)
    assert refused.value.code == "wrong_state"

    service.refuse("resolve", 400, "x", code="invalid", problems=[{"field": "name", "message": "is long."}])
    with pytest.raises(InvalidSpecError) as invalid:
        await client(service).resolve(ASK)
    assert invalid.value.problems[0].field == "name"


async def test_an_answer_that_is_not_understood_is_not_shown(service):
    service.refuse("resolve", 200, "s3cret", code="x")

    with pytest.raises(ServiceUnavailableError) as failed:
        await client(service).resolve(ASK)

    assert "s3cret" not in str(failed.value)


async def test_an_unknown_notebook_is_none(service):
    assert await client(service).find_notebook("alice", "nb-none") is None
