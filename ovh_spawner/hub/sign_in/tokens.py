"""Sign-in with an application token: the service says who that is, and whether they may stay.

The hub keeps nothing of the token but the name of its version.
"""

from typing import Any

import structlog
from jupyterhub.utils import utcnow

from ovh_spawner.contract.sign_in import SignedInToken, TokenUserAnswer
from ovh_spawner.errors import RefusedError, ServiceUnavailableError, SignInError
from ovh_spawner.hub.service_client import ServiceClient
from ovh_spawner.hub.sign_in.lockout import Lockout

log = structlog.get_logger()

_WRONG = "This application token is not valid here (any more). Copy all of it, or ask for a new one."


class TokenSignIn:
    """Asks the service, and keeps out who guesses."""

    def __init__(self, service: ServiceClient, lockout: Lockout) -> None:
        self._service = service
        self._lockout = lockout

    async def user_of(self, value: str, *, address: str) -> str:
        """Return the hub user that this token is.

        Raises:
            SignInError: it is not valid, or its address has failed too often.
            ServiceUnavailableError: the service does not answer.
        """
        self._lockout.refuse_locked(None, address)
        try:
            answer: SignedInToken = await self._service.sign_in_token(value, address)
        except RefusedError as error:
            self._lockout.failed(None, address)
            raise SignInError(_WRONG) from error
        return answer.user

    async def may_stay(self, user: str) -> bool:
        """Tell whether the token is still good; while the service is away nobody can do anything with it."""
        try:
            answer: TokenUserAnswer = await self._service.refresh_token_user(user)
        except ServiceUnavailableError:
            log.info("token_user_not_asked_for", user=user)
            return True
        return answer.may_stay


def end_hub_tokens(user: Any) -> None:
    """End the hub's own tokens of a user: with a provider, JupyterHub lets them outlive a sign-in."""
    now = utcnow(with_tz=False)
    for token in user.orm_user.api_tokens:
        # Not deleted: one of them may be what this request came with.
        if token.expires_at is None or token.expires_at > now:
            token.expires_at = now
    user.db.commit()
