"""Exact numbers: decimals of at most four places, |value| <= 10^12, so that a sum is the same however it is grouped."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer

PLACES = 4
SCALE = 10**PLACES
LARGEST = Decimal(10) ** 12
LARGEST_LIMIT = Decimal(10) ** 14
"""A limit bounds a sum of many values: a season's revenue in VND passes 10^12. Scaled, it still fits 64 bits."""


def _places(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise ValueError("must be a finite number")
    if abs(value) > LARGEST_LIMIT:
        raise ValueError("must lie between -10^14 and 10^14")
    if value != value.quantize(Decimal(1).scaleb(-PLACES)):
        raise ValueError("must have at most 4 decimal places")
    return value


def _exact(value: Decimal) -> Decimal:
    if value.is_finite() and abs(value) > LARGEST:
        raise ValueError("must lie between -10^12 and 10^12")
    return _places(value)


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


Exact = Annotated[Decimal, AfterValidator(_exact), PlainSerializer(plain, return_type=str, when_used="json")]
"""A decimal on the wire as a JSON string in plain notation; a JSON number is read too."""

Limit = Annotated[Decimal, AfterValidator(_places), PlainSerializer(plain, return_type=str, when_used="json")]
"""The limit of a cap: as :data:`Exact`, and up to 10^14."""

Total = Annotated[Decimal, PlainSerializer(plain, return_type=str, when_used="json")]
"""A sum of :data:`Exact` values: as exact, without their bound."""
