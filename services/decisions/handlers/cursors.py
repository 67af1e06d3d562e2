"""Cursors of pages: opaque to the caller, and refused when they are not ours."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, TypeAdapter

from services.decisions.store import decisions
from services.decisions.store.queue import SECTIONS, Place
from shared.contracts.base import Instant
from shared.contracts.errors import Refused
from shared.contracts.pilot import Code

_INSTANT = TypeAdapter(Instant)
_PLACE = TypeAdapter(Place)
_DECISION: TypeAdapter[decisions.Place] = TypeAdapter(
    tuple[Instant, Code, Annotated[int, Field(ge=1, lt=2**63, strict=False)]]
)


def cursor_of(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([str(value) for value in values]).encode()).decode()


def instant_and_id(cursor: str) -> tuple[datetime, UUID]:
    """Where a page ordered by instant and id goes on."""
    at, found = _values(cursor, 2)
    try:
        return _INSTANT.validate_python(at), UUID(found)
    except ValueError as error:
        raise _invalid() from error


def place_of_decision(cursor: str) -> decisions.Place:
    """Where the decisions about a pilot go on."""
    try:
        return _DECISION.validate_python(tuple(_values(cursor, 3)))
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
