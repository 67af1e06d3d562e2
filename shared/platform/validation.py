"""What pydantic finds wrong with a request, as problems in Vietnamese and English, each with the pointer of its field."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from shared.contracts.errors import Problem, Refused, problem
from shared.contracts.messages import text
from shared.platform.problems import pointer

_NOT_A_NUMBER = "phải là số"
_NOT_AN_OBJECT = "phải là một đối tượng JSON"
_NOT_AN_INSTANT = "phải là thời điểm theo RFC 3339, kèm độ lệch giờ như +07:00"
_NOT_A_DATE = "phải là ngày theo dạng NĂM-THÁNG-NGÀY"

# By pydantic's error type (docs.pydantic.dev/latest/errors/validation_errors); a template's parameters are the error's context.
_VIETNAMESE: dict[str, str] = {
    "missing": "thiếu trường bắt buộc này",
    "extra_forbidden": "mẫu không có trường này",
    "string_type": "phải là chuỗi ký tự",
    "string_too_short": "cần ít nhất {min_length} ký tự",
    "string_too_long": "không được quá {max_length} ký tự",
    "string_pattern_mismatch": "không đúng mẫu {pattern}",
    "string_unicode": "có ký tự không hợp lệ trong Unicode",
    "int_type": "phải là số nguyên",
    "int_parsing": "phải là số nguyên",
    "int_from_float": "phải là số nguyên, không có phần lẻ",
    "int_parsing_size": "số quá lớn",
    "float_type": _NOT_A_NUMBER,
    "float_parsing": _NOT_A_NUMBER,
    "finite_number": "phải là số hữu hạn",
    "decimal_type": _NOT_A_NUMBER,
    "decimal_parsing": _NOT_A_NUMBER,
    "decimal_max_digits": "không được quá {max_digits} chữ số",
    "decimal_max_places": "không được quá {decimal_places} chữ số sau dấu phẩy",
    "decimal_whole_digits": "không được quá {whole_digits} chữ số trước dấu phẩy",
    "bool_type": "phải là true hoặc false",
    "bool_parsing": "phải là true hoặc false",
    "uuid_type": "phải là UUID",
    "uuid_parsing": "phải là UUID",
    "datetime_type": _NOT_AN_INSTANT,
    "datetime_parsing": _NOT_AN_INSTANT,
    "datetime_from_date_parsing": _NOT_AN_INSTANT,
    "timezone_aware": _NOT_AN_INSTANT,
    "instant_out_of_range": "phải nằm trong khoảng từ năm 1900 đến năm 2999",
    "date_type": _NOT_A_DATE,
    "date_parsing": _NOT_A_DATE,
    "date_from_datetime_parsing": _NOT_A_DATE,
    "date_from_datetime_inexact": _NOT_A_DATE,
    "greater_than": "phải lớn hơn {gt}",
    "greater_than_equal": "phải từ {ge} trở lên",
    "less_than": "phải nhỏ hơn {lt}",
    "less_than_equal": "không được quá {le}",
    "multiple_of": "phải là bội số của {multiple_of}",
    "enum": "phải là một trong: {expected}",
    "literal_error": "phải là một trong: {expected}",
    "list_type": "phải là một danh sách",
    "tuple_type": "phải là một danh sách",
    "set_type": "phải là một danh sách",
    "too_short": "cần ít nhất {min_length} mục",
    "too_long": "không được quá {max_length} mục",
    "dict_type": _NOT_AN_OBJECT,
    "model_type": _NOT_AN_OBJECT,
    "model_attributes_type": _NOT_AN_OBJECT,
    "union_tag_not_found": "thiếu trường phân loại {discriminator}",
    "union_tag_invalid": "trường phân loại {discriminator} phải là một trong: {expected_tags}",
    "none_required": "phải để trống (null)",
    "json_invalid": "không phải JSON hợp lệ",
    "recursion_depth_exceeded": "lồng nhau quá sâu",
    "named_twice": "không được nêu cùng một mục hai lần",
    "url_parsing": "phải là một địa chỉ URL",
}

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


def check_known(parameters: Iterable[str], known: Collection[str]) -> None:
    """Refuse query parameters that are not ``known``: a filter with a slip in its name would let everything through."""
    unknown = [name for name in dict.fromkeys(parameters) if name not in known][:_MOST_NAMED]
    if not unknown:
        return
    code = "unknown_parameter" if known else "no_parameters"
    found = [
        problem(code, pointer(("query", printable(name))), name=printable(name), known=", ".join(sorted(known)))
        for name in unknown
    ]
    refused = Refused(code, found[0].pointer, status=422, problems=found, name=printable(unknown[0]), known="")
    refused.main = found[0]
    raise refused


def check_json(body: bytes) -> None:
    """Refuse a JSON body with text that cannot be stored, or a number that is none. What is no JSON at all is left to the parser."""
    if not _SUSPECT.search(body):
        return
    try:
        document = json.loads(body, parse_constant=_Constant)
    except (ValueError, RecursionError):
        return
    for place, value in _leaves(document):
        if isinstance(value, _Constant):
            raise _refused(_said(place, "phải là số hữu hạn", f"{value.name} is no number"))
        if isinstance(value, float) and math.isinf(value):
            raise _refused(_said(place, "số quá lớn", "the number is too large"))
        if isinstance(value, str) and UNSTORABLE.search(value):
            raise _unstorable(place)


def printable(value: str) -> str:
    """``value`` cut to a length that fits a sentence, without what cannot be stored or shown."""
    return "".join(char if char.isprintable() else "\ufffd" for char in value[:100])


def unstorable_value() -> Problem:
    """A value of which no more is known than that the database could not keep it."""
    return _said("", "có giá trị ngoài phạm vi lưu được", "it has a value outside the range that can be stored")


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
    found = _said(place, "có ký tự NUL hoặc ký tự Unicode không hợp lệ", "it has a NUL or an invalid Unicode character")
    return _refused(found)


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
    english = UNSTORABLE.sub("\ufffd", str(error["msg"])).removeprefix("Value error, ")
    template = _VIETNAMESE.get(error["type"])
    try:
        vietnamese = template.format(**error.get("ctx", {})) if template else f"không đạt quy tắc ({english})"
    except (KeyError, IndexError):
        vietnamese = f"không đạt quy tắc ({english})"
    return _said(place, UNSTORABLE.sub("\ufffd", vietnamese), english)


def _said(place: str, vietnamese: str, english: str) -> Problem:
    words, field = text("invalid_field"), _field(place)
    return Problem(
        pointer=place,
        code="invalid_field",
        vi=words.vi.format(field=field, why=vietnamese),
        en=words.en.format(field=field, why=english),
    )


def _field(place: str) -> str:
    return place.lstrip("/").replace("/", ".").replace("~1", "/").replace("~0", "~") or "(body)"
