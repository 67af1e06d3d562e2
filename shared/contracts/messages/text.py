"""A text in the two languages of the system."""

from __future__ import annotations

from typing import NamedTuple


class Text(NamedTuple):
    vi: str
    en: str
