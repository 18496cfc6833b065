"""The OpenAPI document, made from the routes and from the models that validate and answer."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from ovh_spawner import __version__
from ovh_spawner.constants import MAX_BODY_BYTES
from ovh_spawner.contract.api_v1_values import ErrorBody
from ovh_spawner.service.api.routes import Caller, Route, Text

JsonObject = dict[str, Any]

_ERRORS = {
    400: "The request is wrong, or the notebook is in a state in which this cannot be done.",
    401: "No valid token.",
    403: "Not allowed, or the project's quota is in use.",
    404: "It does not exist, or the caller may not know that it does.",
    413: f"The body is larger than {MAX_BODY_BYTES} bytes.",
}


def describe(routes: Sequence[Route], *, server_url: str) -> JsonObject:
    """Return the document for the public routes."""
    refs, components = _schemas(routes)
    paths: dict[str, JsonObject] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "AI notebooks",
            "version": __version__,
            "description": "Notebooks, their data and what they cost. Vendor-compatible under /v1/notebook, "
            "/v1/capabilities and /v1/me.",
        },
        "servers": [{"url": server_url}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of the hub's token page, or an application token.",
                }
            },
        },
        "tags": [{"name": noun} for noun in dict.fromkeys(route.noun for route in routes)],
    }


def _schemas(routes: Iterable[Route]) -> tuple[dict[type[BaseModel], JsonObject], JsonObject]:
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(ErrorBody, "serialization"): None}
    for route in routes:
        if route.body is not None:
            wanted[route.body, "validation"] = None
        if (answer := _model(route.answer)) is not None:
            wanted[answer, "serialization"] = None
    by_model, definitions = models_json_schema(list(wanted), ref_template="#/components/schemas/{model}")
    refs = {model: schema for (model, _), schema in by_model.items() if issubclass(model, BaseModel)}
    return refs, _without_null_defaults(definitions.get("$defs", {}))


def _without_null_defaults(schema: Any) -> Any:
    """Leave out ``default: null``: it means "absent" here, and most of these values may not be null."""
    if isinstance(schema, dict):
        kept = {key: value for key, value in schema.items() if not (key == "default" and value is None)}
        return {key: _without_null_defaults(value) for key, value in kept.items()}
    if isinstance(schema, list):
        return [_without_null_defaults(item) for item in schema]
    return schema


def _model(answer: Any) -> type[BaseModel] | None:
    kind = get_args(answer)[0] if get_origin(answer) is list else answer
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _operation(route: Route, refs: dict[type[BaseModel], JsonObject]) -> JsonObject:
    operation: JsonObject = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "tags": [route.noun],
        "parameters": [*_path_parameters(route.path), *_query_parameters(route.query)],
        "responses": {str(route.status): _success(route, refs), **_refusals(route, refs)},
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": refs[route.body]}},
        }
    if route.caller is Caller.USER:
        operation["security"] = [{"token": []}]
    if route.deprecated:
        operation["deprecated"] = True
    return operation


def _path_parameters(path: str) -> list[JsonObject]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"}
            if name in {"notebook", "token"}
            else {"type": "string"},
        }
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _query_parameters(model: type[BaseModel]) -> list[JsonObject]:
    schema = model.model_json_schema(ref_template="{model}")
    definitions = schema.get("$defs", {})
    found = []
    for name, field in schema.get("properties", {}).items():
        inner = _without_null_defaults(_inline(field, definitions))
        inner.pop("title", None)
        description = inner.pop("description", "")
        found.append(
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", []),
                "description": description,
                "schema": inner,
            }
        )
    return found


def _inline(schema: Any, definitions: JsonObject) -> Any:
    """Put definitions in the place of references: a parameter's few words are read where they stand."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inline(definitions[schema["$ref"]], definitions)
        return {key: _inline(value, definitions) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_inline(item, definitions) for item in schema]
    return schema


def _success(route: Route, refs: dict[type[BaseModel], JsonObject]) -> JsonObject:
    if route.answer is None:
        return {"description": "Done."}
    if route.answer is Text:
        endings = {"csv": "text/csv", "jsonl": "application/jsonl"}
        kind = endings.get(route.path.rpartition(".")[2], "application/json")
        return {"description": "The text.", "content": {kind: {"schema": {"type": "string"}}}}
    model = _model(route.answer)
    schema: JsonObject = refs[model] if model else {}
    if get_origin(route.answer) is list:
        schema = {"type": "array", "items": schema}
    return {"description": "The answer.", "content": {"application/json": {"schema": schema}}}


def _refusals(route: Route, refs: dict[type[BaseModel], JsonObject]) -> JsonObject:
    # 400: a query parameter that is not known is refused everywhere.
    statuses = {400, *route.errors}
    statuses |= {401, 403} if route.caller is Caller.USER else set()
    statuses |= {413} if route.body is not None else set()
    return {
        str(status): {
            "description": _ERRORS[status],
            "content": {"application/json": {"schema": refs[ErrorBody]}},
        }
        for status in sorted(statuses)
    }
