"""Pilots and reports for the tests of monitoring: one registered show, its facts by hand, and short ways to write samples."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from services.monitoring.core import judge
from services.monitoring.core.book import Book, Judgement, Report, Sample, Span, Verdict
from services.monitoring.core.facts import Fact, PilotFacts, take
from services.monitoring.core.instants import instant_of
from services.monitoring.core.meters import Point
from services.monitoring.core.view import View, view_of
from shared.contracts.base import content_hash
from shared.contracts.events.applications import (
    PilotAmended,
    PilotEnded,
    PilotRegistered,
    PilotStarted,
    PilotStateChanged,
    PilotWindingDown,
)
from shared.contracts.events.monitoring import (
    EventRef,
    FindingCleared,
    FindingEscalated,
    FindingOpened,
    InterimMeasureTaken,
)
from shared.contracts.numbers import scaled
from shared.contracts.pilot import Cap, Envelope, Outcome, Period, PilotState, Threshold, Window
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


class Led:
    """A pilot that a test leads through time by the core alone; ``told`` are all events, ``known`` the identities that counted."""

    def __init__(self, *caps: Cap, begin: bool = True, rules: dict[str, Any] | None = None, **options: Any) -> None:
        self.id = uuid4()
        self.book = Book()
        self.told: list[Any] = []
        self.known: dict[tuple[str, int, int], str] = {}
        self.gains: dict[tuple[str, int], int] = {}
        self.points: dict[tuple[str, int, str], Point] = {}
        self._facts: PilotFacts | None = None
        self.view: View
        self.learn(registered(self.id, envelope(*caps, **options), rules=rules or {}), START)
        if begin:
            self.learn(started(self.id), START)
        self.told.clear()

    def learn(self, event: Fact, now: str | datetime) -> list[Any]:
        self._facts = take(self._facts, event.model_copy(update={"pilot_id": self.id}), ref(event))
        self.view = view_of(self._facts, CALENDAR)
        return self.keep(judge.take_facts(self.book, self.view, _moment(now), self.book.change + 1))

    def send(self, one: Report, now: str | datetime, past: dict[tuple[str, int], int] | None = None) -> Verdict:
        since = judge.points_to_look_up(self.book, self.view, [one])
        if since is not None:
            self.book = replace(self.book, spans=spans_from(self.points, self.book.spans, lambda _: since))
        judged = judge.take_reports(self.book, self.view, [one], _moment(now), self.known, past)
        self.keep(judged)
        if judged.verdicts[0].outcome == "accepted":
            self.known[one.identity] = one.sha256
        return judged.verdicts[0]

    def accept(self, one: Report, now: str | datetime) -> list[Any]:
        """Send a report that must count; what it led to."""
        before = len(self.told)
        verdict = self.send(one, now)
        assert verdict.outcome == "accepted", verdict.problems
        return self.told[before:]

    def until(self, now: str) -> list[Any]:
        """Let every clock fire that is due by ``now``; what they led to."""
        before = len(self.told)
        while (due := self.book.next_due()) is not None and due <= instant_of(at(now)):
            self.keep(judge.fire(self.book, self.view, due))
        return self.told[before:]

    def keep(self, judged: Judgement) -> list[Any]:
        self.book = judged.book
        for key, gain in judged.gains.items():
            self.gains[key] = self.gains.get(key, 0) + gain
        self.points |= judged.points
        events = [one.event for one in judged.told]
        self.told += events
        return events

    def open(self) -> set[str]:
        """The keys of open findings, ``rule/subject``."""
        return {key for key, standing in self.book.standings.items() if standing.open}


def spans_from(
    table: Mapping[tuple[str, int, str], Point], spans: Mapping[str, Span], since: Callable[[Span], int | None]
) -> dict[str, Span]:
    """The spans as they are loaded from the table of their values, each from an instant on."""
    found = {}
    for metric, span in spans.items():
        first = since(span)
        points = (table[key] for key in sorted(table) if key[0] == metric)
        found[metric] = Span(tuple(one for one in points if first is None or one.at > first), first)
    return found


def moved(state: PilotState, when: str | datetime) -> PilotStateChanged:
    """The pilot's state changed; the pilot is put in by who learns it."""
    return PilotStateChanged(
        at=_moment(when),
        pilot_id=uuid4(),
        state_after=state,
        causes=(),
        state_before=PilotState.ACTIVE,
        reason="suspended",
        ref=uuid4(),
    )


def amended(limits: Envelope, when: str | datetime) -> PilotAmended:
    return PilotAmended(
        at=_moment(when),
        pilot_id=uuid4(),
        state_after=PilotState.ACTIVE,
        causes=(),
        envelope=limits,
        decision_id=uuid4(),
    )


def winding_down(when: str | datetime) -> PilotWindingDown:
    moment = _moment(when)
    return PilotWindingDown(
        at=moment,
        pilot_id=uuid4(),
        state_after=PilotState.WINDING_DOWN,
        causes=(),
        cause=Outcome.WITHDRAWN,
        due=CALENDAR.due_calendar_days(moment, 30),
    )


def ended(when: str | datetime) -> PilotEnded:
    return PilotEnded(
        at=_moment(when), pilot_id=uuid4(), state_after=PilotState.ENDED, causes=(), outcome=Outcome.WITHDRAWN
    )


def lines(events: Sequence[Any]) -> list[str]:
    """Findings and measures in short: what happened, rule and subject, severity or reason."""
    found = []
    for event in events:
        match event:
            case FindingOpened() | FindingEscalated():
                found.append(f"{type(event).__name__[7:].lower()} {event.rule}/{event.subject} {event.severity}")
            case FindingCleared():
                found.append(f"cleared {event.rule}/{event.subject} {event.reason}")
            case InterimMeasureTaken():
                found.append("measure")
    return found


def _moment(when: str | datetime) -> datetime:
    return at(when) if isinstance(when, str) else when
