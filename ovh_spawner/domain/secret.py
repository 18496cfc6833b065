"""A text that must not be shown: stars everywhere but where a dump asks for it."""

from typing import Annotated

from pydantic import BaseModel, PlainSerializer, SecretStr, SerializationInfo


def _reveal_when_asked(value: SecretStr, info: SerializationInfo) -> str:
    if isinstance(info.context, dict) and info.context.get("reveal"):
        return value.get_secret_value()
    return str(value)


Secret = Annotated[SecretStr, PlainSerializer(_reveal_when_asked)]
"""A secret: stars in logs and plain dumps, itself only in :func:`dump_private`."""


def dump_private(message: BaseModel) -> str:
    """Return the message as JSON with its secrets, for a 0600 file, an encrypted column, an internal call."""
    return message.model_dump_json(context={"reveal": True})
