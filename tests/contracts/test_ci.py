"""``.ci/run`` answers as ``make test`` does, and ends with pytest's summary."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / ".ci" / "run"


@pytest.mark.parametrize(
    ("line", "status"),
    [("===== 812 passed in 401.20s =====", 0), ("===== 1 failed, 811 passed, 2 skipped in 399.87s =====", 2)],
)
def test_it_passes_on_what_make_says(tmp_path: Path, line: str, status: int) -> None:
    make = tmp_path / "make"
    make.write_text(f'#!/bin/sh\necho "make $*"\necho collecting\necho "{line}"\nexit {status}\n', "utf-8")
    make.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([RUN], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert "make test" in done.stdout
    assert done.stdout.splitlines()[-1] == f"summary: {line}"
