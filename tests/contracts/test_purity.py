"""Core is pure: it imports only what is listed here, and asks neither a clock nor chance."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# fmt: off
PURE_STDLIB = frozenset({
    "__future__", "abc", "bisect", "calendar", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "re", "string", "types", "typing", "unicodedata", "uuid",
    "zoneinfo",
})
# fmt: on
PURE_OURS = ("shared.contracts", "shared.reference.rows", "shared.reference.calendar", "shared.reference.dossier_code")
NOT_PURE = ("shared.contracts.asyncapi",)
"""Reads the example files: for main alone."""

CLOCKS = frozenset({"now", "today", "utcnow"})
CHANCE = frozenset({"uuid1", "uuid4", "uuid7", "random", "randint", "token_hex", "urandom", "getrandbits"})
OUTSIDE = frozenset({"open", "print", "input", "exec", "eval", "__import__"})


def violations(source: str, own: str) -> Iterator[str]:
    """What makes the module impure; ``own`` is the package that it may import freely."""
    tree = ast.parse(source)
    dates = {"datetime", "date"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "datetime":
            dates |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            dates |= {alias.asname for alias in node.names if alias.name == "datetime" and alias.asname}
    for node in ast.walk(tree):
        for module in _imported(node):
            if not _allowed(module, own):
                yield f"line {node.lineno}: imports {module}"  # type: ignore[attr-defined]
            elif module.rpartition(".")[2] in CHANCE:
                yield f"line {node.lineno}: asks chance ({module})"  # type: ignore[attr-defined]
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS and _base(node) in dates:
            yield f"line {node.lineno}: asks the clock ({node.attr})"
        if isinstance(node, ast.Attribute | ast.Name) and _name(node) in CHANCE:
            yield f"line {node.lineno}: asks chance ({_name(node)})"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in OUTSIDE:
            yield f"line {node.lineno}: reaches outside ({node.func.id})"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _allowed(module: str, own: str) -> bool:
    if module.split(".")[0] in PURE_STDLIB:
        return True
    within = [f"{module}.".startswith(f"{package}.") for package in (*PURE_OURS, own)]
    return any(within) and not any(f"{module}.".startswith(f"{package}.") for package in NOT_PURE)


def _base(node: ast.Attribute) -> str | None:
    return _name(node.value)


def _name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


CORES = sorted(ROOT.glob("services/*/core/**/*.py"))
PURE_HALF = sorted(
    [
        ROOT / "shared/reference/calendar.py",
        ROOT / "shared/reference/dossier_code.py",
        *ROOT.glob("shared/reference/rows/**/*.py"),
    ]
)


def test_there_are_three_cores() -> None:
    assert {path.relative_to(ROOT).parts[1] for path in CORES} == {"applications", "monitoring", "decisions"}


@pytest.mark.parametrize("path", CORES, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_is_pure(path: Path) -> None:
    own = ".".join(path.relative_to(ROOT).parts[:3])
    assert list(violations(path.read_text("utf-8"), own)) == []


@pytest.mark.parametrize("path", PURE_HALF, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_core_may_import_of_reference_is_pure(path: Path) -> None:
    found = violations(path.read_text("utf-8"), "shared.reference.rows")
    assert [line for line in found if "imports pydantic" not in line] == []


@pytest.mark.parametrize(
    "source",
    [
        "import random",
        "import os.path",
        "from time import monotonic",
        "from shared.platform import clock",
        "from shared.reference import load",
        "from shared.contracts.asyncapi import document",
        "from shared.contracts import asyncapi",
        "from datetime import datetime\nx = datetime.now()",
        "import datetime\nx = datetime.datetime.now()",
        "import datetime as dt\nx = dt.date.today()",
        "from datetime import datetime as moment\nfactory = moment.utcnow",
        "from uuid import uuid4 as fresh",
        "import uuid\nx = uuid.uuid4()",
        "from dataclasses import field\nfrom uuid import uuid4\nx = field(default_factory=uuid4)",
        "text = open('rules.toml').read()",
    ],
)
def test_a_planted_impurity_is_caught(source: str) -> None:
    assert list(violations(source, "services.decisions.core"))


def test_time_and_ids_as_arguments_are_pure() -> None:
    source = "from uuid import UUID, uuid5\ndef f(now, facts):\n    return uuid5(UUID(int=0), str(now)), facts.now"
    assert list(violations(source, "services.decisions.core")) == []
