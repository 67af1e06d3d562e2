"""Codes that people quote: our own, and the national dossier codes that other systems issue. Pure.

Our own, ``HK-G16-26-000123``, has the ministry's identifier, the year of receipt and a number from a sequence (gaps allowed): it cannot be
taken for a national code. A national code is optional, given by the national or a provincial system, and kept as text, never sorted by.

Sources for the national code: Decree 61/2018/NĐ-CP art. 26 and Circular 01/2018/TT-VPCP art. 19 (legacy shape, its agency levels last to
first); Decision 20/2020/QĐ-TTg arts 4–6 (current shape: level 1 first, at most 35 characters).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

LONGEST_ORGANISATION = 35
NUMBERS_A_YEAR = 10**6

_OWN = re.compile(r"HK-(?P<ministry>[A-Y][0-9]{2})-(?P<year>[0-9]{2})-(?P<number>[0-9]{6})")
_LEGACY = re.compile(
    r"[0-9A-Z]{3}\.[0-9A-Z]{2}\.[0-9A-Z]{2}\.(?P<l1>[A-Y][0-9]{2})-(?P<date>[0-9]{6})-(?P<seq>[0-9]{4})"
)
_CURRENT = re.compile(r"[A-Y][0-9]{2}(?:\.[0-9A-Z]{1,8}){0,6}-(?P<date>[0-9]{6})-(?P<seq>[0-9]{4,7})")


@dataclass(frozen=True, slots=True)
class NationalCode:
    """A national code in its normal spelling. ``agency`` is the level-1 identifier (G16 the culture ministry, H26 Hanoi)."""

    text: str
    shape: Literal["legacy", "current"]
    agency: str
    organisation: str
    received_on: date
    order: str


def own_code(ministry: str, received_on: date, number: int) -> str:
    """Our readable code for the ``number``-th dossier. Raises ``ValueError`` for an identifier or a number that does not fit."""
    if not 0 < number < NUMBERS_A_YEAR:
        raise ValueError(f"a dossier number lies between 1 and {NUMBERS_A_YEAR - 1}")
    code = f"HK-{ministry}-{received_on:%y}-{number:06d}"
    if not is_own_code(code):
        raise ValueError(f"{ministry!r} is no level-1 identifier")
    return code


def is_own_code(text: str) -> bool:
    """Whether ``text`` has the shape of our own code, in its normal spelling."""
    return _OWN.fullmatch(text) is not None


def national_code(text: str, today: date) -> NationalCode:
    """Read a national code, whatever its case and the blanks around it.

    Raises ``ValueError`` when it has neither shape, its date does not exist or lies after ``today``, or its organisation is too long.
    """
    normal = text.strip().upper()
    # Legacy first: its agency stands last, so reading it as a current code would name the wrong one.
    shape: Literal["legacy", "current"] = "legacy"
    found = _LEGACY.fullmatch(normal)
    if found is None:
        shape, found = "current", _CURRENT.fullmatch(normal)
    if found is None:
        raise ValueError("this has neither shape of a national dossier code")
    organisation = normal.split("-")[0]
    if len(organisation) > LONGEST_ORGANISATION:
        raise ValueError(f"the organisation has more than {LONGEST_ORGANISATION} characters")
    received_on = _date(found["date"])
    if received_on > today:
        raise ValueError("its date of receipt is ahead")
    agency = found["l1"] if shape == "legacy" else organisation[:3]
    return NationalCode(normal, shape, agency, organisation, received_on, found["seq"])


def _date(digits: str) -> date:
    """YYMMDD of this century. Raises ``ValueError`` for a day that does not exist."""
    return date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
