"""Every operation of our OpenAPI document, with data that fits its schema and with data that does not."""

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ovh_spawner.service.api.app import public_routes
from ovh_spawner.service.api.openapi import describe
from tests.fuzz.conftest import REQUESTS

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

OPERATIONS = [
    found.ok()
    for found in schemathesis.openapi.from_dict(
        describe(public_routes(), server_url="/services/ai")
    ).get_all_operations()
]
SHARE = 0.4
"""Of the requests; the rest goes to hostile bodies, of which more a second are made."""
EXAMPLES = max(4, round(SHARE * REQUESTS / len(OPERATIONS)))


@pytest.fixture(scope="module")
def session():
    with requests.Session() as opened:
        opened.trust_env = False
        yield opened


def _is_negative(case, location) -> bool:
    component = case.meta.components.get(location)
    return component is not None and component.mode.is_negative


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_an_operation_keeps_to_its_description(served, session, operation):
    known = {"notebook": served.notebook, "alias": lambda: "DEMO", "project": lambda: "default"}
    cases = st.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, real=st.booleans(), token=st.sampled_from([served.ann, served.boss]))
    def check(case, real, token):
        if real:
            case.path_parameters |= {name: known[name]() for name in case.path_parameters if name in known}
        broken_body = not real and _is_negative(case, ParameterLocation.BODY)
        checks = [*CHECKS, negative_data_rejection] if broken_body else CHECKS
        headers = {"Authorization": f"Bearer {token}"}
        case.call_and_validate(base_url=served.api, session=session, headers=headers, checks=checks)

    check()
