"""The sandbox clock's file: written here, read by every process of the services."""

from __future__ import annotations

import json
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.errors import StackError
from shared.reference.calendar import VIETNAM


def read_clock(path: Path) -> datetime:
    """The instant in the file. Raises :class:`StackError` when there is none."""
    try:
        return datetime.fromisoformat(json.loads(path.read_text(encoding="utf-8"))["now"]).astimezone(UTC)
    except FileNotFoundError:
        raise StackError(
            "This stack runs on wall time: it has no sandbox clock.", "Start an empty one with: make up CLOCK=<instant>"
        ) from None


def told(instant: datetime | Path) -> str:
    """An instant, or that of the clock in a file, as people of the office read it and as it can be typed again."""
    local = (read_clock(instant) if isinstance(instant, Path) else instant).astimezone(VIETNAM)
    return f"{local:%A %d %B %Y %H:%M:%S} ({local.isoformat()})"


def set_clock(path: Path, instant: datetime, *, empty: bool) -> None:
    """Set the clock of a stack whose data directory is ``empty``; facts dated by another clock would contradict it.

    Raises :class:`StackError` when there is data, unless the clock stands at that very instant already.
    """
    _aware(instant)
    if not empty and not (path.exists() and read_clock(path) == instant):
        raise StackError(
            "The sandbox clock is set only on an empty data directory.",
            f"Remove the data: haukiem clean -i {path.parent.name}; or start another stack: haukiem up -i NAME --clock INSTANT",
        )
    _write(path, instant)


def forward(path: Path, to: datetime) -> None:
    """Move the clock to ``to``. Raises :class:`StackError` when that is not ahead: the clock never goes back."""
    _aware(to)
    now = read_clock(path)
    if to < now:
        raise StackError(f"The sandbox clock stands at {told(now)} and only goes forward, not to {told(to)}.")
    _write(path, to)


def _aware(instant: datetime) -> None:
    if instant.tzinfo is None:
        raise StackError(
            f"{instant.isoformat()} has no offset from UTC.", "Write for example 2026-07-06T08:00:00+07:00."
        )


def _write(path: Path, instant: datetime) -> None:
    """By another file and a rename: a reader sees the old instant or the new one, never half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump({"now": instant.astimezone(UTC).isoformat()}, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
