"""Who may come in: the one place that decides, for every request and every living websocket.

Further ways in (tokens) become further branches of :meth:`Access.decide`; the door only acts on the decision.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from aiohttp.web import BaseRequest

from ovh_spawner.gateway.cookies import CookieJar, SignedIn
from ovh_spawner.gateway.headers import cookie_values
from ovh_spawner.gateway.policy import PolicyCache


class Verdict(Enum):
    """What the door does."""

    ADMIT = "admit"
    SIGN_IN = "sign_in"
    """No credential, or none that is genuine: a browser is sent to sign in."""
    REFUSE = "refuse"
    """A known person who may not (any more)."""
    UNKNOWN = "unknown"
    """The service never told this gateway who may come in."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, and whom it is about."""

    verdict: Verdict
    user: str | None = None
    by_cookie: bool = False
    """True: the credential is one that browsers send by themselves, so a missing origin is suspicious."""


class Access:
    """Decides from the policy and from what the request carries."""

    def __init__(self, jar: CookieJar, policies: PolicyCache, *, now: Callable[[], datetime]) -> None:
        self._jar = jar
        self._policies = policies
        self._now = now

    async def decide(self, request: BaseRequest) -> Decision:
        policy = await self._policies.get()
        if policy is None:
            return Decision(Verdict.UNKNOWN)
        if policy.access == "open":
            return Decision(Verdict.ADMIT)
        person = self.who(request)
        if person is None:
            return Decision(Verdict.SIGN_IN)
        verdict = Verdict.ADMIT if person.user in policy.users else Verdict.REFUSE
        return Decision(verdict, user=person.user, by_cookie=True)

    def who(self, request: BaseRequest) -> SignedIn | None:
        """Return the person whose cookie the request carries."""
        return self._jar.read(cookie_values(request.headers, self._jar.name), SignedIn, self._now())
