"""Pilots and reports for the tests of monitoring: one registered show, its facts by hand, and short ways to write samples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from services.monitoring.core.book import Report, Sample
from services.monitoring.core.facts import Fact, PilotFacts, take
from services.monitoring.core.instants import instant_of
from services.monitoring.core.view import View, view_of
from shared.contracts.base import content_hash
from shared.contracts.events.applications import PilotRegistered, PilotStarted
from shared.contracts.events.monitoring import EventRef
from shared.contracts.numbers import scaled
from shared.contracts.pilot import Cap, Envelope, Period, PilotState, Threshold, Window
from shared.reference.calendar import VIETNAM
from shared.reference.load import load_calendar

EXAMPLES = Path(__file__).parents[1] / "shared" / "contracts" / "examples"
CALENDAR = load_calendar()
START = datetime(2026, 7, 14, tzinfo=VIETNAM)
"""A Tuesday; the first whole week after it begins on Monday 20 July."""

CROWD = Cap(metric="crowd_peak", window=Window.CONCURRENT, limit=Decimal(1000), critical=True, reported=True)
AUDIENCE = Cap(metric="audience_live", window=Window.TOTAL, limit=Decimal(10_000), reported=True)
DAILY = Cap(metric="audience_live", window=Window.DAY, limit=Decimal(1_000))
MEMBERS = Cap(metric="participants_total", window=Window.TOTAL, limit=Decimal(5_000))


def at(text: str) -> datetime:
    """``"2026-07-26 23:00"`` in Vietnam."""
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


def envelope(
    *caps: Cap,
    version: int = 1,
    period: Period = Period.WEEK,
    sources: Sequence[str] = ("main",),
    thresholds: Sequence[Threshold] = (),
) -> Envelope:
    return Envelope(
        version=version, caps=caps, reporting_period=period, sources=tuple(sources), thresholds=tuple(thresholds)
    )


def registered(pilot_id: UUID | None = None, limits: Envelope | None = None, **changes: Any) -> PilotRegistered:
    """The example of a registration with another id and envelope."""
    data = json.loads((EXAMPLES / "PilotRegistered.json").read_text(encoding="utf-8"))["data"]
    rules = changes.pop("rules", {})
    data["rules"] = {**data["rules"], **rules}
    data |= {"pilot_id": str(pilot_id or uuid4()), **changes}
    if limits is not None:
        data["envelope"] = limits.model_dump(mode="json")
    return PilotRegistered.model_validate(data)


def started(pilot_id: UUID, when: datetime = START) -> PilotStarted:
    return PilotStarted(
        at=when, pilot_id=pilot_id, state_after=PilotState.ACTIVE, causes=(), end_at=when + timedelta(days=365)
    )


def ref(event: Fact) -> EventRef:
    return EventRef(event_id=uuid4(), sha256=content_hash(event.data()))


def facts(*events: Fact) -> PilotFacts:
    """The facts that ``events`` tell, in their order."""
    found: PilotFacts | None = None
    for event in events:
        found = take(found, event, ref(event))
    assert found is not None
    return found


def view(*caps: Cap, more: Sequence[Fact] = (), begin: bool = True, **options: Any) -> View:
    """A pilot that started on :data:`START` under ``caps``; ``more`` are later facts, about any pilot id."""
    pilot_id = uuid4()
    told: list[Fact] = [registered(pilot_id, envelope(*caps, **options))]
    if begin:
        told.append(started(pilot_id))
    told += [event.model_copy(update={"pilot_id": pilot_id}) for event in more]
    return view_of(facts(*told), CALENDAR)


def sample(metric: str, when: str | datetime, value: str | int, *, reset: bool = False) -> Sample:
    moment = at(when) if isinstance(when, str) else when
    return Sample(metric, instant_of(moment), scaled(Decimal(value)), reset)


def report(
    sequence: int,
    *samples: Sample,
    source: str = "main",
    part: int = 1,
    parts: int = 1,
    corrects: int | None = None,
) -> Report:
    content = repr((source, sequence, part, corrects, samples)).encode()
    return Report(source, sequence, part, parts, corrects, samples, content_hash(content))
