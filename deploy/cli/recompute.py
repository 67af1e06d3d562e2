"""What monitoring must have told of a pilot, recomputed from the log alone with its own pure core.

Records are judged in the order of their partition. What the log of metrics does not say is when a record was received, at which instant
the engine read it, which facts had reached it by then, and when it learned of an envelope; where a finding says so, that is taken over, and
all else about the finding is computed anew. A record of which no finding speaks came as early as the silences allow: when its newest sample
was taken; not before a silence was due that it would have prevented; and not while it would have ended one, which then would name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from pydantic import ValidationError

from deploy.cli.eventlog import Logged
from services.monitoring.core import facts as known
from services.monitoring.core import judge, silence
from services.monitoring.core.book import Book, Identity, Judgement, Report, Span, report_of
from services.monitoring.core.instants import Day, Instant, instant_of, moment
from services.monitoring.core.meters import Point
from services.monitoring.core.view import View, view_of
from services.monitoring.engine.reading import FORGED, SIGNATURE
from shared.contracts.base import Event, content_hash
from shared.contracts.events.applications import PilotAmended
from shared.contracts.events.metrics import MetricsReported
from shared.contracts.events.monitoring import (
    EventRef,
    FindingCleared,
    FindingEscalated,
    FindingOpened,
    InterimMeasureTaken,
    MetricsReportRejected,
    RuleCode,
)
from shared.contracts.pilot import Window
from shared.contracts.topics import APPLICATIONS, METRICS, MONITORING
from shared.reference.calendar import Calendar

Told = FindingOpened | FindingEscalated | FindingCleared | InterimMeasureTaken
_CAPS = frozenset({RuleCode.CAP_WARNING, RuleCode.CAP_EXCEEDED})
_THE_BEGINNING = datetime.min.replace(tzinfo=UTC)


def recompute(records: Iterable[Logged], calendar: Calendar) -> list[Told]:
    """Every finding, escalation, clearing and measure of one pilot, from its records of all topics, until the log ends."""
    log = list(records)
    facts = _facts(log)
    if not facts:
        return []
    replay = _Replay(calendar, _in_order(facts, log))
    readings, misses = _readings(log), _misses(log)
    for record in _vouched_for(log):
        report = _report(record)
        if report is not None:
            reading = readings.get(report.sha256)
            replay.take(report, _Reading(earliest=_owed(report, misses)) if reading is None else reading)
    replay.finish(max(one.event.at for one in log if one.event is not None))
    return [event for event in replay.told if isinstance(event, Told)]


@dataclass(frozen=True)
class _Reading:
    """When the engine read a record, and the facts that its findings name: the newest that it knew about the times ``until``, of envelopes
    until ``adjusted``. ``received``
    where a finding says so; ``ended`` is when it ended a silence: at its receipt, or where that was before, at the due instant. ``earliest``
    is known of a record of which no finding speaks: it was received then or later."""

    at: datetime | None = None
    named: frozenset[UUID] = frozenset()
    until: datetime | None = None
    adjusted: datetime | None = None
    received: datetime | None = None
    ended: datetime | None = None
    earliest: datetime | None = None

    def taken(self, newest: datetime) -> datetime:
        """When the record with this ``newest`` sample was received. What was written before findings said so has it from their instants."""
        return self.received or self.ended or self.at or max(newest, self.earliest or newest)


class _Coming(NamedTuple):
    """A fact that lies ahead, and when the engine learned of it: where no finding says so, at once."""

    fact: known.Fact
    ref: EventRef
    learned: datetime


@dataclass
class _Replay:
    """The book of one pilot, moved on by event time: clocks first, then facts, then the record in hand."""

    calendar: Calendar
    ahead: list[_Coming]
    book: Book = field(default_factory=Book)
    facts: known.PilotFacts | None = None
    view: View | None = None
    told: list[Event] = field(default_factory=list)
    _now: datetime = _THE_BEGINNING
    _changes: int = 0
    _accepted: dict[Identity, str] = field(default_factory=dict)
    _days: dict[tuple[str, Day], int] = field(default_factory=dict)
    _points: dict[tuple[str, Instant, str], Point] = field(default_factory=dict)

    def take(self, report: Report, reading: _Reading) -> None:
        """Judge a record, after all that was before it: the facts known when it was read, the clocks due when it was received.

        Clocks that came due while it waited to be read had not fired: they fire after all that was received before.
        """
        newest = moment(max(sample.at for sample in report.samples))
        held = self._hold_back(reading.until or newest, reading)
        received = reading.taken(newest)
        self._move_on(max(self._now, reading.at or received), max(received, reading.ended or received))
        self.ahead = held + self.ahead
        if self.view is None:
            return
        judgement = self._judge(self.view, report, received)
        while reading.earliest is not None and _ends_silence(judgement) and silence.ALARM in self.book.alarms:
            received = moment(self.book.alarms[silence.ALARM])
            self._move_on(max(self._now, received), received)
            judgement = self._judge(self.view, report, received)
        if judgement.verdicts[0].outcome == "accepted":
            self._accepted[report.identity] = report.sha256
        self._keep(judgement)

    def _judge(self, view: View, report: Report, received: datetime) -> Judgement:
        lookups = judge.identities_to_look_up(self.book, [report])
        accepted = {one: sha for one, sha in self._accepted.items() if one[:2] in lookups}
        past = {key: self._days[key] for key in judge.days_to_look_up(self.book, view, [report]) if key in self._days}
        if judge.points_to_look_up(self.book, view, [report]) is not None:
            self.book = replace(self.book, spans=self._whole_spans())
        report = replace(report, received=instant_of(received))
        return judge.take_reports(self.book, view, [report], self._now, accepted, past)

    def _hold_back(self, until: datetime, reading: _Reading) -> list[_Coming]:
        """Take away the facts that bear on the times ``until`` and had not reached the engine: those after the newest that it named.

        At one instant a measure follows from the very record that is judged: it must not come before it.
        """
        if not reading.named:
            return []
        last = max((n for n, one in enumerate(self.ahead) if one.ref.event_id in reading.named), default=-1)
        adjusted = reading.adjusted or until
        held = [
            one
            for one in self.ahead[last + 1 :]
            if one.fact.at <= (adjusted if isinstance(one.fact, PilotAmended) else until)
        ]
        self.ahead = [one for one in self.ahead if one not in held]
        return held

    def finish(self, until: datetime) -> None:
        """Let happen what the log says, and fall due what does, until its end."""
        until = max(self._now, until)
        self._move_on(until, until)

    def _move_on(self, until: datetime, due: datetime) -> None:
        """Take in the facts ``until`` an instant, and fire the clocks until ``due``, each in its turn."""
        while self.ahead and self.ahead[0].learned <= until:
            fact, ref, learned = self.ahead.pop(0)
            self._fire(min(learned, due))
            self.facts = known.take(self.facts, fact, ref)
            self.view = view_of(self.facts, self.calendar)
            self._changes += 1
            self._keep(judge.take_facts(self.book, self.view, learned, self._changes))
        self._fire(due)
        self._now = until

    def _fire(self, until: datetime) -> None:
        while self.view is not None and (due := self.book.next_due()) is not None and due <= instant_of(until):
            self._keep(judge.fire(self.book, self.view, due))

    def _keep(self, judgement: Judgement) -> None:
        self.book = judgement.book
        self.told += [one.event for one in judgement.told]
        for key, gain in judgement.gains.items():
            self._days[key] = self._days.get(key, 0) + gain
        self._points.update(judgement.points)

    def _whole_spans(self) -> dict[str, Span]:
        by_metric: dict[str, list[Point]] = {}
        for (metric, _, _), point in sorted(self._points.items(), key=lambda one: one[0]):
            by_metric.setdefault(metric, []).append(point)
        return {metric: Span(tuple(points)) for metric, points in by_metric.items()}


def _vouched_for(log: Sequence[Logged]) -> list[Logged]:
    """The metrics records but for those that do not speak for the pilot. That the log cannot recompute: it does not hold the secrets.

    A record that is rejected for it is told once; sent again as it was, in the same place, it fails again, for no secret comes back.
    """
    first: dict[tuple[int | None, str, str | None], int] = {}
    for record in log:
        event = record.event
        if isinstance(event, MetricsReportRejected) and any(one.code in FORGED for one in event.problems):
            key = (event.partition, event.record_sha256, event.signature_sha256)
            first.setdefault(key, event.offset or 0)
    return [
        one
        for one in log
        if one.topic == METRICS.name
        and one.offset < first.get((one.partition, one.sha256, _signature_of(one)), one.offset + 1)
    ]


def _signature_of(record: Logged) -> str | None:
    return next((content_hash(value or b"") for name, value in record.headers if name == SIGNATURE), None)


def _facts(log: Iterable[Logged]) -> list[tuple[known.Fact, EventRef]]:
    """What applications told of the pilot, each event once, and none of an instant before what was told earlier; an amendment keeps its own."""
    found: dict[object, tuple[known.Fact, EventRef]] = {}
    told = _THE_BEGINNING
    for record in log:
        fact = record.event
        if record.topic != APPLICATIONS.name or record.event_id in found or not isinstance(fact, known.FACTS):
            continue
        assert record.event_id is not None, "an event has an id"
        if not isinstance(fact, PilotAmended):
            told = max(told, fact.at)
            fact = fact.model_copy(update={"at": told})
        found[record.event_id] = fact, EventRef(event_id=record.event_id, sha256=record.sha256)
    return list(found.values())


def _in_order(facts: Iterable[tuple[known.Fact, EventRef]], log: Iterable[Logged]) -> list[_Coming]:
    """The facts as they were learned of: at once, where no finding says otherwise. What an envelope led to by itself, without a record, was
    told when it was learned of; and what applications told after it was not known before."""
    told: dict[UUID, datetime] = {}
    for record in log:
        event = record.event
        if isinstance(event, FindingOpened | FindingEscalated | FindingCleared) and event.rule in _CAPS:
            about = event.evidence
            if not about.records and about.bucket is None:
                told |= {one.event_id: min(event.at, told.get(one.event_id, event.at)) for one in about.facts}
    found = []
    newest = _THE_BEGINNING
    for fact, ref in facts:
        learned = told.get(ref.event_id) if isinstance(fact, PilotAmended) else None
        newest = newest if learned is None else max(newest, learned)
        found.append(_Coming(fact, ref, max(fact.at, newest) if learned is None else learned))
    return sorted(found, key=lambda one: one.learned)


def _readings(log: Iterable[Logged]) -> dict[str, _Reading]:
    """How the engine read a record, by the record's hash, as far as the findings say."""
    found: dict[str, _Reading] = {}
    for record in log:
        event = record.event
        if record.topic != MONITORING.name or not isinstance(event, Told):
            continue
        for ref in event.evidence.records:
            before = found.get(ref.sha256, _Reading())
            before = replace(before, received=ref.received or before.received)
            if isinstance(event, FindingCleared) and event.rule is RuleCode.SILENCE:
                found[ref.sha256] = replace(before, ended=event.at)
            else:
                named = before.named.union(one.event_id for one in event.evidence.facts)
                about = [one for one in (before.until, event.evidence.sample_at) if one is not None]
                found[ref.sha256] = replace(before, at=event.at, named=named, until=max(about, default=None))
                if event.evidence.window is Window.TOTAL:  # a total is held against the newest envelope
                    found[ref.sha256] = replace(found[ref.sha256], adjusted=event.at)
    return found


def _misses(log: Iterable[Logged]) -> list[FindingOpened | FindingEscalated]:
    return [
        record.event
        for record in log
        if isinstance(record.event, FindingOpened | FindingEscalated) and record.event.rule is RuleCode.SILENCE
    ]


def _owed(report: Report, misses: Iterable[FindingOpened | FindingEscalated]) -> datetime:
    """When the last was due of the silences about a period in which a sample of the report lies: it did not prevent them."""
    found = _THE_BEGINNING
    for miss in misses:
        about = miss.evidence
        assert about.period_start and about.period_end and about.due, "a silence has a period"
        start, end = instant_of(about.period_start), instant_of(about.period_end)
        if miss.subject.partition("/")[0] == report.source and any(
            start <= sample.at < end and about.metric in (None, sample.metric) for sample in report.samples
        ):
            found = max(found, about.due)
    return found


def _ends_silence(judgement: Judgement) -> bool:
    events = (one.event for one in judgement.told)
    return any(isinstance(event, FindingCleared) and event.rule is RuleCode.SILENCE for event in events)


def _report(record: Logged) -> Report | None:
    """A metrics record as the core takes it; None for one that no engine can read, or that names another pilot than its key."""
    try:
        sent = MetricsReported.model_validate_json(record.data)
    except ValidationError:
        return None
    if str(sent.pilot_id) != record.key or sent.part > sent.parts:
        return None
    return report_of(sent, record.sha256)
