"""What those are told who do not come in: people a page or a redirect, programs a sentence."""

from dataclasses import dataclass

from aiohttp import web

from ovh_spawner.gateway import pages, token_sign_in
from ovh_spawner.gateway.access import Decision, Verdict
from ovh_spawner.gateway.hub_session import has_session
from ovh_spawner.gateway.origins import is_websocket
from ovh_spawner.gateway.paths import Prefix
from ovh_spawner.gateway.sign_in import SignIn
from ovh_spawner.gateway.tokens import token_in_header


@dataclass(frozen=True, slots=True)
class TurnAway:
    """Answers to all who are not admitted."""

    prefix: Prefix
    sign_in: SignIn
    token_sign_in: token_sign_in.TokenSignIn

    def answer(self, request: web.BaseRequest, decision: Decision, rest: str) -> web.Response:
        """Return the answer to a request that was not let in."""
        if decision.verdict is Verdict.UNKNOWN:
            return pages.service_away(request)
        if decision.verdict is Verdict.REFUSE:
            return pages.refused(request, decision.visitor or "", self.prefix.path + token_sign_in.PATH)
        if token_in_header(request) is not None:
            return pages.error(401, token_sign_in.WRONG, "unauthenticated")
        if is_websocket(request):
            return pages.error(403, "Sign in first: open the notebook in this browser.", "unauthenticated")
        return self._sign_in(request, rest)

    def _sign_in(self, request: web.BaseRequest, rest: str) -> web.Response:
        if not pages.wants_page(request):
            return pages.error(401, "Sign in first: open the notebook in a browser.", "unauthenticated")
        if has_session(request):
            return self.sign_in.begin(request, rest)
        return self.token_sign_in.page(rest)
