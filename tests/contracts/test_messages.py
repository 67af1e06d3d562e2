"""Every refusal has words in both languages, and no words are left over."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

import pytest

from shared.contracts.errors import problem
from shared.contracts.messages import TEXTS

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for part in ("services", "shared", "deploy")
    for path in (ROOT / part).rglob("*.py")
    if "messages" not in path.relative_to(ROOT).parts
)
RAISERS: dict[str, frozenset[str]] = {
    "Refused": frozenset({"pointer", "status", "problems"}),
    "problem": frozenset(),
    "Flaw": frozenset({"pointer", "status"}),
}
"""What raises a code, with the keywords that are its own; every other keyword fills the text."""

VIETNAMESE = frozenset("ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ")


@dataclass(frozen=True)
class Raised:
    """A code that is raised. ``given`` is None where the parameters come from a mapping and cannot be read here."""

    where: str
    code: str
    given: frozenset[str] | None


def raised_in(source: str, where: str) -> Iterator[Raised]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and _called(node) in RAISERS and node.args:
            for code in _literals(node.args[0]):
                yield Raised(f"{where}:{node.lineno}", code, _given(node))


def _given(node: ast.Call) -> frozenset[str] | None:
    """The names of the parameters: keywords, or the keys of a mapping ``params``."""
    mappings = [each.value for each in node.keywords if each.arg == "params"]
    mappings += [each for each in node.args if isinstance(each, ast.Dict)]
    if any(each.arg is None for each in node.keywords) or not all(isinstance(each, ast.Dict) for each in mappings):
        return None
    keys = [key for each in mappings if isinstance(each, ast.Dict) for key in each.keys]
    names = {str(key.value) for key in keys if isinstance(key, ast.Constant)}
    return frozenset(names | {str(each.arg) for each in node.keywords if each.arg != "params"}) - RAISERS[_called(node)]


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _literals(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    return [*_literals(node.body), *_literals(node.orelse)] if isinstance(node, ast.IfExp) else []


def placeholders(template: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)


def faults(found: Raised) -> list[str]:
    if found.code not in TEXTS:
        return [f"{found.where}: the code {found.code!r} has no texts"]
    wanted = placeholders(TEXTS[found.code].vi)
    if found.given is None or found.given == wanted:
        return []
    return [f"{found.where}: {found.code!r} is given {sorted(found.given)}, its texts ask for {sorted(wanted)}"]


RAISED = [found for path in SOURCES for found in raised_in(path.read_text("utf-8"), str(path.relative_to(ROOT)))]


def test_every_code_that_is_raised_has_texts_that_fit_its_parameters() -> None:
    assert len(RAISED) > 50
    assert [fault for found in RAISED for fault in faults(found)] == []


@pytest.mark.parametrize("code", sorted(TEXTS))
def test_both_languages_say_the_same_thing(code: str) -> None:
    text = TEXTS[code]
    assert placeholders(text.vi) == placeholders(text.en)
    assert text.vi.strip() != text.en.strip()
    assert set(text.vi.lower()) & VIETNAMESE, "the Vietnamese text is not Vietnamese"
    assert not set(text.en.lower()) & VIETNAMESE, "the English text is not English"
    filled = problem(code, **dict.fromkeys(placeholders(text.vi), "x"))
    assert "{" not in filled.vi + filled.en


def test_no_text_is_left_over() -> None:
    """A code may be raised by its literal or named in a table: it stands in some source as a string."""
    named = {
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert sorted(set(TEXTS) - named - {f"not_found_{thing.replace(' ', '_')}" for thing in named}) == []


def test_everything_that_may_not_be_found_has_words_of_its_own() -> None:
    """``NotFound("case")``, ``check(…, what="case")`` and the helpers of the desk, which take it last."""
    things = {
        literal
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        for literal in _things(node)
    }
    assert {"pilot", "case", "proposal", "chain"} <= things
    assert {f"not_found_{thing.replace(' ', '_')}" for thing in things} - set(TEXTS) == set()


def _things(node: ast.Call) -> list[str]:
    given = node.args[-1:] if _called(node) in ("NotFound", "_seen") else []
    given += [each.value for each in node.keywords if each.arg == "what" and _called(node) == "check"]
    return [literal for each in given for literal in _literals(each)]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("raise Refused('no_such_code')", "has no texts"),
        ("problem('invalid_field', '/x', field='x')", "is given ['field'], its texts ask for ['field', 'why']"),
        ("errors.problem('forbidden', action='x', whom='y')", "is given ['action', 'whom']"),
        ("Flaw('forbidden', '/x', 409, {'where': 1})", "is given ['where'], its texts ask for ['action']"),
        ("Flaw('forbidden', '/x', params={'where': 1})", "is given ['where'], its texts ask for ['action']"),
        ("Refused('not_found' if a else 'no_such_code')", "has no texts"),
    ],
)
def test_a_planted_slip_is_caught(source: str, expected: str) -> None:
    (fault,) = [fault for found in raised_in(source, "x.py") for fault in faults(found)]
    assert expected in fault
