"""An OpenID Connect provider: what it says about itself, and whether an ID token is really from it, for us.

OpenID Connect Discovery 1.0 §4 and Core 1.0 §3.1.3.7.
"""

import time
from base64 import b32encode
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

import jwt
from pydantic import BaseModel, ConfigDict, ValidationError

from ovh_spawner.errors import SignInError

DOCUMENT_SECONDS = 3600.0
"""How long what the provider says about itself is used."""

KEYS_SECONDS = 30.0
"""Signing keys are not asked for more often than this, whatever key a token names."""

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Signatures with a public key. Not among them: none, and those made with our own secret."""

LEEWAY_SECONDS = 60
"""Difference between two clocks that is forgiven."""

_NAME_CHARACTERS = 16

Fetch = Callable[[str], Awaitable[Any]]


class ProviderDocument(BaseModel):
    """The part of a provider's own description that is used here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    jwks_uri: str


class OpenIdProvider:
    """One provider. Nothing is asked of it before somebody wants to sign in: it may be away when the hub starts."""

    def __init__(self, issuer: str, fetch: Fetch, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._document: tuple[float, ProviderDocument] | None = None
        self._keys: tuple[float, jwt.PyJWKSet] | None = None

    async def document(self) -> ProviderDocument:
        """Return the provider's addresses.

        Raises:
            SignInError: it does not answer, or is another one.
        """
        if self._document and self._clock() - self._document[0] < DOCUMENT_SECONDS:
            return self._document[1]
        found = await self._ask(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        try:
            document = ProviderDocument.model_validate(found)
        except ValidationError as exc:
            raise SignInError("The sign-in provider does not describe itself. Tell the operator.") from exc
        if document.issuer != self.issuer:
            raise SignInError("The sign-in provider says that it is another one. Tell the operator.")
        self._document = (self._clock(), document)
        return document

    async def verify(self, id_token: str, *, client_id: str) -> dict[str, Any]:
        """Return the claims of an ID token.

        Raises:
            SignInError: it is not from this provider, not for this hub, or too old.
        """
        try:
            header = jwt.get_unverified_header(id_token)
            if header.get("alg") not in ALGORITHMS:
                raise SignInError(
                    "The sign-in provider's answer is not signed in a way that is accepted here."
                )
            key = await self._key(header.get("kid"))
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key,
                algorithms=[header["alg"]],
                audience=client_id,
                issuer=self.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )
        except jwt.PyJWTError as exc:
            raise SignInError(
                "The sign-in provider's answer is not valid for this hub. Sign in again."
            ) from exc
        if claims.get("azp", client_id) != client_id:
            raise SignInError("The sign-in provider's answer is for another application. Sign in again.")
        return claims

    async def _key(self, key_id: str | None) -> jwt.PyJWK:
        """Return the key that signed; one that is not known yet may be new."""
        if self._keys is None or (
            _find(self._keys[1], key_id) is None and self._clock() - self._keys[0] > KEYS_SECONDS
        ):
            found = await self._ask((await self.document()).jwks_uri)
            self._keys = (self._clock(), jwt.PyJWKSet.from_dict(found))
        key = _find(self._keys[1], key_id)
        if key is None:
            raise SignInError("The sign-in provider's answer is signed with an unknown key. Sign in again.")
        return key

    async def _ask(self, url: str) -> Any:
        try:
            return await self._fetch(url)
        except Exception as exc:  # whatever the HTTP client raises: the page says the same
            raise SignInError("The sign-in provider does not answer. Try again in a moment.") from exc


def _find(keys: jwt.PyJWKSet, key_id: str | None) -> jwt.PyJWK | None:
    signing = [key for key in keys.keys if key.public_key_use in {None, "sig"}]
    if key_id is None:
        return signing[0] if len(signing) == 1 else None
    return next((key for key in signing if key.key_id == key_id), None)


def person_name(issuer: str, subject: str) -> str:
    """Return the hub's name of a person: issuer and subject, which no provider gives to somebody else later."""
    digest = sha256(f"{issuer}\n{subject}".encode()).digest()
    return f"u-{b32encode(digest).decode().lower()[:_NAME_CHARACTERS]}"


def shown_name(claims: dict[str, Any]) -> str:
    """Return how a person is called on pages; an address only when the provider has verified it."""
    email = claims.get("email") if claims.get("email_verified") is True else None
    for found in (claims.get("name"), claims.get("preferred_username"), email):
        if isinstance(found, str) and found.strip():
            return found.strip()[:100]
    return ""


def is_allowed_email(claims: dict[str, Any], allowed: list[str]) -> bool:
    """Tell whether the person's verified address is one of these, or of one of these domains (``*@domain``)."""
    email = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(email, str):
        return False
    name, _, domain = email.lower().rpartition("@")
    return bool(name) and any(entry.lower() in {f"{name}@{domain}", f"*@{domain}"} for entry in allowed)
