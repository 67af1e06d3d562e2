"""From the bytes of the reference files to typed rows, each with the place that it came from. Collects what is wrong instead of stopping."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from shared.contracts.base import Contract
from shared.reference.rows.model import Dated, Row

Table = dict[str, Any]
_ABOUT_THE_ROW = frozenset({"source", "confidence", "unverified", "note"})
"""What any row may say of itself; people read it, no code does."""

T = TypeVar("T", bound=Contract)


class InvalidReference(Exception):
    """The reference files contradict themselves. ``errors`` has all of it, each with file and row."""

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(("the reference data cannot be used:", *self.errors)))


@dataclass(frozen=True, slots=True)
class Located(Generic[Row]):
    """A row and where it stands, for errors: ``rules.toml [[clock]] 3 (final_report)``."""

    row: Row
    where: str
    raw: Table


class Reader:
    """Reads tables of files into rows. ``errors`` grows; look at it before using what was returned."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.errors: list[str] = []
        self._tables = {name: self._parse(name, data) for name, data in files.items()}

    def raw(self, file: str) -> Table:
        """The whole file; empty when it is missing or no TOML, which is an error already noted."""
        if file not in self._tables:
            self._tables[file] = {}
            self.errors.append(f"{file}: missing")
        return self._tables[file]

    def value(self, file: str, name: str, kind: type[Any]) -> Any:
        """A value at the top of a file, None (and an error) when it is missing or of another type."""
        found = self.raw(file).get(name)
        if not isinstance(found, kind):
            self.errors.append(f"{file}: {name} is missing, or not of type {kind.__name__}")
            return None
        return found

    def single(self, file: str, name: str, model: type[T], also: Iterable[str] = ()) -> T | None:
        """The one table ``[name]``, None when it is missing or wrong."""
        where = f"{file} [{name}]"
        raw = self.raw(file).get(name)
        if not isinstance(raw, dict):
            self.errors.append(f"{where}: missing")
            return None
        return self._row(model, raw, where, also)

    def rows(
        self,
        file: str,
        name: str,
        model: type[T],
        *,
        key: str = "code",
        also: Iterable[str] = (),
        change: Callable[[Table], Table] = lambda raw: raw,
        optional: bool = False,
    ) -> list[Located[T]]:
        """Every ``[[name]]`` that is well formed; that there is none is an error unless ``optional``.

        ``also`` are fields that only people read; ``change`` prepares a raw row.
        """
        found = []
        for number, raw in enumerate(self.raw(file).get(name, ()), start=1):
            where = f"{file} [[{name}]] {number} ({raw.get(key, '?')})"
            row = self._row(model, change(raw), where, also)
            if row is not None:
                found.append(Located(row, where, raw))
        if not optional and not self.raw(file).get(name):
            self.errors.append(f"{file}: has no [[{name}]]")
        return found

    def dated(self, file: str, rows: Iterable[Located[T]]) -> list[Dated[T]]:
        """The rows with their dates; those without a date of their own are in force from the file's ``effective_from``."""
        since = self.raw(file).get("effective_from")
        found = []
        for located in rows:
            start, end = located.raw.get("effective_from", since), located.raw.get("effective_to")
            if not isinstance(start, date) or not (end is None or isinstance(end, date)):
                self.errors.append(f"{located.where}: effective_from or effective_to is no date")
            elif end is not None and end <= start:
                self.errors.append(f"{located.where}: effective_to is not after effective_from")
            else:
                found.append(Dated(located.row, start, end, located.where))
        return found

    def unique(self, rows: Iterable[Located[T]], key: Callable[[T], Hashable], what: str = "code") -> None:
        """Notes every row whose key another row has before it."""
        first: dict[Hashable, str] = {}
        for located in rows:
            value = key(located.row)
            if value in first:
                self.errors.append(f"{located.where}: the {what} {value!r} stands already in {first[value]}")
            first.setdefault(value, located.where)

    def _parse(self, name: str, data: bytes) -> Table:
        try:
            return tomllib.loads(data.decode(), parse_float=Decimal)
        except ValueError as error:
            self.errors.append(f"{name}: no readable TOML: {error}")
            return {}

    def _row(self, model: type[T], raw: Table, where: str, also: Iterable[str]) -> T | None:
        known = model.model_fields.keys() | _ABOUT_THE_ROW | set(also) | {"effective_from", "effective_to"}
        unknown = sorted(raw.keys() - known)
        self.errors.extend(f"{where}: unknown field {name}" for name in unknown)
        try:
            return model.model_validate_json(json.dumps(raw, default=_json), strict=True)
        except ValidationError as error:
            self.errors.extend(
                f"{where}: {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False)
            )
            return None


def _json(value: object) -> str:
    """Dates, times and decimals as JSON strings; strict validation then still refuses a string where a number is meant."""
    return value.isoformat() if isinstance(value, date | time) else str(value)
