"""The one place that ``now`` comes from. The domain's time may run on a sandbox clock; logs, tokens, ids and lag stay on wall time."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


class Clock(Protocol):
    """The domain's time."""

    @property
    def is_sandbox(self) -> bool: ...

    def now(self) -> datetime:
        """This instant, aware, in UTC."""
        ...


class WallClock:
    """The time of this machine."""

    is_sandbox = False

    def now(self) -> datetime:
        return datetime.now(UTC)


class ClockUnreadable(RuntimeError):
    """The sandbox clock's file is missing or not of the form ``{"now": "<RFC 3339>"}``."""


class SandboxClock:
    """A clock that stands until somebody moves it: ``{"now": "<RFC 3339>"}`` in a file that all processes read.

    Who moves it writes another file and renames it over this one, so that a reader never sees half a file. The file is read again
    when its identity, size or modification time changes; a call costs one ``stat``. Time that would run backwards is not followed:
    the clock only goes forward. Raises :class:`ClockUnreadable` when nothing was ever read; later, a file that cannot be read leaves
    the clock where it stands.
    """

    is_sandbox = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._now: datetime | None = None
        self.now()

    def now(self) -> datetime:
        try:
            stat = self._path.stat()
            seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if seen != self._seen:
                self._follow(_read(self._path))
                self._seen = seen
        except (OSError, ValueError, KeyError, TypeError) as error:
            if self._now is None:
                raise ClockUnreadable(f"the sandbox clock {self._path} cannot be read: {error}") from error
        assert self._now is not None
        return self._now

    def _follow(self, read: datetime) -> None:
        if self._now is None or read > self._now:
            self._now = read


def _read(path: Path) -> datetime:
    now = datetime.fromisoformat(json.loads(path.read_text(encoding="utf-8"))["now"])
    if now.tzinfo is None:
        raise ValueError("the instant has no offset from UTC")
    return now.astimezone(UTC)


def open_clock(clock_file: Path | None) -> Clock:
    """The sandbox clock of ``clock_file``, or wall time when there is none. Settings refuse a file in production."""
    return WallClock() if clock_file is None else SandboxClock(clock_file)
