"""What pydantic finds wrong with a request, as problems in Vietnamese and English, each with the pointer of its field."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from shared.contracts.errors import Problem, Refused, problem
from shared.contracts.messages import text
from shared.platform.field_texts import FIELDS, RULE
from shared.platform.problems import pointer

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Characters that JSON can carry and PostgreSQL cannot keep: NUL, and halves of surrogate pairs that stand alone."""
_MOST_NAMED = 20
"""Strange parameters that one refusal names."""
_SUSPECT = re.compile(rb"\\u0000|\\u[dD][89a-fA-F]|\x00|NaN|Infinity|[0-9][eE]\+?[0-9]{3}|[0-9]{300}")


def problems(errors: Sequence[Mapping[str, Any]], sent: Any = None) -> list[Problem]:
    """One problem per pydantic error, in the order given. ``sent`` is what was validated: the pointers then name places in it, without
    the words of pydantic's own that stand in a location for the choices of a union and the keys of a map."""
    return [_problem(error, _placed(error, sent)) for error in errors]


def check_text(parameters: Mapping[str, str], *, place: str) -> None:
    """Refuse query or path parameters with a character that cannot be stored. ``place`` is ``query`` or ``path``."""
    for name, value in parameters.items():
        if UNSTORABLE.search(value):
            raise _unstorable(f"/{place}/{name}")


def check_known(parameters: Sequence[str], known: Collection[str]) -> None:
    """Refuse query parameters that are not ``known``, or stand there twice: a filter with a slip in its name would let everything
    through, and of two values nobody knows which is meant."""
    times = Counter(parameters)
    wrong = [name for name in times if name not in known or times[name] > 1][:_MOST_NAMED]
    if not wrong:
        return
    found = [
        problem(_fault(name, known), pointer(("query", printable(name))), name=printable(name), known=_listed(known))
        for name in wrong
    ]
    refused = Refused(found[0].code, found[0].pointer, status=422, problems=found, name=printable(wrong[0]), known="")
    refused.main = found[0]
    raise refused


def _fault(name: str, known: Collection[str]) -> str:
    if name in known:
        return "repeated_parameter"
    return "unknown_parameter" if known else "no_parameters"


def _listed(known: Collection[str]) -> str:
    return ", ".join(sorted(known))


def check_json(body: bytes) -> None:
    """Refuse a JSON body that is ``null`` (which is not the same as none), with text that cannot be stored, or with a number that is
    none. What is no JSON at all is left to the parser."""
    if body.strip() == b"null":
        raise _refused(_said("", "model_type"))
    if not _SUSPECT.search(body):
        return
    try:
        document = json.loads(body, parse_constant=_Constant)
    except (ValueError, RecursionError):
        return
    for place, value in _leaves(document):
        if isinstance(value, _Constant):
            raise _refused(_said(place, "not_finite", name=value.name))
        if isinstance(value, float) and math.isinf(value):
            raise _refused(_said(place, "too_large"))
        if isinstance(value, str) and UNSTORABLE.search(value):
            raise _unstorable(place)


def printable(value: str) -> str:
    """``value`` cut to a length that fits a sentence, without what cannot be stored or shown."""
    return "".join(char if char.isprintable() else "\ufffd" for char in value[:100])


def line_and_column(document: Any, position: Any) -> str:
    """Where the character at ``position`` of ``document`` stands, as ``line:column``, both from 1."""
    if not isinstance(document, str) or not isinstance(position, int):
        return "1:1"
    return f"{document.count(chr(10), 0, position) + 1}:{position - document.rfind(chr(10), 0, position)}"


def unstorable_value() -> Problem:
    """A value of which no more is known than that the database could not keep it."""
    return _said("", "out_of_range")


class _Constant:
    """``NaN``, ``Infinity`` or ``-Infinity``, which Python's parser takes and JSON does not have."""

    def __init__(self, name: str) -> None:
        self.name = name


def _leaves(document: Any) -> Iterator[tuple[str, Any]]:
    """All names and values with their pointers, without recursion: depth is the caller's to choose, our stack is not."""
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), document)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, dict):
            for name, inner in value.items():
                yield pointer(("body", *place)), name
                waiting.append(((*place, name), inner))
        elif isinstance(value, list):
            waiting.extend(((*place, index), inner) for index, inner in enumerate(value))
        else:
            yield pointer(("body", *place)), value


def _unstorable(place: str) -> Refused:
    place = UNSTORABLE.sub("\ufffd", place)
    return _refused(_said(place, "unstorable"))


def _refused(found: Problem) -> Refused:
    refused = Refused("invalid_field", found.pointer, status=422, problems=[found], field=_field(found.pointer), why="")
    refused.main = found
    return refused


def _placed(error: Mapping[str, Any], sent: Any) -> Sequence[Any]:
    """The location of ``error`` as a path into ``sent``. What is missing there, or may not be there, is its last part."""
    location = tuple(error["loc"])
    if sent is None or location[:1] != ("body",):
        return location
    found: list[Any] = ["body"]
    for number, part in enumerate(location[1:], start=2):
        inside = isinstance(sent, dict) and part in sent
        if inside or (isinstance(sent, list) and isinstance(part, int) and part < len(sent)):
            sent = sent[part]
        elif number < len(location) or error["type"] != "missing":
            continue
        found.append(part)
    return found


def _problem(error: Mapping[str, Any], location: Sequence[Any]) -> Problem:
    place = UNSTORABLE.sub("\ufffd", pointer(location))
    return _said(place, error["type"], **error.get("ctx", {}))


def _said(place: str, wrong: str, **context: object) -> Problem:
    """The problem at ``place``, by the type of what is wrong; ``context`` fills its words."""
    words, why = text("invalid_field" if place else "invalid_body"), FIELDS.get(wrong, RULE)
    vi, en = (UNSTORABLE.sub("\ufffd", each.format(**context)) for each in (why.vi, why.en))
    field = _field(place)
    return Problem(
        pointer=place,
        code="invalid_field",
        vi=words.vi.format(field=field, why=vi),
        en=words.en.format(field=field, why=en),
    )


def _field(place: str) -> str:
    return place.lstrip("/").replace("/", ".").replace("~1", "/").replace("~0", "~")
