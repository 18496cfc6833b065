"""Who may sign in.

Chosen in the settings: an OpenID Connect provider, local accounts, or, where neither is set up, the local demo's one
password for everybody; and application tokens beside them. All stand together on one page.
"""

import os
import time
from pathlib import Path
from typing import Any

from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
from oauthenticator.generic import GenericOAuthenticator
from tornado.httpclient import HTTPClientError
from traitlets import Instance, Unicode, default

from ovh_spawner import constants
from ovh_spawner.contract.accounts import ACCOUNT_NAME, PROVIDER_NAME, LocalAccount
from ovh_spawner.domain.token_users import is_token_user
from ovh_spawner.errors import OVHSpawnerError, SignInError
from ovh_spawner.hub.pages import PagesMixin
from ovh_spawner.hub.service_client import ServiceClient
from ovh_spawner.hub.sign_in.accounts import LocalAccounts
from ovh_spawner.hub.sign_in.handlers import (
    TOKEN_FIELD,
    NotSignedInError,
    OpenIdCallbackHandler,
    OpenIdLoginHandler,
    TokenLoginHandler,
)
from ovh_spawner.hub.sign_in.lockout import Lockout
from ovh_spawner.hub.sign_in.openid import OpenIdProvider, is_allowed_email, person_name, shown_name
from ovh_spawner.hub.sign_in.tokens import TokenSignIn, end_hub_tokens
from ovh_spawner.settings import OpenIdSettings, SignInSettings

AuthModel = dict[str, Any]

_NOT_ALLOWED = "You are signed in at the provider, but not allowed in here. Ask the operator to let you in."
_EXPIRED = "The sign-in took too long or was used before. Sign in again."


class OVHAuthenticator(PagesMixin, GenericOAuthenticator):  # type: ignore[misc]
    """Signs people in as the settings say, and serves our pages."""

    sign_in = Instance(SignInSettings, args=(), help="The settings' block signIn.").tag(config=True)
    user_password = Unicode(help="The local demo's password for everybody.").tag(config=True)
    admin_password = Unicode(help="The local demo's password for those in admin_users.").tag(config=True)
    service_url = Unicode(help="Where the hub service is asked about application tokens.").tag(config=True)
    internal_token = Unicode(help="The hub's token there; from the environment by default.").tag(config=True)
    tokens = Instance(TokenSignIn, allow_none=True)
    accounts = Instance(LocalAccounts, allow_none=True)
    provider = Instance(OpenIdProvider, allow_none=True)
    lockout = Instance(Lockout)

    login_handler = OpenIdLoginHandler
    callback_handler = OpenIdCallbackHandler

    @property
    def openid(self) -> OpenIdSettings | None:
        return self.sign_in.openid

    @property
    def has_form(self) -> bool:
        """Tell whether the page asks for a name and a password."""
        return self.openid is None or self.accounts is not None

    @default("internal_token")
    def _default_internal_token(self) -> str:
        return os.environ.get(constants.ENV_INTERNAL_TOKEN, "")

    @default("tokens")
    def _default_tokens(self) -> TokenSignIn | None:
        if not self.sign_in.application_tokens:
            return None
        return TokenSignIn(ServiceClient(self.service_url, self.internal_token), self.lockout)

    @default("accounts")
    def _default_accounts(self) -> LocalAccounts | None:
        file = self.sign_in.accounts_file
        return LocalAccounts(Path(file)) if file else None

    @default("provider")
    def _default_provider(self) -> OpenIdProvider | None:
        return OpenIdProvider(self.openid.issuer, self.httpfetch) if self.openid else None

    @default("lockout")
    def _default_lockout(self) -> Lockout:
        return Lockout(
            failures=self.sign_in.failures, seconds=self.sign_in.lock_minutes * 60, clock=time.monotonic
        )

    @default("any_allow_config")
    def _default_any_allow_config(self) -> bool:
        # Accounts and the provider's block say who comes in; JupyterHub's own lists play no part.
        return True

    @default("username_pattern")
    def _default_username_pattern(self) -> str:
        return f"^{ACCOUNT_NAME.pattern}$"

    @default("manage_groups")
    def _default_manage_groups(self) -> bool:
        return self.openid is not None or self.accounts is not None

    @default("enable_auth_state")
    def _default_enable_auth_state(self) -> bool:
        # The provider's tokens, encrypted: with them the hub notices who was removed.
        return self.openid is not None

    @default("auth_refresh_age")
    def _default_auth_refresh_age(self) -> int:
        return self.sign_in.refresh_seconds

    @default("auth_refresh_strict")
    def _default_auth_refresh_strict(self) -> bool:
        # An account that is gone is gone for its tokens too. A session that ended at a provider says less.
        return self.openid is None

    @default("login_service")
    def _default_login_service(self) -> str:
        # With one, JupyterHub's page shows no form.
        return self.openid.name if self.openid and not self.has_form else ""

    @default("client_id")
    def _default_client_id(self) -> str:
        return self.openid.client_id if self.openid else ""

    @default("client_secret")
    def _default_client_secret(self) -> str:
        return os.environ.get(self.openid.client_secret_env, "") if self.openid else ""

    @default("scope")
    def _default_scope(self) -> list[str]:
        return list(self.openid.scopes) if self.openid else []

    def login_url(self, base_url: str) -> str:
        """Return where the form is sent; the provider's button has its own address."""
        return f"{base_url}login" if self.has_form else str(super().login_url(base_url))

    def get_handlers(self, app: Any) -> list[tuple[str, type]]:
        found: list[tuple[str, type]] = super().get_handlers(app)
        return [(r"/login/token", TokenLoginHandler), *found] if self.tokens is not None else found

    async def discover(self) -> None:
        """Learn the provider's addresses; raises SignInError."""
        if self.provider is None:
            raise SignInError("No sign-in provider is set up here.")
        document = await self.provider.document()
        self.authorize_url = document.authorization_endpoint
        self.token_url = document.token_endpoint
        self.userdata_url = document.userinfo_endpoint

    async def authenticate(
        self, handler: Any, data: dict[str, str] | None = None, **_kwargs: Any
    ) -> AuthModel | None:
        try:
            if data is None:
                return await self._authenticate_at_provider(handler)
            if self.tokens is not None and TOKEN_FIELD in data:
                return await self._authenticate_token(self.tokens, handler, data[TOKEN_FIELD])
            return await self._authenticate_form(handler, data)
        except OVHSpawnerError as error:
            raise NotSignedInError(error.message) from error

    async def _authenticate_token(self, tokens: TokenSignIn, handler: Any, value: str) -> AuthModel:
        user = await tokens.user_of(value.strip(), address=str(handler.request.remote_ip))
        # Whatever an administrator of the hub has made of a user of this name: it is a token.
        return {"name": user, "admin": False} | ({"groups": []} if self.manage_groups else {})

    async def _authenticate_form(self, handler: Any, data: dict[str, str]) -> AuthModel | None:
        name, password = data.get("username", "").strip(), data.get("password", "")
        address = str(handler.request.remote_ip)
        self.lockout.refuse_locked(name, address)
        found = await self._check_password(handler, name, password)
        if found is None:
            self.lockout.failed(name, address)
        else:
            self.lockout.succeeded(name)
        return found

    async def _check_password(self, handler: Any, name: str, password: str) -> AuthModel | None:
        if self.accounts is not None:
            account = await self.accounts.authenticate(name, password)
            return _model_of(name, account) if account else None
        # JupyterHub compares in constant time, which Python refuses for text beyond ASCII.
        # And it lets in people under any name, but nobody under a token's.
        if self.openid is not None or not password.isascii() or is_token_user(self.normalize_username(name)):
            return None
        shared = SharedPasswordAuthenticator(
            user_password=self.user_password or None,
            admin_password=self.admin_password or None,
            admin_users=self.admin_users,
            allow_all=True,
        )
        found: AuthModel | None = await shared.authenticate(handler, {"username": name, "password": password})
        return found

    async def _authenticate_at_provider(self, handler: Any) -> AuthModel:
        await self.discover()
        try:
            found: AuthModel = await super().authenticate(handler, None)
        except HTTPClientError as exc:
            # The code was used before, or is too old; the provider's own words may hold it.
            raise SignInError(_EXPIRED) from exc
        return found

    async def get_token_info(self, handler: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Return the provider's tokens; an ID token among them is checked before anything else is believed."""
        found: dict[str, Any] = await super().get_token_info(handler, params)
        id_token = found.get("id_token")
        if id_token is None and params.get("grant_type") == "authorization_code":
            raise SignInError("The sign-in provider sent no ID token. Tell the operator.")
        if id_token is not None and self.provider is not None:
            claims = await self.provider.verify(id_token, client_id=self.client_id)
            found["verified_subject"] = claims["sub"]
        return found

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """Return the person's claims, which must be those of the verified subject."""
        await self.discover()
        claims: dict[str, Any] = await super().token_to_user(token_info)
        if claims.get("sub") != token_info.get("verified_subject"):
            raise SignInError("The sign-in provider's answers are about two persons. Sign in again.")
        return claims

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        return person_name(self.openid.issuer if self.openid else "", str(user_info["sub"]))

    async def get_user_groups(self, auth_state: dict[str, Any]) -> set[str]:
        claims = auth_state[self.user_auth_state_key]
        found = claims.get(self.openid.groups_claim) if self.openid else None
        return {group for group in found if isinstance(group, str)} if isinstance(found, list) else set()

    async def _token_to_auth_model(self, token_info: dict[str, Any]) -> AuthModel:
        model: AuthModel = await super()._token_to_auth_model(token_info)
        claims, groups = model["auth_state"][self.user_auth_state_key], set(model.get("groups") or ())
        model["admin"] = bool(self.openid and groups & set(self.openid.administrator_groups))
        model["user_info"] = {"name": shown_name(claims) or model["name"]}
        if not self._is_allowed(claims, groups):
            raise SignInError(_NOT_ALLOWED)
        return model

    def _is_allowed(self, claims: dict[str, Any], groups: set[str]) -> bool:
        openid = self.openid
        if openid is None:
            return False
        by_group = groups & set(openid.allowed_groups or ()) | groups & set(openid.administrator_groups)
        return openid.allow_all or bool(by_group) or is_allowed_email(claims, openid.allowed_emails or [])

    async def check_allowed(self, username: str, auth_model: AuthModel | None) -> bool:  # noqa: ARG002
        # Whoever has come as far as this has an account, the demo's password, or the provider's block let them in.
        return auth_model is not None

    async def refresh_user(self, user: Any, handler: Any = None, **kwargs: Any) -> bool | AuthModel:
        """Tell whether the person may stay signed in, with the groups that they have now."""
        name = str(user.name)
        if is_token_user(name):
            if self.tokens is not None and await self.tokens.may_stay(name):
                return True
            end_hub_tokens(user)
            return False
        if self.openid is not None and PROVIDER_NAME.fullmatch(name):
            try:
                refreshed: bool | AuthModel = await super().refresh_user(user, handler, **kwargs)
            except SignInError as error:
                self.log.info("%s is signed out: %s", name, error.message)
                return False
            return refreshed
        if self.accounts is not None:
            account = self.accounts.find(name)
            return _model_of(name, account) if account else False
        return self.openid is None


def _model_of(name: str, account: LocalAccount) -> AuthModel:
    return {"name": name, "admin": account.administrator, "groups": account.groups}
