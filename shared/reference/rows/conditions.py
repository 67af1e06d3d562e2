"""The two small languages of rules.toml: when a document is needed, and when a metric must be capped."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

_TERM = re.compile(r"(?P<name>[a-z][a-z0-9_]*) >= (?P<level>[123])")
_ABOVE = re.compile(r"(?P<input>[a-z][a-z0-9_]*) > (?P<bound>[0-9]+)")


@dataclass(frozen=True, slots=True)
class Needed:
    """``always | held_permit | <tier or criterion code> >= n``, joined by ``or``: any term that holds is enough."""

    always: bool
    held_permit: bool
    at_least: tuple[tuple[str, int], ...]

    def holds(self, levels: Mapping[str, int], tier: int, held_permit: bool) -> bool:
        """``levels`` by criterion code; a criterion that was not asked stands at level 1."""
        reached = any((tier if name == "tier" else levels.get(name, 1)) >= level for name, level in self.at_least)
        return self.always or (self.held_permit and held_permit) or reached


@dataclass(frozen=True, slots=True)
class RequiredWhen:
    """``always | <criterion input> > n``. ``input`` None means always."""

    input: str | None = None
    bound: int = 0

    def holds(self, answers: Mapping[str, str | int]) -> bool:
        """An input that was not answered with a number does not ask for the cap."""
        if self.input is None:
            return True
        given = answers.get(self.input)
        return isinstance(given, int) and given > self.bound


@cache
def parse_needed(text: str) -> Needed:
    """Raises ``ValueError`` when ``text`` is not of the form above."""
    terms = text.split(" or ")
    at_least = []
    for term in terms:
        if term in ("always", "held_permit"):
            continue
        found = _TERM.fullmatch(term)
        if found is None:
            raise ValueError(f"{term!r} is none of: always, held_permit, <tier or criterion code> >= 1|2|3")
        at_least.append((found["name"], int(found["level"])))
    return Needed("always" in terms, "held_permit" in terms, tuple(at_least))


@cache
def parse_required_when(text: str) -> RequiredWhen:
    """Raises ``ValueError`` when ``text`` is not of the form above."""
    if text == "always":
        return RequiredWhen()
    found = _ABOVE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is neither always nor <criterion input> > n")
    return RequiredWhen(found["input"], int(found["bound"]))
