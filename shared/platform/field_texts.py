"""What can be wrong with one field of a request, in Vietnamese and English, by pydantic's error type
(docs.pydantic.dev/latest/errors/validation_errors) or our own. A template's parameters are the error's context.
"""

from __future__ import annotations

from shared.contracts.messages.text import Text

_NUMBER = Text("phải là số", "it must be a number")
_WHOLE = Text("phải là số nguyên", "it must be a whole number")
_TOO_LARGE = Text("số quá lớn", "the number is too large")
_YES_OR_NO = Text("phải là true hoặc false", "it must be true or false")
_UUID = Text("phải là UUID", "it must be a UUID")
_LIST = Text("phải là một danh sách", "it must be a list")
_OBJECT = Text("phải là một đối tượng JSON", "it must be a JSON object")
_INSTANT = Text(
    "phải là thời điểm theo RFC 3339, kèm độ lệch giờ như +07:00",
    "it must be an instant as RFC 3339 writes it, with its offset from UTC, such as +07:00",
)
_DATE = Text("phải là ngày theo dạng NĂM-THÁNG-NGÀY", "it must be a date as YEAR-MONTH-DAY")
_EXPECTED = Text("phải là một trong: {expected}", "it must be one of: {expected}")

RULE = Text("không đạt quy tắc của trường này", "it does not keep to the rule of this field")
"""What is said of an error that has no words of its own."""

FIELDS: dict[str, Text] = {
    "missing": Text("thiếu trường bắt buộc này", "it is required and missing"),
    "extra_forbidden": Text("mẫu không có trường này", "the form has no such field"),
    "invalid_key": Text("tên trường phải là chuỗi ký tự", "the name of a field must be text"),
    "string_type": Text("phải là chuỗi ký tự", "it must be text"),
    "string_too_short": Text("cần ít nhất {min_length} ký tự", "it is too short: at least {min_length} characters"),
    "string_too_long": Text("không được quá {max_length} ký tự", "it is too long: at most {max_length} characters"),
    "string_pattern_mismatch": Text("không đúng mẫu {pattern}", "it does not fit the pattern {pattern}"),
    "string_unicode": Text("có ký tự không hợp lệ trong Unicode", "it has a character that is not valid Unicode"),
    "string_not_ascii": Text("chỉ được dùng ký tự ASCII", "it may have ASCII characters only"),
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": Text("phải là số nguyên, không có phần lẻ", "it must be a whole number, without a fraction"),
    "int_parsing_size": _TOO_LARGE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": Text("phải là số hữu hạn", "it must be a finite number"),
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "decimal_max_digits": Text("không được quá {max_digits} chữ số", "it may have at most {max_digits} digits"),
    "decimal_max_places": Text(
        "không được quá {decimal_places} chữ số sau dấu phẩy", "it may have at most {decimal_places} decimal places"
    ),
    "decimal_whole_digits": Text(
        "không được quá {whole_digits} chữ số trước dấu phẩy",
        "it may have at most {whole_digits} digits before the decimal point",
    ),
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "uuid_version": Text(
        "phải là UUID phiên bản {expected_version}", "it must be a UUID of version {expected_version}"
    ),
    "datetime_type": _INSTANT,
    "datetime_parsing": _INSTANT,
    "datetime_object_invalid": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "datetime_past": Text("phải là thời điểm đã qua", "it must lie in the past"),
    "datetime_future": Text("phải là thời điểm sắp tới", "it must lie ahead"),
    "timezone_naive": Text("không được kèm độ lệch giờ", "it must have no offset from UTC"),
    "timezone_aware": _INSTANT,
    "timezone_offset": Text("độ lệch giờ không đúng", "its offset from UTC is another than is due"),
    "instant_out_of_range": Text(
        "phải nằm trong khoảng từ năm 1900 đến năm 2999", "it must lie between the years 1900 and 2999"
    ),
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "date_past": Text("phải là ngày đã qua", "it must be a day in the past"),
    "date_future": Text("phải là ngày sắp tới", "it must be a day ahead"),
    "greater_than": Text("phải lớn hơn {gt}", "it must be more than {gt}"),
    "greater_than_equal": Text("phải từ {ge} trở lên", "it must be {ge} or more"),
    "less_than": Text("phải nhỏ hơn {lt}", "it must be less than {lt}"),
    "less_than_equal": Text("không được quá {le}", "it must be {le} or less"),
    "multiple_of": Text("phải là bội số của {multiple_of}", "it must be a multiple of {multiple_of}"),
    "enum": _EXPECTED,
    "literal_error": _EXPECTED,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "too_short": Text("cần ít nhất {min_length} mục", "it has too few entries: at least {min_length}"),
    "too_long": Text("không được quá {max_length} mục", "it has too many entries: at most {max_length}"),
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "union_tag_not_found": Text(
        "thiếu trường phân loại {discriminator}", "the field {discriminator}, which says what kind it is, is missing"
    ),
    "union_tag_invalid": Text(
        "trường phân loại {discriminator} phải là một trong: {expected_tags}",
        "the field {discriminator}, which says what kind it is, must be one of: {expected_tags}",
    ),
    "none_required": Text("phải để trống (null)", "it must be null"),
    "json_invalid": Text("không phải JSON hợp lệ", "it is not valid JSON"),
    "json_type": Text("phải là chuỗi JSON", "it must be JSON as text"),
    "recursion_loop": Text("chứa chính nó", "it contains itself"),
    "recursion_depth_exceeded": Text("lồng nhau quá sâu", "it is nested too deeply"),
    "named_twice": Text("không được nêu cùng một mục hai lần", "it must not name the same one twice"),
    "not_finite": Text("phải là số hữu hạn ({name})", "{name} is no number"),
    "too_large": _TOO_LARGE,
    "out_of_range": Text("có giá trị ngoài phạm vi lưu được", "it has a value outside the range that can be stored"),
    "unstorable": Text("có ký tự NUL hoặc ký tự Unicode không hợp lệ", "it has a NUL or an invalid Unicode character"),
}
