"""Reads the dated files, checks them whole, and hands out a rule set and a calendar. For ``main`` alone: it touches the file system.

Everything wrong is said at once, naming file and row: first all that is malformed, then all that contradicts another row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, time
from importlib.resources import files as package_files
from pathlib import Path

from shared.contracts.base import Contract
from shared.reference.calendar import AfterHours, Calendar, DayRow, DayStatus, DayType
from shared.reference.check import check, unknown_dates
from shared.reference.reading import InvalidReference, Reader, Table
from shared.reference.rows.ruleset import RuleSet
from shared.reference.tables import FILES, read_tables

__all__ = ["FILES", "InvalidReference", "load", "load_calendar", "parse", "parse_calendar", "version_of"]

CALENDAR = "calendar.toml"
_SATURDAY = 5


def load(path: Path | None = None) -> RuleSet:
    """The rule set of the project's own files, or of a folder. Raises :class:`InvalidReference` with everything that is wrong."""
    return parse({name: data for name in FILES if (data := _read(path, name)) is not None})


def load_calendar(path: Path | None = None) -> Calendar:
    """The calendar of the project's own file, or of a folder. Raises :class:`InvalidReference`."""
    data = _read(path, CALENDAR)
    return parse_calendar({} if data is None else {CALENDAR: data})


def version_of(files: Mapping[str, bytes]) -> str:
    """SHA-256 over the names and bytes of the files, in the order of their names; each is preceded by its length."""
    digest = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode(), files[name]):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def parse(files: Mapping[str, bytes]) -> RuleSet:
    """A rule set from the bytes of its files, as they were stored. Raises :class:`InvalidReference` with everything that is wrong."""
    reader = Reader(files)
    tables = read_tables(reader)
    errors = reader.errors or check(tables)
    if errors:
        raise InvalidReference(errors)
    return RuleSet(version_of(files), dict(files), tables.fixed(), tables.dated, tuple(unknown_dates(tables)))


class _Day(Contract):
    date: date
    kind: DayType
    name: str
    status: DayStatus

    def slip(self) -> str | None:
        """Make-up work on a weekday, or a weekday's day off on a weekend: neither can be meant."""
        weekend = self.date.weekday() >= _SATURDAY
        meant = {DayType.MAKEUP_WORK: weekend, DayType.HOLIDAY: True}.get(self.kind, not weekend)
        return None if meant else f"{self.kind} on a {self.date:%A}"


class _Hours(Contract):
    start: time
    to: time


def parse_calendar(files: Mapping[str, bytes]) -> Calendar:
    """A calendar from the bytes of its file. Raises :class:`InvalidReference` with everything that is wrong."""
    reader = Reader(files)
    version = reader.value(CALENDAR, "version", str)
    years = set(reader.value(CALENDAR, "years", list) or ())
    receipt = reader.value(CALENDAR, "after_hours_receipt", str)
    hours = reader.rows(CALENDAR, "working_hours", _Hours, key="from", change=_renamed)
    days = reader.rows(CALENDAR, "day", _Day, key="date")
    reader.unique(days, lambda day: day.date, "date")
    reader.errors += [f"{day.where}: its year is not in years" for day in days if day.row.date.year not in years]
    bare = sorted(years - {day.row.date.year for day in days})
    reader.errors += [f"{CALENDAR}: years has {year}, and no day does" for year in bare]
    reader.errors += [f"{day.where}: {slip}" for day in days if (slip := day.row.slip())]
    reader.errors += [f"{span.where}: ends before it begins" for span in hours if span.row.to <= span.row.start]
    if receipt not in set(AfterHours):
        reader.errors.append(f"{CALENDAR}: after_hours_receipt is none of {', '.join(AfterHours)}")
    if reader.errors:
        raise InvalidReference(reader.errors)
    return Calendar(
        version=version,
        days=tuple(DayRow(day.row.date, day.row.kind, day.row.name, day.row.status) for day in days),
        years=frozenset(years),
        working_hours=tuple((span.row.start, span.row.to) for span in hours),
        after_hours=AfterHours(receipt),
    )


def _renamed(raw: Table) -> Table:
    """``from`` is a word of the language, and no name for a field."""
    return {"start" if name == "from" else name: value for name, value in raw.items()}


def _read(path: Path | None, name: str) -> bytes | None:
    source = package_files("shared.reference") / name if path is None else path / name
    return source.read_bytes() if source.is_file() else None
