"""The base of every message: camelCase on the wire, unknown keys refused, values frozen."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from ovh_spawner.domain.secret import Secret, dump_private

__all__ = ["Message", "Secret", "UtcDatetime", "dump_private"]


class Message(BaseModel):
    """A message between programs. Python names are snake_case, the wire is camelCase."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        ser_json_inf_nan="null",
        allow_inf_nan=False,
        # Errors that nobody expected end in a log, and messages hold secrets.
        hide_input_in_errors=True,
    )


def _to_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""An instant with a time zone, kept in UTC."""
