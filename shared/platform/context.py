"""What ties a log line, an event and an answer to the request that began it: carried by context variables, never by argument."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from shared.platform.ids import uuid7

_correlation: ContextVar[str | None] = ContextVar("correlation_id", default=None)
_causation: ContextVar[UUID | None] = ContextVar("causation_id", default=None)
_WELL_FORMED = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def correlation_id() -> str:
    """The id of the request or record in hand; a new one, kept from then on, when nothing began it (a sweep, a start)."""
    current = _correlation.get()
    if current is None:
        current = str(uuid7())
        _correlation.set(current)
    return current


def known_correlation_id() -> str | None:
    """The id in hand, or None: reading it makes none."""
    return _correlation.get()


def causation_id() -> UUID | None:
    """The id of the event that is being handled, if one is."""
    return _causation.get()


def is_well_formed(value: str) -> bool:
    """Whether ``value`` may serve as a correlation id: 1–128 letters, digits and ``. _ : -``, safe in logs and headers."""
    return _WELL_FORMED.fullmatch(value) is not None


@contextmanager
def bound(correlation: str | None = None, causation: UUID | None = None) -> Iterator[str]:
    """Within the block, logs and events carry these ids. Without ``correlation`` a new one is made. Yields the correlation id."""
    value = correlation or str(uuid7())
    correlation_token = _correlation.set(value)
    causation_token = _causation.set(causation)
    try:
        yield value
    finally:
        _causation.reset(causation_token)
        _correlation.reset(correlation_token)
