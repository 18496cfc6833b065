"""What the hub asks the service of those who sign in with an application token."""

from pydantic import Field

from ovh_spawner.contract.base import Message, Secret


class TokenSignIn(Message):
    """``POST /internal/v1/sign-ins``: somebody typed a token at the hub."""

    token: Secret
    address: str = Field(
        max_length=64, description="Where they are, as far as the hub knows; for the audit log."
    )


class SignedInToken(Message):
    """The answer to :class:`TokenSignIn`: who they are from now on."""

    user: str = Field(description="The hub's name for this version of the token.")


class TokenUserQuestion(Message):
    """``POST /internal/v1/sign-ins/refresh``: may this hub user, who came with a token, stay?"""

    user: str = Field(max_length=255)


class TokenUserAnswer(Message):
    """The answer to :class:`TokenUserQuestion`."""

    may_stay: bool
