"""Who asks: a person by hub token or by the service's sign-in cookie, hub and gateways by their tokens."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any

from jupyterhub.services.auth import HubOAuth
from tornado.web import HTTPError

from ovh_spawner.constants import SERVICE_NAME
from ovh_spawner.domain.access import Person
from ovh_spawner.domain.token_users import is_token_user
from ovh_spawner.errors import HubError, PermissionDeniedError, UnauthenticatedError
from ovh_spawner.service.operations.people import People
from ovh_spawner.settings import Settings

try:
    from jupyterhub.httpclient import JupyterHubHTTPClient
except ImportError:  # JupyterHub 5 asks with tornado's client
    JupyterHubHTTPClient = None

ACCESS_SCOPE = f"access:services!service={SERVICE_NAME}"
"""The hub scope without which nobody comes in."""

_CACHE_SECONDS = 60
"""How long a token that was revoked at the hub may still work here; without it every request asks the hub."""

_AUTHORIZATION = re.compile(r"(?:bearer|token)\s+([\x21-\x7e]{1,512})\s*", re.IGNORECASE)


def bearer_token(headers: Mapping[str, str]) -> str:
    """Return the token of the Authorization header.

    Raises:
        UnauthenticatedError: there is none, or it is no bearer token.

    """
    match = _AUTHORIZATION.fullmatch(headers.get("Authorization", ""))
    if match is None:
        raise UnauthenticatedError
    return match[1]


def is_same_secret(given: str, expected: str) -> bool:
    """Compare in constant time; an empty expected secret matches nothing."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


def cookie_secret(service_token: str) -> str:
    """Return the key that signs the service's cookies: the same after a restart and in every replica."""
    return hmac.new(service_token.encode(), b"ovh-spawner service cookies", hashlib.sha256).hexdigest()


async def close_connections() -> None:
    """Close the connections to the hub that JupyterHub 6 keeps for this event loop; 5 keeps none."""
    if JupyterHubHTTPClient is not None:
        await JupyterHubHTTPClient.loop_instance().close()


class HubSignIn:
    """Asks the hub who somebody is."""

    def __init__(self, settings: Settings, service_token: str, people: People) -> None:
        self._people = people
        base_path = settings.deployment.base_path.rstrip("/")
        # Everything explicitly: without arguments HubOAuth reads JUPYTERHUB_* from the environment.
        self.oauth = HubOAuth(
            api_token=service_token,
            api_url=settings.service.hub_api_url,
            hub_host="",
            hub_prefix=f"{base_path}/hub/",
            base_url=settings.service_prefix,
            oauth_client_id=f"service-{SERVICE_NAME}",
            oauth_redirect_uri=f"{settings.service_prefix}oauth_callback",
            access_scopes={ACCESS_SCOPE},
            allow_token_in_url=False,
            cookie_host_prefix_enabled=settings.uses_host_cookies,
            cookie_options={"samesite": "Lax"},
            cache_max_age=_CACHE_SECONDS,
        )

    async def person_for_token(self, token: str) -> Person:
        """Return who a hub token belongs to.

        Raises:
            UnauthenticatedError: the hub does not know the token.
            PermissionDeniedError: it may not be used here.
            HubError: the hub did not answer.

        """
        try:
            model = await self.oauth.user_for_token(token, sync=False)
        except HTTPError as exc:
            raise HubError("JupyterHub could not be asked who you are; try again in a moment.") from exc
        if model is None:
            raise UnauthenticatedError(
                "This token is not valid (any more); get a new one from the hub's token page."
            )
        return await self.person_from_model(model)

    async def person_from_model(self, model: Mapping[str, Any]) -> Person:
        """Return the person that the hub described, with their roles as they are now.

        Raises:
            UnauthenticatedError: they signed in with an application token that is not valid any more.
            PermissionDeniedError: the token is not a person's, or lacks the scope.
            HubError: the hub did not answer.

        """
        if model.get("kind", "user") != "user":
            raise PermissionDeniedError("This token belongs to a service of the hub; use a person's token.")
        if not self.oauth.check_scopes({ACCESS_SCOPE}, model):
            raise PermissionDeniedError(
                f"This token may not be used here: it lacks the scope {ACCESS_SCOPE!r}. "
                "Get one from the hub's token page, without restricting its scopes."
            )
        name = str(model["name"])
        person = await self._people.person(name)
        if person.token is None and is_token_user(name):
            raise UnauthenticatedError(
                "The application token that you signed in with is not valid any more. Log out at the hub, "
                "and sign in again."
            )
        return person
