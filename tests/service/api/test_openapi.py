import json

from openapi_spec_validator import OpenAPIV31SpecValidator

from ovh_spawner.errors import LedgerUnavailableError
from tests.support.golden import assert_golden


async def test_the_document_is_valid_and_served_to_anyone(door):
    answer = await door.client().get("openapi.json")

    OpenAPIV31SpecValidator(answer.json()).validate()
    assert answer.json()["servers"] == [{"url": "/services/ai"}]


async def test_the_document_changes_only_on_purpose(door):
    document = (await door.client().get("openapi.json")).json()
    document["info"]["version"] = "X"

    assert_golden("openapi.json", json.dumps(document, indent=1, sort_keys=True) + "\n")


async def test_health_needs_no_token(door):
    answer = await door.client().get("health")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_health_is_a_503_when_the_database_does_not_answer(door, monkeypatch):
    async def silent(*_):
        raise LedgerUnavailableError("The database does not answer.")

    monkeypatch.setattr(door.service.operations.datastores, "aliases", silent)

    assert (await door.client().get("health")).status_code == 503
