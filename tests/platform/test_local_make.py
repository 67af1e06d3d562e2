"""What a newcomer meets first: make, and a Python that is missing or too old."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from deploy.local.instance import PROJECT

FIND_PYTHON = PROJECT / "deploy" / "local" / "find-python"


def _find_python(path: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", str(FIND_PYTHON)], env={"PATH": str(path), **env}, capture_output=True, text=True)


def _python(folder: Path, name: str, *, enough: bool) -> Path:
    """A program that answers like a Python which is, or is not, new enough."""
    program = folder / name
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit {0 if enough else 1}\n')
    program.chmod(0o755)
    return program


def test_a_python_that_is_too_old_is_named_with_its_version(tmp_path: Path) -> None:
    old = _python(tmp_path, "python3", enough=False)
    found = _find_python(tmp_path)
    assert found.returncode == 1
    assert found.stdout == ""
    assert f"Python is too old: Python 3.9.2 at {old}" in found.stderr


def test_a_newer_python_beside_an_old_one_is_found(tmp_path: Path) -> None:
    _python(tmp_path, "python3", enough=False)
    newer = _python(tmp_path, "python3.12", enough=True)
    found = _find_python(tmp_path)
    assert (found.returncode, found.stdout.strip()) == (0, str(newer))


def test_the_python_that_was_asked_for_is_taken_and_no_other(tmp_path: Path) -> None:
    _python(tmp_path, "python3", enough=True)
    _python(tmp_path, "mine", enough=False)
    found = _find_python(tmp_path, PYTHON="mine")
    assert found.returncode == 1
    assert "mine" in found.stderr


def test_no_python_at_all_is_said(tmp_path: Path) -> None:
    found = _find_python(tmp_path)
    assert found.returncode == 1
    assert "Python was not found" in found.stderr


def _make(*arguments: str) -> str:
    # Not as a part of the make that may be running these tests.
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(["make", *arguments], cwd=PROJECT, env=env, capture_output=True, text=True, check=True).stdout


def test_make_alone_lists_what_there_is_to_make() -> None:
    listed = {line.split()[1] for line in _make().splitlines()}
    assert listed >= {
        "help",
        "up",
        "status",
        "logs",
        "down",
        "clean",
        "doctor",
        "demo",
        "test",
        "lint",
        "type",
        "format",
        "bench",
        "fuzz",
    }


def test_make_hands_brokers_and_clock_on() -> None:
    said = _make("--dry-run", "up", "BROKERS=3", "CLOCK=2026-07-06T08:00:00+07:00")
    assert 'haukiem up --brokers 3 --clock "2026-07-06T08:00:00+07:00"' in said
    assert _make("--dry-run", "up").strip().endswith("haukiem up")
