"""Dossier codes: ours has one shape; national codes are read in both shapes and refused when they cannot be."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.reference.dossier_code import is_own_code, national_code, own_code

TODAY = date(2026, 11, 22)


def test_our_code_names_ministry_year_and_number() -> None:
    assert own_code("G16", date(2026, 7, 6), 123) == "HK-G16-26-000123"


@given(st.integers(1, 999_999), st.dates(date(2026, 1, 1), date(2099, 12, 31)))
def test_our_codes_are_recognised_and_never_taken_for_national_ones(number: int, day: date) -> None:
    code = own_code("G16", day, number)
    assert is_own_code(code)
    with pytest.raises(ValueError, match="neither shape"):
        national_code(code, day)


@pytest.mark.parametrize(("ministry", "number"), [("G16", 0), ("G16", 10**6), ("Z16", 1), ("g16", 1), ("G1", 1)])
def test_our_code_refuses_what_does_not_fit(ministry: str, number: int) -> None:
    with pytest.raises(ValueError, match=r"lies between|no level-1"):
        own_code(ministry, TODAY, number)


@pytest.mark.parametrize(
    ("text", "shape", "agency", "organisation", "received_on", "order"),
    [
        ("000.00.00.H26-260930-0012", "legacy", "H26", "000.00.00.H26", date(2026, 9, 30), "0012"),
        ("000.A0.01.H26-210212-9090", "legacy", "H26", "000.A0.01.H26", date(2021, 2, 12), "9090"),
        ("H15.50.05.13-261008-0975", "current", "H15", "H15.50.05.13", date(2026, 10, 8), "0975"),
        ("G16-261122-1600123", "current", "G16", "G16", date(2026, 11, 22), "1600123"),
        ("G16.25-261122-0001", "current", "G16", "G16.25", date(2026, 11, 22), "0001"),
        ("  g16.25-261122-0001\n", "current", "G16", "G16.25", date(2026, 11, 22), "0001"),
    ],
)
def test_a_national_code_is_read_in_either_shape(
    text: str, shape: str, agency: str, organisation: str, received_on: date, order: str
) -> None:
    found = national_code(text, TODAY)
    assert (found.shape, found.agency, found.organisation, found.received_on, found.order) == (
        shape,
        agency,
        organisation,
        received_on,
        order,
    )
    assert found.text == text.strip().upper()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("000.00.00.H26-261322-0001", "month"),
        ("H26.1-261122-1", "neither shape"),
        ("Z01.02-261122-0001", "neither shape"),
        ("000.00.H26-261122-0001", "neither shape"),
        ("G16-261123-0001", "ahead"),
        ("G16.12345678.12345678.12345678.12345678-261122-0001", "more than 35"),
    ],
)
def test_a_national_code_that_cannot_be_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        national_code(text, TODAY)


def test_a_legacy_code_is_never_read_as_a_current_one() -> None:
    """Its last group is the agency; one that begins with a letter would fit both shapes, and legacy goes first."""
    assert national_code("A00.00.00.H26-261122-0001", TODAY).agency == "H26"
