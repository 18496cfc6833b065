"""Who may come in: the one place that decides, for every request and every living connection.

A credential names a visitor; whether the visitor may be here is the policy's answer, asked anew every few
seconds. So what was let in once can be looked at again without its credential.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from aiohttp.web import BaseRequest

from ovh_spawner.errors import OVHSpawnerError
from ovh_spawner.gateway.cookies import CookieJar, SignedIn
from ovh_spawner.gateway.headers import cookie_values
from ovh_spawner.gateway.hub_session import is_in_session
from ovh_spawner.gateway.policy import PolicyCache, Standing
from ovh_spawner.gateway.tokens import TokenDesk, token_in_header


class Verdict(Enum):
    """What the door does."""

    ADMIT = "admit"
    SIGN_IN = "sign_in"
    """No credential, or none that is genuine: a browser is sent to sign in."""
    REFUSE = "refuse"
    """A known visitor who may not (any more)."""
    UNKNOWN = "unknown"
    """The service never told this gateway who may come in."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, and whom it is about."""

    verdict: Verdict
    visitor: str | None = None
    by_cookie: bool = False
    """True: the credential is one that browsers send by themselves, so a missing origin is suspicious."""
    expires_at: datetime | None = None


_VERDICTS = {
    Standing.ADMITTED: Verdict.ADMIT,
    Standing.REFUSED: Verdict.REFUSE,
    Standing.UNKNOWN: Verdict.UNKNOWN,
}


class Access:
    """Decides from the policy and from what the request carries."""

    def __init__(
        self, jar: CookieJar, policies: PolicyCache, tokens: TokenDesk, *, now: Callable[[], datetime]
    ) -> None:
        self._jar = jar
        self._policies = policies
        self._tokens = tokens
        self._now = now

    async def decide(self, request: BaseRequest) -> Decision:
        """Say what the door does with a request."""
        person = self._who(request)
        await self._policies.look(person.visitor if person else None)
        if not self._policies.is_known:
            return Decision(Verdict.UNKNOWN)
        if self._policies.is_open:
            # With a cookie they may stay when the notebook is closed to others.
            return _of(person, Verdict.ADMIT) if person else Decision(Verdict.ADMIT)
        # A program that shows a token means it, whatever its cookies say.
        if (token := token_in_header(request)) is not None:
            return await self._decide_by_token(token)
        if person is None:
            return Decision(Verdict.SIGN_IN)
        return _of(person, _VERDICTS[self._policies.of(person.visitor)])

    async def _decide_by_token(self, token: str) -> Decision:
        try:
            admission = await self._tokens.admission_for(token)
        except OVHSpawnerError:
            return Decision(Verdict.UNKNOWN)
        if admission is None:
            return Decision(Verdict.SIGN_IN)
        await self._policies.look(admission.visitor)
        verdict = _VERDICTS[self._policies.of(admission.visitor)]
        if verdict is Verdict.REFUSE:
            # Deleted, renewed, or not for this notebook: a program learns no more than from a wrong one.
            return Decision(Verdict.SIGN_IN)
        return Decision(verdict, visitor=admission.visitor, expires_at=admission.expires_at)

    def is_still_admitted(self, decision: Decision) -> bool:
        """Say whether one who was let in may stay, from the policy as it is known now."""
        if self._policies.is_open:
            return True
        if decision.visitor is None or self._policies.of(decision.visitor) is Standing.REFUSED:
            return False
        return decision.expires_at is None or decision.expires_at > self._now()

    def _who(self, request: BaseRequest) -> SignedIn | None:
        found = self._jar.read_signed_in(cookie_values(request.headers, self._jar.name), self._now())
        return found if found is not None and is_in_session(request, found.session) else None


def _of(person: SignedIn, verdict: Verdict) -> Decision:
    return Decision(verdict, visitor=person.visitor, by_cookie=True, expires_at=person.expires_at)
