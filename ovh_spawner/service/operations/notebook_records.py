"""New notebooks, and how the hub's servers lead to theirs."""

from uuid import uuid4

from pydantic import SecretStr

from ovh_spawner.domain.spec import NotebookSpec
from ovh_spawner.service.db.ledger import UnitOfWork
from ovh_spawner.service.db.records import NotebookRecord
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.secrets import new_secret


def new_notebook(
    means: Means, spec: NotebookSpec, *, project: str, owner: str, server_name: str
) -> NotebookRecord:
    """Return a notebook that is not stored yet."""
    now = means.now()
    return NotebookRecord(
        id=uuid4(),
        project=project,
        hub=means.settings.deployment.hub_id,
        owner=owner,
        server_name=server_name,
        spec=spec,
        revision=1,
        cookie_key=SecretStr(new_secret()),
        created_at=now,
        updated_at=now,
    )


async def find_server_notebook(
    unit: UnitOfWork, means: Means, *, user: str, server_name: str
) -> NotebookRecord | None:
    """Return the notebook behind a server of this hub."""
    hub = means.settings.deployment.hub_id
    return await unit.notebooks.find_by_server(hub=hub, owner=user, server_name=server_name)
