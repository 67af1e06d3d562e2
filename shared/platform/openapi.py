"""The OpenAPI document of a service: FastAPI's, with what holds for every operation and what no handler declares by itself: bearer
tokens, problem details, the ``Idempotency-Key``, and that a field which the document does not name is refused at any depth."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Set
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shared.platform import idempotency
from shared.platform.access import PUBLIC, AccessTable
from shared.platform.problems import MEDIA_TYPE, ProblemDetails

_WORDS = {
    "400": "The body is not valid JSON.",
    "401": "No bearer token, or one that does not hold.",
    "403": "The caller's role may not do this.",
    "404": "There is no such thing, or it is not the caller's.",
    "409": "The state of things does not allow it, or the Idempotency-Key was used with another body.",
    "413": "The body is too large.",
    "415": "The media type is not accepted.",
    "422": "A field is not valid, or a query parameter is none of those listed; each error names it by a JSON pointer.",
    "429": "Too many such requests from one address, or from all together; Retry-After says how many seconds to wait.",
    "503": "Something that this needs is away for a moment; Retry-After says how long to wait.",
}
_ALWAYS = ("404", "409", "422", "503")
_GUARDED = ("401", "403")
_WITH_BODY = ("400", "413", "415")
_SCHEMAS = "#/components/schemas/"


def document(app: FastAPI, access: AccessTable, limited: Set[str]) -> dict[str, Any]:
    """The document of ``app``, whose operation ids begin with their action. ``limited`` are the actions that have a rate limit."""
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    spec = copy.deepcopy(made)  # what routes say of themselves is theirs
    components = spec.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["ProblemDetails"] = problem
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    components["responses"] = {f"Problem{status}": _response(words) for status, words in _WORDS.items()}
    components["responses"]["Problem429"]["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
    components["responses"]["Problem"] = _response("Any other refusal.")
    _hoist(spec)
    seen: set[str] = set()
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            action = operation["operationId"]
            public = access[action].ownership == PUBLIC
            operation["security"] = [] if public else [{"bearer": []}]
            _declare(operation, public=public, limited=action in limited)
            if action in seen:
                operation["operationId"] = f"{action}:{method}:{path}"
            seen.add(action)
    _close(spec)
    return spec


def _declare(operation: dict[str, Any], *, public: bool, limited: bool) -> None:
    for parameter in operation.get("parameters", ()):
        if (parameter["in"], parameter["name"].lower()) == ("header", idempotency.HEADER.lower()):
            parameter |= {"name": idempotency.HEADER, "required": True, "schema": idempotency.SCHEMA}
    responses = operation["responses"]
    responses.pop("422", None)
    statuses = (*_ALWAYS, *(() if public else _GUARDED), *(_WITH_BODY if "requestBody" in operation else ()))
    statuses += ("429",) if limited else ()
    for status in sorted(statuses):
        responses.setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})
    responses["default"] = {"$ref": "#/components/responses/Problem"}


def _response(words: str) -> dict[str, Any]:
    return {"description": words, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}}


def _hoist(spec: dict[str, Any]) -> None:
    """A body that a route describes itself (``openapi_extra``) brings its definitions along: they belong with the others."""
    for methods in spec["paths"].values():
        for operation in methods.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                definitions = content["schema"].get("$defs")
                if definitions:
                    spec["components"]["schemas"].update(definitions)
                    content["schema"] = {name: said for name, said in content["schema"].items() if name != "$defs"}


def _close(spec: dict[str, Any]) -> None:
    """Say of the objects that a caller sends that they have no further fields. One that is answered too is open there, since answers
    grow: what is sent then has a schema of its own."""
    schemas = spec["components"]["schemas"]
    operations = [operation for methods in spec["paths"].values() for operation in methods.values()]
    sent = _reached(schemas, [operation.get("requestBody") for operation in operations])
    answered = _reached(schemas, [operation["responses"] for operation in operations])
    objects = {name for name in sent if "properties" in schemas[name]}
    twins = {_SCHEMAS + name: f"{_SCHEMAS}{name}-Input" for name in objects & answered}
    for name in sorted(objects):
        closed = {"additionalProperties": False, **_renamed(schemas[name], twins)}
        schemas[twins.get(_SCHEMAS + name, name).removeprefix(_SCHEMAS)] = closed
    for operation in operations:
        if "requestBody" in operation:
            operation["requestBody"] = _renamed(operation["requestBody"], twins)


def _reached(schemas: Mapping[str, Any], start: Any) -> set[str]:
    """The names of the schemas to which ``start`` refers, and those refer, and so on."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for reference in _references(waiting.pop()):
            name = reference.removeprefix(_SCHEMAS)
            if name not in found:
                found.add(name)
                waiting.append(schemas[name])
    return found


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, str) and part.startswith(_SCHEMAS):
        yield part
    elif isinstance(part, Mapping):
        for inner in part.values():
            yield from _references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _references(inner)


def _renamed(part: Any, names: Mapping[str, str]) -> Any:
    if isinstance(part, str):
        return names.get(part, part)
    if isinstance(part, Mapping):
        return {key: _renamed(inner, names) for key, inner in part.items()}
    if isinstance(part, list):
        return [_renamed(inner, names) for inner in part]
    return part
