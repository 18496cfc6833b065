"""Which key enters which notebook over SSH: a key of the notebook's spec counts, and nothing else."""

from dataclasses import replace
from urllib.parse import quote
from uuid import UUID

from pydantic import SecretStr

from ovh_spawner.contract.ssh import SshAnswer, SshEntry, fingerprint, key_text, tunnel_token
from ovh_spawner.domain.states import NotebookState, RunState
from ovh_spawner.service.operations.audit import ORIGIN, Act, record_notebook
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.standing import Standing, find_standing
from ovh_spawner.service.runners.base import NotYetError

_NOTHING = SshAnswer()
"""The same for a notebook that does not exist, is deleted, or has no such key."""


class SshOperations:
    """The use case of the SSH endpoint."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def authorize(self, notebook: UUID, key: str) -> SshAnswer:
        """Say whether the key may enter, and by which way; of a notebook whose key it is not, nothing is said."""
        async with self._means.ledger.reading() as unit:
            standing = await find_standing(unit, notebook)
        if standing is None or not _has_key(standing, key):
            return _NOTHING
        run = standing.run
        if run is None or run.state is not RunState.RUNNING:
            return SshAnswer(allowed=True, message=_why_not_now(standing))
        try:
            address = await self._means.runner.address_of(notebook, run.id)
        except NotYetError:
            address = ""
        settings, record = self._means.settings, standing.notebook
        return SshAnswer(
            allowed=True,
            run=run.id,
            address=address,
            prefix=settings.notebook_prefix(
                quote(record.owner, safe="@~"), quote(record.server_name, safe="@~")
            ),
            token=SecretStr(tunnel_token(record.cookie_key.get_secret_value(), run.id)),
            message="" if address else "The notebook is not reached now. Try again in a moment.",
        )

    async def record_entry(self, entry: SshEntry) -> None:
        """Write into the audit log that a key was let in; whose it is, nobody knows but its owner."""
        async with self._means.ledger.writing() as unit:
            standing = await find_standing(unit, entry.notebook)
            if standing is None or not _has_key(standing, entry.key):
                return
            credential = f"ssh:{fingerprint(entry.key)}"
            origin = ORIGIN.set(replace(ORIGIN.get(), address=entry.address, credential=credential))
            try:
                now = self._means.now()
                await record_notebook(unit, "", Act.NOTEBOOK_SSH, notebook=standing.notebook, now=now)
            finally:
                ORIGIN.reset(origin)


def _has_key(standing: Standing, key: str) -> bool:
    if standing.state is NotebookState.DELETING:
        return False
    return key_text(key) in map(key_text, standing.notebook.spec.ssh_public_keys)


def _why_not_now(standing: Standing) -> str:
    return (
        f"Notebook {standing.notebook.spec.name!r} is {standing.state.value}. Start it, then connect again."
    )
