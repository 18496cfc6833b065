"""The way to a provider and back. What goes wrong there is told in our words, not in those of an address."""

from typing import Any

from jupyterhub.handlers.login import LoginHandler
from oauthenticator.oauth2 import OAuthCallbackHandler, OAuthLoginHandler
from tornado import web

from ovh_spawner.errors import SignInError

_DENIED = "You did not let the sign-in provider tell this hub who you are. Sign in again to change your mind."
_REFUSED = "The sign-in provider refused ({code}). Sign in again, or tell the operator."
_KNOWN_CODES = frozenset(
    {
        "invalid_request", "unauthorized_client", "unsupported_response_type", "invalid_scope", "server_error",
        "temporarily_unavailable", "interaction_required", "login_required", "consent_required",
    }
)  # fmt: skip
"""RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6; anything else in an address is not shown."""

TOKEN_FIELD = "application_token"


class NotSignedInError(web.HTTPError):
    """What JupyterHub shows as a page: a heading, and the sentence below it."""

    def __init__(self, message: str, *, status: int = 403) -> None:
        super().__init__(status, message.replace("%", "%%"), reason="Not signed in")
        # JupyterHub 5 shows the reason in the place of the sentence, unless it finds this.
        self.jupyterhub_message = message


class OpenIdLoginHandler(OAuthLoginHandler):  # type: ignore[misc]
    """Leads to the provider."""

    async def get(self) -> None:
        try:
            await self.authenticator.discover()
        except SignInError as error:
            raise NotSignedInError(error.message, status=503) from error
        super().get()


class OpenIdCallbackHandler(OAuthCallbackHandler):  # type: ignore[misc]
    """Takes the provider's answer, once: the cookie that it must match is gone afterwards."""

    def check_arguments(self) -> None:
        # The state first: only an answer to a question of this browser is worth a word.
        self.check_state()
        self.check_error()
        self.check_code()

    def check_error(self) -> None:
        code: str = self.get_argument("error", "")
        if code == "access_denied":
            raise NotSignedInError(_DENIED)
        if code:
            raise NotSignedInError(
                _REFUSED.format(code=code if code in _KNOWN_CODES else "for a reason of its own")
            )

    def write_error(self, status_code: int, **kwargs: Any) -> Any:
        self.set_header("Referrer-Policy", "no-referrer")
        return super().write_error(status_code, **kwargs)


class TokenLoginHandler(LoginHandler):  # type: ignore[misc]
    """``/hub/login/token``: the login page's second form. The token comes in a form's body only."""

    async def post(self) -> None:
        value: str = self.get_body_argument(TOKEN_FIELD, "")
        user = await self.login_user({TOKEN_FIELD: value})
        if user is None:
            raise NotSignedInError("You are not allowed in here. Ask the operator to let you in.")
        self._jupyterhub_user = user
        self.redirect(self.get_next_url(user))

    def render_template(self, name: str, **facts: Any) -> Any:
        if name == "login.html":
            # What went wrong is told beside the form that was sent.
            facts["token_error"] = facts.pop("login_error", None)
        return super().render_template(name, **facts)
