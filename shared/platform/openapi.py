"""The OpenAPI document of a service: FastAPI's, with bearer tokens and problem details declared for each operation."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

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
    "422": "A field is not valid; each error names it by a JSON pointer.",
    "503": "Something that this needs is away for a moment; Retry-After says how long to wait.",
}
_ALWAYS = ("404", "409", "422", "503")
_GUARDED = ("401", "403")
_WITH_BODY = ("400", "413", "415")


def document(app: FastAPI, access: AccessTable) -> dict[str, Any]:
    """The document of ``app``, whose operation ids begin with their action."""
    spec = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = spec.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    problem = ProblemDetails.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["ProblemDetails"] = problem
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    components["responses"] = {f"Problem{status}": _response(words) for status, words in _WORDS.items()}
    components["responses"]["Problem"] = _response("Any other refusal.")
    seen: set[str] = set()
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            action = operation["operationId"]
            public = access[action].ownership == PUBLIC
            operation["security"] = [] if public else [{"bearer": []}]
            _declare(operation, public=public)
            if action in seen:
                operation["operationId"] = f"{action}:{method}:{path}"
            seen.add(action)
    return spec


def _declare(operation: dict[str, Any], *, public: bool) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    statuses = (*_ALWAYS, *(() if public else _GUARDED), *(_WITH_BODY if "requestBody" in operation else ()))
    for status in sorted(statuses):
        responses.setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})
    responses["default"] = {"$ref": "#/components/responses/Problem"}


def _response(words: str) -> dict[str, Any]:
    return {"description": words, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}}
