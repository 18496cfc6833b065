"""Where a pydantic error happened, in the words of the wire, and which keys a model knows there."""

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

Loc = Sequence[int | str]


def resolve_path(model: type[BaseModel], loc: Loc) -> tuple[tuple[int | str, ...], tuple[str, ...]]:
    """Return the place without the steps that pydantic adds for unions, and the keys that are known there."""
    places: list[Any] = [model]
    path: list[int | str] = []
    for part in loc:
        inner = [step for place in places for step in _steps(place, part)]
        if inner:
            path.append(part)
            places = [each for step in inner for each in _alternatives(step)]
        elif len(places) > 1:
            # A union's step: the tag, or the name of the model that was tried.
            places = [place for place in places if _is_tagged(place, part)] or places
        else:
            path.append(part)
            places = []
    keys = (key for place in places if _is_model(place) for key in _fields(place))
    return tuple(path), tuple(dict.fromkeys(keys))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _is_tagged(place: Any, part: int | str) -> bool:
    return _is_model(place) and any(part in get_args(annotation) for annotation in _fields(place).values())


def _steps(place: Any, part: int | str) -> Iterator[Any]:
    """Go one step down from a model to a field, from a list to an item, from a mapping to a value."""
    if _is_model(place):
        if part in _fields(place):
            yield _fields(place)[str(part)]
    elif get_origin(place) in {list, tuple} and isinstance(part, int):
        yield get_args(place)[0]
    elif get_origin(place) is dict:
        yield get_args(place)[1]


def _alternatives(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, UnionType}:
        for each in get_args(annotation):
            if each is not type(None):
                yield from _alternatives(each)
    else:
        yield annotation
