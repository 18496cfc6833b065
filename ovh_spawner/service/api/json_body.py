"""Strict JSON: what two parsers could read differently, or no database can store, is refused."""

import json
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from ovh_spawner.constants import MAX_BODY_VALUES
from ovh_spawner.domain.problems import problems_from
from ovh_spawner.errors import InvalidSpecError

MessageT = TypeVar("MessageT", bound=BaseModel)

MAX_DEPTH = 32
"""The deepest honest request (a volume's source) is 4 deep; far below what a parser's stack allows."""


def parse_json(raw: bytes, content_type: str) -> object:
    """Return the JSON value of a request's body.

    Raises:
        InvalidSpecError: no JSON, or with doubled keys, numbers that are none, texts that cannot be stored, or
            more of it than anybody needs.

    """
    media_type, _, parameters = content_type.partition(";")
    if media_type.strip().lower() != "application/json":
        shown = media_type.strip()[:80] or "none"
        raise InvalidSpecError.one("", f"The body's content type is {shown!r}; send 'application/json'.")
    charset = parameters.lower().replace('"', "").replace(" ", "")
    if "charset=" in charset and "charset=utf-8" not in charset:
        raise InvalidSpecError.one("", "The body's charset must be UTF-8.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise InvalidSpecError.one("", "The body is not valid UTF-8.") from exc
    if not text.strip():
        raise InvalidSpecError.one("", "The body is empty; send a JSON object.")
    value = _parse(text)
    _check_values(value)
    return value


def _parse(text: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except RecursionError as exc:
        raise _too_deep() from exc
    except json.JSONDecodeError as exc:
        raise InvalidSpecError.one(
            "", f"The body is not valid JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}."
        ) from exc
    except ValueError as exc:
        # Python refuses to read integers of thousands of digits.
        raise InvalidSpecError.one("", "The body holds a number that is too long.") from exc


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidSpecError.one(
                "", f"The key {key[:80]!r} is there twice in one object; send it once."
            )
        found[key] = value
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise InvalidSpecError.one("", f"{text} is not a JSON number.")


def _too_deep() -> InvalidSpecError:
    return InvalidSpecError.one("", f"The body is nested more than {MAX_DEPTH} levels deep.")


def _check_values(value: object) -> None:
    level: list[object] = [value]
    depth = entries = 0
    while level:
        inner = [item for item in level if isinstance(item, dict | list)]
        depth, entries = depth + 1, entries + sum(map(len, inner))
        if depth > MAX_DEPTH:
            raise _too_deep()
        if entries > MAX_BODY_VALUES:
            raise InvalidSpecError.one(
                "", f"The body's lists and objects have more than {MAX_BODY_VALUES} entries together."
            )
        for item in level:
            _check_scalar(item)
        level = [each for item in inner for each in item]
        level += [each for item in inner if isinstance(item, dict) for each in item.values()]


def _check_scalar(item: object) -> None:
    if isinstance(item, str):
        _check_text(item)
    elif isinstance(item, float) and item in {float("inf"), float("-inf")}:
        raise InvalidSpecError.one("", "The body holds a number that is too large.")


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise InvalidSpecError.one("", "A text in the body holds the character NUL, which cannot be stored.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise InvalidSpecError.one("", "A text in the body holds half of a surrogate pair.") from exc


def read_message(model: type[MessageT], data: object) -> MessageT:
    """Return a parsed body as a message.

    Raises:
        InvalidSpecError: naming every field that is wrong.

    """
    try:
        return model.model_validate(data)
    except ValidationError as exc:
        raise InvalidSpecError(problems_from(exc, model=model)) from exc
