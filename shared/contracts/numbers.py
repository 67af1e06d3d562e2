"""Exact numbers: decimals of at most four places, |value| <= 10^12, so that a sum is the same however it is grouped."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer
from pydantic_core import PydanticKnownError

PLACES = 4
SCALE = 10**PLACES
LARGEST = Decimal(10) ** 12
LARGEST_LIMIT = Decimal(10) ** 14
"""A limit bounds a sum of many values: a season's revenue in VND passes 10^12. Scaled, it still fits 64 bits."""


def _within(value: Decimal, largest: Decimal) -> None:
    # Compared without arithmetic: of an exponent beyond what decimal reckons with, even abs() raises.
    if not value.is_finite():
        raise PydanticKnownError("finite_number")
    if value > largest:
        raise PydanticKnownError("less_than_equal", {"le": str(largest)})
    if value < -largest:
        raise PydanticKnownError("greater_than_equal", {"ge": str(-largest)})


def _places(value: Decimal) -> Decimal:
    _within(value, LARGEST_LIMIT)
    if value != value.quantize(Decimal(1).scaleb(-PLACES)):
        raise PydanticKnownError("decimal_max_places", {"decimal_places": PLACES})
    return value


def _exact(value: Decimal) -> Decimal:
    _within(value, LARGEST)
    return _places(value)


def _written(value: object) -> object:
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        raise PydanticKnownError("decimal_parsing")
    return value


def plain(value: Decimal) -> str:
    """The shortest plain notation: ``1240``, ``0.5``, never ``1.24E+3``."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def scaled(value: Decimal) -> int:
    """The value times 10^4 as an integer, the form in which monitoring adds. Raises ``ValueError`` for what :data:`Limit` refuses."""
    return int(_places(value).scaleb(PLACES))


def unscaled(value: int) -> Decimal:
    """The decimal that :func:`scaled` was given."""
    return Decimal(value).scaleb(-PLACES)


Exact = Annotated[
    Decimal,
    AfterValidator(_exact),
    PlainSerializer(plain, return_type=str, when_used="json"),
]
"""A decimal on the wire as a JSON string in plain notation; a JSON number is read too."""

Reported = Annotated[Exact, BeforeValidator(_written)]
"""As :data:`Exact`, from people: Python reads ``1_5`` as 15 and takes digits of every script, and who wrote 1.5 with a slip did not
mean 15."""

Limit = Annotated[
    Decimal,
    AfterValidator(_places),
    PlainSerializer(plain, return_type=str, when_used="json"),
]
"""The limit of a cap: as :data:`Exact`, and up to 10^14."""

Total = Annotated[Decimal, PlainSerializer(plain, return_type=str, when_used="json")]
"""A sum of :data:`Exact` values: as exact, without their bound."""
