"""What goes wrong where nobody expects it ends in a log: pydantic's text must not repeat a secret."""

import json
from uuid import uuid4

import pytest
from pydantic import ValidationError

from ovh_spawner.contract.runs import OpenedRun
from ovh_spawner.contract.sync import SyncJob
from ovh_spawner.domain.spec import NotebookSpec


@pytest.mark.parametrize("model", [OpenedRun, SyncJob, NotebookSpec])
def test_the_text_of_a_message_that_does_not_fit_shows_no_value(model):
    data = {"id": str(uuid4()), "password": "s3cret", "environment": ["s3cret"], "volumes": "s3cret"}

    with pytest.raises(ValidationError) as refused:
        model.model_validate_json(json.dumps(data))

    assert "s3cret" not in str(refused.value)
