"""Cursors of pages: opaque to the caller, and refused when they are not ours."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from services.decisions.store.queue import SECTIONS, Place
from shared.contracts.base import Instant
from shared.contracts.errors import Refused

_INSTANT = TypeAdapter(Instant)
_PLACE = TypeAdapter(Place)


def cursor_of(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([str(value) for value in values]).encode()).decode()


def instant_and_id(cursor: str) -> tuple[datetime, UUID]:
    """Where a page ordered by instant and id goes on."""
    at, found = _values(cursor, 2)
    try:
        return _INSTANT.validate_python(at), UUID(found)
    except ValueError as error:
        raise _invalid() from error


def places_cursor(place: Place) -> str:
    due = "" if place.due is None else place.due.isoformat()
    return cursor_of([place.section, place.pilot_id, place.case_id, place.lane, due, place.risk])


def place_of(cursor: str | None) -> Place | None:
    """Where the queue goes on, None for its first page."""
    if cursor is None:
        return None
    section, pilot_id, case_id, lane, due, risk = _values(cursor, 6)
    try:
        found = _PLACE.validate_python(
            {
                "section": section,
                "pilot_id": pilot_id,
                "case_id": case_id,
                "lane": lane,
                "due": _INSTANT.validate_python(due) if due else None,
                "risk": risk,
            }
        )
    except ValueError as error:
        raise _invalid() from error
    if found.section not in SECTIONS or (found.section == "clock" and found.due is None):
        raise _invalid()
    return found


def _values(cursor: str, count: int) -> list[str]:
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, RecursionError) as error:
        raise _invalid() from error
    if not isinstance(values, list) or len(values) != count or not all(isinstance(v, str) for v in values):
        raise _invalid()
    return values


def _invalid() -> Refused:
    return Refused("cursor_invalid", "/query/cursor", status=422)
