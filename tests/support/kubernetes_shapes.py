"""Is a manifest what Kubernetes describes? Checked against its client's models: keys, types, what is required."""

import re
from collections.abc import Iterator
from typing import Any

from kubernetes_asyncio.client import Configuration, models

_PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object, "datetime": str}
_LIST = re.compile(r"list\[(.+)\]")
_DICT = re.compile(r"dict\(str, (.+)\)")


def mistakes(manifest: dict[str, Any]) -> list[str]:
    """Return what the API would not know, or miss."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    name = version.capitalize() + manifest["kind"]
    if not hasattr(models, name):
        return [f"{group} {name} is nothing that Kubernetes has"]
    return list(_mistakes(manifest, name, manifest["kind"]))


def _mistakes(value: Any, kind: str, path: str) -> Iterator[str]:
    if found := _LIST.fullmatch(kind):
        if not isinstance(value, list):
            yield f"{path}: a list is wanted, not {value!r}"
            return
        for number, item in enumerate(value):
            yield from _mistakes(item, found[1], f"{path}[{number}]")
    elif found := _DICT.fullmatch(kind):
        for key, item in value.items():
            yield from _mistakes(item, found[1], f"{path}.{key}")
    elif kind in _PLAIN:
        is_number_word = isinstance(value, bool) and kind not in {"bool", "object"}
        if is_number_word or not isinstance(value, _PLAIN[kind]):
            yield f"{path}: {kind} is wanted, not {value!r}"
    else:
        yield from _object(value, getattr(models, kind), path)


def _object(value: Any, model: Any, path: str) -> Iterator[str]:
    names = {key: attribute for attribute, key in model.attribute_map.items()}
    for key, item in value.items():
        if key not in names:
            yield f"{path}.{key}: not known"
        else:
            yield from _mistakes(item, model.openapi_types[names[key]], f"{path}.{key}")
    given = {names[key]: item for key, item in value.items() if key in names}
    try:
        # The models refuse a missing field that the API requires.
        model(**given, local_vars_configuration=Configuration())
    except ValueError as error:
        yield f"{path}: {error}"
