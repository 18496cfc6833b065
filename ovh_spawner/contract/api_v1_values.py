"""Values and bodies that all answers of the public API share.

The vendor's own client crashes on a null where an object or a date is expected, so a field either *may be
null* (the vendor's list) or is left out while it has no value: ``Absent`` marks the second kind.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, TypeVar

from pydantic import Field, PlainSerializer, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from ovh_spawner.contract.base import Message, UtcDatetime

T = TypeVar("T")


def _is_none(value: object) -> bool:
    return value is None


def format_instant(value: datetime) -> str:
    """Return RFC 3339 in UTC with microseconds and Z, as the vendor writes its times."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Absent = Annotated[T | SkipJsonSchema[None], Field(exclude_if=_is_none)]
"""A value that is left out of the JSON while there is none."""

Instant = Annotated[
    UtcDatetime,
    PlainSerializer(format_instant, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]

Money = Annotated[
    Decimal,
    PlainSerializer(lambda value: format(value, "f"), return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "description": "An exact decimal."}),
]


class FieldProblem(Message):
    """One thing wrong with the request."""

    field: str = Field(description="Where, in the words of the request: resources.cpu, volumes[0].mountPath.")
    message: str


class ErrorBody(Message):
    """What every refusal and failure answers."""

    message: str = Field(description="For people: what happened, what is allowed, what to do next.")
    code: str = Field(description="Stable word for programs: invalid, wrong_state, quota_exceeded, …")
    problems: Absent[list[FieldProblem]] = None


class Info(Message):
    """A state in a code and a sentence."""

    code: str
    message: str
