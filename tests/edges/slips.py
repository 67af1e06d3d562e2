"""Every slip that a document lets one make in a body that it accepts: each field left out, misnamed, of another type, out of range."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Place = tuple[str | int, ...]

_LONGEST = 25_000
"""Longer limits are not tried by a value that passes them: the body as a whole is limited too."""


@dataclass(frozen=True)
class Slip:
    """A body with one thing wrong, and the pointer of what is."""

    what: str
    body: Any
    pointer: str


def slips(document: Mapping[str, Any], schema: Mapping[str, Any], body: Any) -> Iterator[Slip]:
    """The slips in ``body``, which ``schema`` accepts."""
    yield Slip("a list", [body], "")
    yield Slip("null", None, "")
    for place, said, value in _walk(document, schema, body, ()):
        for what, wrong in _wrong(said, value):
            yield Slip(what, _with(body, place, wrong), _pointer(place))
        if isinstance(value, dict) and "properties" in said:
            yield Slip("an unknown field", _with(body, (*place, "x"), 1), _pointer((*place, "x")))
            for name in said.get("required", ()):
                yield Slip("a missing field", _without(body, (*place, name)), _pointer((*place, name)))


def _walk(
    document: Mapping[str, Any], schema: Mapping[str, Any], value: Any, place: Place
) -> Iterator[tuple[Place, Any, Any]]:
    """Each part of ``value`` with what the document says of it."""
    said = _said(document, schema, value)
    yield place, said, value
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in said.get("properties", {}):
                yield from _walk(document, said["properties"][name], inner, (*place, name))
    elif isinstance(value, list) and value and "items" in said:
        yield from _walk(document, said["items"], value[0], (*place, 0))


def _said(document: Mapping[str, Any], schema: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
    if "$ref" in schema:
        found: Any = document
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        return _said(document, found, value)
    choices = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    fitting = [one for one in choices if one.get("type") == "string"] if isinstance(value, str) else choices
    return _said(document, (fitting or choices)[0], value) if choices else schema


def _wrong(said: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    """Values of the same place that cannot be right."""
    if isinstance(value, dict):
        yield "text for an object", "x"
        return
    yield "an object", {"x": 1}
    if isinstance(value, list):
        if said.get("minItems"):
            yield "too few", value[: said["minItems"] - 1]
        if value and said.get("maxItems", _LONGEST) <= 500:
            yield "too many", value[:1] * (said["maxItems"] + 1)
    elif isinstance(value, str):
        yield from _wrong_text(said, value)
    elif isinstance(value, bool):
        yield "a word", "perhaps"
        yield "a number", int(value)
    else:
        yield from _wrong_number(said)


def _wrong_text(said: Mapping[str, Any], value: str) -> Iterator[tuple[str, Any]]:
    yield "a list", [value]
    yield "a NUL", value + "\0"
    yield "half a character", value + "\ud800"
    if "enum" in said or "const" in said or "pattern" in said or said.get("format") in ("uuid", "date", "date-time"):
        yield "nonsense", "✗ nonsense"
    if said.get("minLength"):
        yield "nothing", ""
        yield "blanks", "  "
    if said.get("maxLength", _LONGEST + 1) <= _LONGEST:
        yield "too long", "x" * (said["maxLength"] + 1)


def _wrong_number(said: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "a word", "many"
    yield "yes", True
    if said.get("type") == "integer":
        yield "digits", "1"
    yield "half", 0.00001
    if "minimum" in said:
        yield "too small", said["minimum"] - 1
    if "maximum" in said:
        yield "too large", said["maximum"] + 1
        yield "far too large", 10**30


def _with(body: Any, place: Place, value: Any) -> Any:
    if not place:
        return value
    changed = copy.deepcopy(body)
    _inside(changed, place[:-1])[place[-1]] = value
    return changed


def _without(body: Any, place: Place) -> Any:
    changed = copy.deepcopy(body)
    del _inside(changed, place[:-1])[place[-1]]
    return changed


def _inside(body: Any, place: Place) -> Any:
    for part in place:
        body = body[part]
    return body


def _pointer(place: Place) -> str:
    return "".join(f"/{part}" for part in place)


def encoded(body: Any) -> bytes:
    """``body`` as JSON in ASCII, so that it can carry what UTF-8 cannot."""
    return json.dumps(body).encode()
