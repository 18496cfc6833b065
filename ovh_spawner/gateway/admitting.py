"""Letting a browser in: whatever it showed, it goes on with our own cookie, to an address of this notebook."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from ovh_spawner.contract.local import GatewayConfig
from ovh_spawner.contract.policy import Admission
from ovh_spawner.gateway import pages
from ovh_spawner.gateway.cookies import CookieJar, SignedIn
from ovh_spawner.gateway.headers import first_of
from ovh_spawner.gateway.hub_session import session_mark
from ovh_spawner.gateway.paths import Prefix
from ovh_spawner.gateway.policy import PolicyCache


@dataclass(frozen=True, slots=True)
class Admitting:
    """What every way of signing in ends with."""

    config: GatewayConfig
    prefix: Prefix
    jar: CookieJar
    policies: PolicyCache
    now: Callable[[], datetime]

    async def let_in(self, request: web.BaseRequest, admission: Admission, path: str) -> web.Response:
        """Give the browser its cookie, and send it on to a path below the prefix."""
        # Somebody who was let in only now is not in the policy that we still hold.
        self.policies.see(admission.visitor)
        await self.policies.refresh()
        response = pages.redirect(path, after_form=request.method == "POST")
        visitor = SignedIn(
            notebook=self.config.notebook,
            visitor=admission.visitor,
            expires_at=admission.expires_at,
            session=session_mark(request),
        )
        response.set_cookie(
            self.jar.name,
            self.jar.sign(visitor),
            max_age=max(0, int((admission.expires_at - self.now()).total_seconds())),
            path=self.prefix.path,
            secure=is_https(request),
            httponly=True,
            samesite="Lax",
        )
        return response


def is_https(request: web.BaseRequest) -> bool:
    """True: the browser came by https, here or at a proxy before us."""
    return request.secure or first_of(request.headers, "X-Forwarded-Proto").lower() == "https"
