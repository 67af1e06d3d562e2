"""The house's fences hold, and each of them catches what it is there for."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = {
    contract["id"]: contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
}

VIOLATIONS: dict[str, list[tuple[str, str]]] = {
    "house": [
        ("shared/client/__init__.py", "import deploy.cli"),
        ("services/decisions/handlers.py", "import deploy.demo"),
        ("shared/client/__init__.py", "import services.decisions.core"),
    ],
    "services": [
        ("services/decisions/handlers.py", "import services.applications.core"),
        ("services/billing/__init__.py", ""),
    ],
    "rooms": [
        ("services/applications/core/slip.py", "import services.applications.store"),
        ("services/decisions/store/slip.py", "import services.decisions.handlers"),
        ("services/applications/handlers/slip.py", "import services.applications.api"),
        ("services/decisions/sweep.py", "import services.decisions.main"),
        ("services/applications/helpers.py", ""),
    ],
    "rooms-monitoring": [
        ("services/monitoring/core/slip.py", "import services.monitoring.engine"),
        ("services/monitoring/store/slip.py", "import services.monitoring.engine"),
        ("services/monitoring/engine/slip.py", "import services.monitoring.consumers"),
        ("services/monitoring/utils.py", ""),
    ],
    "core": [
        ("services/applications/core/slip.py", "import random"),
        ("services/monitoring/core/slip.py", "import psycopg"),
        ("services/decisions/core/slip.py", "from shared.platform import clock"),
        ("services/decisions/core/slip.py", "from shared.reference import load"),
    ],
    "shared": [
        ("shared/contracts/slip.py", "import shared.reference.calendar"),
        ("shared/client/__init__.py", "import shared.platform"),
        ("shared/platform/slip.py", "import shared.reference.rows"),
        ("shared/helpers/__init__.py", ""),
    ],
    "platform": [
        ("shared/platform/slip.py", "import shared.contracts.pilot"),
        ("shared/platform/slip.py", "from shared.contracts.events import applications"),
        ("shared/platform/slip.py", "from shared.contracts import topics"),
    ],
    "reference": [
        ("shared/reference/calendar.py", "import shared.reference.load"),
        ("shared/reference/cache.py", ""),
    ],
    "reference-load": [
        ("services/applications/handlers/slip.py", "import shared.reference.load"),
    ],
    "deploy": [
        ("deploy/tools/__init__.py", ""),
    ],
    "tests": [
        ("services/monitoring/settings.py", "import tests.contracts"),
    ],
}


def lint(root: Path, contract: str | None = None) -> subprocess.CompletedProcess[str]:
    only = [] if contract is None else ["--contract", contract]
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", *only], cwd=root, capture_output=True, text=True, check=False
    )


def plant(root: Path, path: str, code: str) -> None:
    """Append ``code`` to the file, or to the room of that name where the room is a folder."""
    target = root / path
    if target.parent.with_suffix(".py").exists():
        target = target.parent.with_suffix(".py")
    elif (room := target.with_suffix("")).is_dir():
        target = room / "__init__.py"
    target.parent.mkdir(exist_ok=True)
    with target.open("a", encoding="utf-8") as file:
        file.write(f"\n{code}\n")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for part in ("services", "shared", "deploy"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_house_keeps_its_rules() -> None:
    found = lint(ROOT)
    assert found.returncode == 0, found.stdout


def test_every_contract_has_a_violation_that_proves_it() -> None:
    assert set(VIOLATIONS) == set(CONTRACTS)


@pytest.mark.parametrize(
    ("contract", "path", "code"), [(contract, *planted) for contract in VIOLATIONS for planted in VIOLATIONS[contract]]
)
def test_a_planted_violation_is_caught(copy: Path, contract: str, path: str, code: str) -> None:
    plant(copy, path, code)
    found = lint(copy, contract)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "1 broken" in found.stdout, found.stdout + found.stderr
