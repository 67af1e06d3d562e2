"""Words as the register's search compares them: without case and without Vietnamese tone and vowel marks."""

from __future__ import annotations

import re
import unicodedata

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
