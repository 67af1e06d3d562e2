"""Words as the register's search compares them: without case and without Vietnamese tone and vowel marks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_WORD = re.compile(r"[0-9a-z]+")


def folded(*texts: str) -> str:
    """The words of ``texts``, folded: ``Đờn ca tài tử`` becomes ``don ca tai tu``."""
    plain = unicodedata.normalize("NFD", " ".join(texts).casefold().replace("đ", "d"))
    bare = "".join(c for c in plain if not unicodedata.combining(c))
    return " ".join(_WORD.findall(bare))


def query(text: str) -> str:
    """A ``tsquery`` (configuration ``simple``) that asks for every word of ``text``, the last as a prefix; "" when it has no word."""
    words = folded(text).split()
    return " & ".join([*words[:-1], f"{words[-1]}:*"]) if words else ""


def query_spelt(text: str, endings: Iterable[str]) -> str:
    """The same with the last word spelt out: every word but the last, and one of ``endings``."""
    *whole, _ = folded(text).split()
    return " & ".join([*whole, f"({' | '.join(endings)})"])


def begun(text: str) -> str:
    """The last word of ``text``, which may have been begun only; "" when there is none."""
    return folded(text).rpartition(" ")[2]


def kept(words: Iterable[str]) -> list[str]:
    """Those of folded words whose beginnings are looked up: all but plain numbers, of which every pilot brings new ones."""
    return sorted({word for word in words if word and not word.isdigit()})
