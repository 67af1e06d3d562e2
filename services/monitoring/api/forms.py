"""A report as JSON, as one JSON sample a line, or as CSV: all become the same request, every error with its pointer."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from services.monitoring.core.reports import told
from services.monitoring.engine.reading import problems_of
from shared.contracts.errors import Problem, Refused, problem
from shared.contracts.http.monitoring import CSV, JSON, MAX_REPORT_SAMPLES, NDJSON, ReportSent
from shared.platform import validation

_YES_OR_NO = {"true": True, "1": True, "false": False, "0": False}
"""What spreadsheets write; anything else is told of as what it is."""
_COLUMNS = ("metric", "at", "value", "province", "reset")
_NEEDED = 3


def read(media_type: str, body: bytes, source: str | None, corrects: int | None) -> ReportSent:
    """The report in ``body``. Raises ``Refused``: 415 for another form, 422 with every error located."""
    kind = media_type.partition(";")[0].strip().lower()
    if kind == JSON:
        validation.check_json(body)
        return _valid(_json(body), source, corrects)
    if kind == NDJSON:
        return _valid({"samples": list(_lines(_text(body)))}, source, corrects)
    if kind == CSV:
        return _valid({"samples": list(_rows(_text(body)))}, source, corrects)
    raise Refused("unsupported_media_type", status=415, given=validation.printable(media_type))


def _valid(raw: Any, source: str | None, corrects: int | None) -> ReportSent:
    if isinstance(raw, dict):
        if isinstance(raw.get("samples"), list) and len(raw["samples"]) > MAX_REPORT_SAMPLES:
            raise Refused("too_many_samples", "/samples", status=422, limit=MAX_REPORT_SAMPLES)
        given = {"source": source, "corrects": corrects}
        raw = {**raw, **{name: value for name, value in given.items() if value is not None}}
    try:
        return ReportSent.model_validate(raw)
    except ValidationError as error:
        raise _refused(problems_of(error)) from None


def _refused(found: Sequence[Problem]) -> Refused:
    return Refused("report_refused", status=422, problems=found, count=len(found))


def _json(body: bytes) -> Any:
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Refused("invalid_json", status=400, place=_place(error)) from None


def _place(error: ValueError) -> str:
    """Where the parser stopped, as ``line:column``, which its message says at its end."""
    found = re.search(r"line (\d+) column (\d+)", str(error))
    return f"{found[1]}:{found[2]}" if found else "1:1"


def _text(body: bytes) -> str:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("body_not_utf8", status=422) from None
    if validation.UNSTORABLE.search(text):
        raise Refused("body_not_utf8", status=422)
    return text


def _lines(text: str) -> Iterable[Any]:
    wrong = []
    for number, line in enumerate(line for line in text.split("\n") if line.strip()):
        try:
            yield from_json(line, allow_inf_nan=False)
        except ValueError as error:
            wrong.append(problem("invalid_json", f"/samples/{number}", None, place=_place(error)))
    if wrong:
        raise _refused(told(wrong, len(wrong)))


def _rows(text: str) -> Iterable[dict[str, Any]]:
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        header = tuple(name.strip() for name in next(reader, []))
        if header[:_NEEDED] != _COLUMNS[:_NEEDED] or not set(header[_NEEDED:]) <= set(_COLUMNS[_NEEDED:]):
            raise Refused("csv_header_wrong", status=422, given=validation.printable(",".join(header)))
        if len(set(header)) != len(header):
            raise Refused("csv_header_wrong", status=422, given=validation.printable(",".join(header)))
        wrong = []
        for number, row in enumerate(row for row in reader if row):
            if len(row) != len(header):
                params = {"given": len(row), "wanted": len(header)}
                wrong.append(problem("csv_row_wrong", f"/samples/{number}", None, **params))
            else:
                # An empty cell of an optional column says nothing.
                yield {
                    name: _YES_OR_NO.get(cell.strip().lower(), cell) if name == "reset" else cell.strip()
                    for name, cell in zip(header, row, strict=True)
                    if cell.strip() or name in _COLUMNS[:_NEEDED]
                }
    except csv.Error as error:
        raise Refused("csv_unreadable", status=422, why=str(error)) from None
    if wrong:
        raise _refused(told(wrong, len(wrong)))
