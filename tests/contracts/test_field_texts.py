"""Whatever pydantic may find wrong with a request is said in our own words, in both languages, and none of its own leak."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from string import Formatter
from typing import Any, cast, get_args

import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from pydantic_core import PydanticKnownError, core_schema

from shared.contracts.http.monitoring import ReportSent
from shared.platform import validation
from shared.platform.field_texts import FIELDS
from tests.contracts.test_access import TABLES, app_of
from tests.contracts.test_messages import VIETNAMESE

NOT_FROM_JSON = frozenset(
    {
        "no_such_attribute",
        "needs_python_object",
        "frozen_field",
        "frozen_instance",
        "get_attribute_error",
        "default_factory_not_called",
        "value_error",
        "assertion_error",
        "iteration_error",
    }
)
"""What only Python objects, and validators that raise Python's own errors, bring about: no request model has such a validator."""
KINDS: Mapping[str, tuple[str, ...]] = {
    "dataclass": ("dataclass_type", "dataclass_exact_type"),
    "named-tuple": ("named_tuple_type",),
    "generator": ("iterable_type",),
    "frozenset": ("frozen_set_type",),
    "frozendict": ("frozen_dict_type",),
    "ordered-dict": ("ordered_dict_type",),
    "counter": ("counter_type",),
    "deque": ("deque_type",),
    "set": ("set_item_not_hashable",),
    "bytes": ("bytes_type", "bytes_too_short", "bytes_too_long", "bytes_invalid_encoding"),
    "missing-sentinel": ("missing_sentinel_error",),
    "ellipsis": ("ellipsis_error",),
    "time": ("time_type", "time_parsing"),
    "timedelta": ("time_delta_type", "time_delta_parsing"),
    "is-instance": ("is_instance_of",),
    "is-subclass": ("is_subclass_of",),
    "callable": ("callable_type",),
    "arguments": (
        "arguments_type",
        "missing_argument",
        "unexpected_keyword_argument",
        "missing_keyword_only_argument",
        "unexpected_positional_argument",
        "missing_positional_only_argument",
        "multiple_argument_values",
    ),
    "url": ("url_type", "url_parsing", "url_syntax_violation", "url_too_long", "url_scheme"),
    "complex": ("complex_type", "complex_str_parsing"),
    "fraction": ("fraction_type", "fraction_parsing"),
}
"""The errors that only one kind of schema has. A kind that a request model begins to use needs words for its errors."""


def kinds(part: Any) -> Iterator[str]:
    """Every kind of schema in a core schema."""
    if isinstance(part, Mapping):
        if isinstance(part.get("type"), str):
            yield part["type"]
        for inner in part.values():
            yield from kinds(inner)
    elif isinstance(part, list | tuple):
        for inner in part:
            yield from kinds(inner)


def adapters() -> Iterator[TypeAdapter[Any]]:
    """What validates the bodies and the parameters of every route."""
    yield TypeAdapter(ReportSent)
    for service in TABLES:
        for route in app_of(service).router.routes:
            if isinstance(route, APIRoute):
                dependant = route.dependant
                fields = [*dependant.path_params, *dependant.query_params, *dependant.header_params]
                fields += [] if route.body_field is None else [route.body_field]
                for field in fields:
                    yield TypeAdapter(cast(Any, field.field_info.annotation))


USED = {kind for adapter in adapters() for kind in kinds(adapter.core_schema)}
POSSIBLE = frozenset(get_args(core_schema.ErrorType)) - NOT_FROM_JSON
NEEDED = sorted(POSSIBLE - {error for kind, errors in KINDS.items() if kind not in USED for error in errors})
# One context that has what any error asks for: whole numbers and texts as each wants them.
CONTEXT: dict[str, Any] = {
    "min_length": 1, "max_length": 9, "actual_length": 0, "field_type": "Tuple", "pattern": "^x$", "max_digits": 5,
    "decimal_places": 4, "whole_digits": 3, "gt": 1, "ge": 1, "lt": 9, "le": 9, "multiple_of": 2, "expected": "a",
    "discriminator": "kind", "tag": "x", "expected_tags": "a, b", "expected_version": 7, "error": "what the parser says",
    "class_name": "Model", "tz_expected": 1, "tz_actual": 2,
}  # fmt: skip


def test_the_request_models_are_found() -> None:
    assert {"model", "str", "tuple", "uuid", "datetime", "decimal", "enum", "literal", "int", "bool", "dict"} <= USED


@pytest.mark.parametrize("error", NEEDED)
def test_each_error_that_a_request_may_have_is_said_in_our_words(error: str) -> None:
    assert error in FIELDS, "a request may be refused for this, and it has no words"


@pytest.mark.parametrize("error", sorted(FIELDS))
def test_the_words_fit_what_pydantic_tells_and_are_of_their_language(error: str) -> None:
    words = FIELDS[error]
    assert _names(words.vi) == _names(words.en)
    assert set(words.en.lower()).isdisjoint(VIETNAMESE) and words.vi != words.en
    if error in get_args(core_schema.ErrorType):
        context = CONTEXT | ({"gt": Decimal(1)} if error == "decimal" else {})
        told = PydanticKnownError(cast(Any, error), cast(Any, context))
        said = validation.problems(
            [{"type": error, "loc": ("body", "x"), "msg": told.message(), "ctx": told.context or {}}]
        )
        assert "{" not in said[0].vi + said[0].en
        assert _names(words.vi) <= (told.context or {}).keys()


def _names(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def test_an_error_without_words_leaks_nothing() -> None:
    (said,) = validation.problems([{"type": "never_heard_of", "loc": ("body", "x"), "msg": "Input should be Foo"}])
    assert "Foo" not in said.vi + said.en
