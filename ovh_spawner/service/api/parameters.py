"""Query parameters into a model: each is named in its refusal, and a misspelt one is not silently ignored."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, get_origin
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from ovh_spawner.domain.problems import problems_from
from ovh_spawner.errors import InvalidSpecError, Problem

QueryT = TypeVar("QueryT", bound=BaseModel)


class Parameters(BaseModel):
    """The base of every set of query parameters: camelCase names, an empty text is an absent parameter."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_alias=True, validate_by_name=False, extra="forbid", frozen=True
    )

    def to_query(self) -> str:
        """Return the parameters as they were given, for a link."""
        given = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return urlencode(given, doseq=True)


def as_list(value: object) -> object:
    """Make a list of a parameter that may be there several times."""
    return value if isinstance(value, list) else [value]


def parse_parameters(model: type[QueryT], given: Mapping[str, Sequence[bytes]]) -> QueryT:
    """Return the checked parameters.

    Raises:
        InvalidSpecError: naming every parameter that is unknown, doubled or has a value that is not allowed.

    """
    known = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, raw in given.items():
        if name not in known:
            problems.append(Problem(_shown(name), _unknown(name, list(known))))
            continue
        repeated = get_origin(known[name]) is list
        if wrong := _wrong(raw, repeated=repeated):
            problems.append(Problem(name, wrong))
            continue
        texts = [text.decode("utf-8") for text in raw if text]
        if texts:
            values[name] = texts if repeated else texts[0]
    try:
        parsed = model.model_validate(values)
    except ValidationError as exc:
        # A parameter is named as a whole, also where one of its several values is wrong.
        found = [Problem(p.field.partition("[")[0], p.message) for p in problems_from(exc, model=model)]
        raise InvalidSpecError([*problems, *found]) from exc
    if problems:
        raise InvalidSpecError(problems)
    return parsed


def _wrong(raw: Sequence[bytes], *, repeated: bool) -> str:
    if len(raw) > 1 and not repeated:
        return "This parameter is there several times; send it once."
    if any(b"\x00" in text for text in raw):
        return "The value holds the character NUL."
    try:
        for text in raw:
            text.decode("utf-8")
    except UnicodeDecodeError:
        return "The value is not valid UTF-8."
    return ""


def _shown(name: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in name[:60])


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"There is no such parameter; did you mean {near[0]!r}?"
    return f"There is no such parameter; known: {', '.join(known) or 'none'}."
