"""Log files of the parts: kept from growing without end, shown, followed."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

LARGEST = 20_000_000
KEPT = 3


def rotate(log: Path, largest: int = LARGEST) -> None:
    """Move a log that has grown too large to ``<log>.1`` (and that to ``.2`` …).

    Copied and emptied in place: the part writes on to the open file (in append mode), whoever started it.
    """
    try:
        if log.stat().st_size <= largest:
            return
        for number in range(KEPT, 1, -1):
            with suppress(FileNotFoundError):
                numbered(log, number - 1).replace(numbered(log, number))
        shutil.copyfile(log, numbered(log, 1))
        with log.open("r+b") as file:
            file.truncate(0)
    except FileNotFoundError:
        return  # its part has not started yet
    except OSError as error:
        print(f"{log} could not be rotated: {error}", file=sys.stderr, flush=True)


def numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")


def last_lines(log: Path, lines: int) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - lines * 400))
            return file.read().decode("utf-8", "replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []


def show(logs: Sequence[Path], *, lines: int = 20, out: TextIO = sys.stdout) -> None:
    """The end of each log, under its name where there are several."""
    for log in logs:
        if len(logs) > 1:
            print(f"==> {log} <==", file=out)
        for line in last_lines(log, lines):
            print(line, file=out)


def follow(logs: Sequence[Path], *, out: TextIO = sys.stdout, until: Callable[[], bool] = lambda: False) -> None:
    """Print what is appended to the logs, each line after its part's name, until interrupted or ``until`` says so."""
    positions = {log: log.stat().st_size if log.exists() else 0 for log in logs}
    while not until():
        for log in logs:
            positions[log] = _print_new(log, positions[log], out, name=len(logs) > 1)
        time.sleep(0.2)


def _print_new(log: Path, position: int, out: TextIO, *, name: bool) -> int:
    try:
        with log.open("rb") as file:
            if file.seek(0, 2) < position:  # rotated: begin again
                position = 0
            file.seek(position)
            new = file.read()
    except FileNotFoundError:
        return 0
    whole = new[: new.rfind(b"\n") + 1]
    for line in whole.decode("utf-8", "replace").splitlines():
        print(f"{log.stem}: {line}" if name else line, file=out, flush=True)
    return position + len(whole)
