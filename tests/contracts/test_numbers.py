"""Numbers as people and programs write them, and nothing that only Python reads as a number."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.contracts.numbers import Reported


@pytest.mark.parametrize("text", ["1_5", "1_000", "٣٩٩", "１", "1\u00a0", "", "x", "NaN"])
def test_what_is_no_plain_number_is_none(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Reported).validate_python(text)


@pytest.mark.parametrize("text", ["15", "1.5", "-0.0001", "+3", "1e3", "1000000000000"])
def test_plain_numbers_are_read_exactly(text: str) -> None:
    assert TypeAdapter(Reported).validate_json(f'"{text}"') == Decimal(text)
