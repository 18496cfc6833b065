"""Single-use codes that bring a signed-in browser from the service to a notebook's gateway."""

import hashlib
from datetime import timedelta
from uuid import UUID

from ovh_spawner.contract.policy import Admission
from ovh_spawner.domain.states import RunState
from ovh_spawner.errors import PermissionDeniedError, UnauthenticatedError, WrongStateError
from ovh_spawner.service.db.records import AccessCodeRecord
from ovh_spawner.service.operations.actors import Actor
from ovh_spawner.service.operations.means import Means
from ovh_spawner.service.operations.standing import get_standing
from ovh_spawner.service.secrets import new_secret

CODE_LIFETIME = timedelta(seconds=60)
"""The browser brings the code at once; a minute forgives a slow one."""

ADMISSION = timedelta(hours=12)
"""A working day, then the browser is sent through the hub's sign-in again, mostly unseen."""


class AccessOperations:
    """Use cases of signing in to a notebook."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def issue_code(self, actor: Actor, notebook: UUID, run: UUID) -> str:
        """Return a code for this person, notebook and run.

        Raises:
            NotFoundError: there is no such notebook that this person may know of.
            PermissionDeniedError: this person may see it, not open it.
            WrongStateError: the run is not the notebook's, or over.

        """
        now = self._means.now()
        code = new_secret()
        async with self._means.ledger.writing() as unit:
            standing = await get_standing(unit, notebook, actor)
            name = standing.notebook.spec.name
            if standing.notebook.owner != actor.name:
                raise PermissionDeniedError(f"Only its owner may open notebook {name!r}.")
            current = standing.run
            if (
                current is None
                or current.id != run
                or current.state not in {RunState.STARTING, RunState.RUNNING}
            ):
                raise WrongStateError(f"Notebook {name!r} is {standing.state.value}; start it, then open it.")
            await unit.access_codes.forget_expired(now)
            await unit.access_codes.add(
                AccessCodeRecord(
                    hash=_hash(code),
                    notebook=notebook,
                    run=run,
                    user=actor.name,
                    expires_at=now + CODE_LIFETIME,
                )
            )
        return code

    async def redeem(self, run: UUID, code: str) -> Admission:
        """Use a code up.

        Raises:
            UnauthenticatedError: it is unknown, used, expired or another run's.

        """
        now = self._means.now()
        async with self._means.ledger.writing() as unit:
            user = await unit.access_codes.redeem(run=run, code_hash=_hash(code), now=now)
        if user is None:
            raise UnauthenticatedError("This sign-in is used up or too old. Open the notebook again.")
        return Admission(user=user, expires_at=now + ADMISSION)


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
