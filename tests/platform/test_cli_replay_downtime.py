"""Replay of a log that an engine wrote which stood still at times: the findings say when their records were received."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.cli.eventlog import Logged
from deploy.cli.recompute import Told, recompute
from deploy.cli.replaying import Chains, replay_in
from services.monitoring.core import facts as known
from services.monitoring.core import judge
from services.monitoring.core.book import Book, Identity, Judgement, report_of
from services.monitoring.core.instants import DAY, HOUR, Instant, instant_of, moment
from services.monitoring.core.meters import Point
from services.monitoring.core.view import View, view_of
from shared.contracts.base import Event, Meta
from shared.contracts.events.applications import PilotAmended
from shared.contracts.events.metrics import MetricsReported
from shared.contracts.events.monitoring import EventRef, FindingCleared, FindingOpened
from shared.contracts.pilot import Cap, Period, Window
from shared.contracts.topics import APPLICATIONS, DECISIONS, METRICS, MONITORING, Topic
from shared.platform.cloudevents import encode
from tests.journeys.simulated import name_of
from tests.monitoring_samples import (
    AUDIENCE,
    CALENDAR,
    CROWD,
    START,
    amended,
    at,
    envelope,
    registered,
    spans_from,
    started,
)
from tests.platform.test_cli_replay import warning

PILOT = UUID("0198f000-0000-7000-8000-000000000002")
FIRST = instant_of(START)
DOOR = Cap(metric="audience_live", window=Window.TOTAL, limit=Decimal(10), reported=True, source="door")
DUE = at("2026-07-29 00:00")
"""Of the week of 20 to 26 July."""


@dataclass(frozen=True)
class Sent:
    """A report, and when it is received."""

    received: Instant
    samples: tuple[tuple[str, Instant, int], ...]
    source: str = "main"


@dataclass
class Engine:
    """One pilot's engine and the log that it leaves. What comes while it is down it reads when it is back: records first, then clocks."""

    caps: Sequence[Cap]
    period: Period = Period.WEEK
    sources: Sequence[str] = ("main",)
    amended: Sequence[tuple[Instant, Instant, Cap]] = ()
    """Envelopes with another cap in the first's place, each with its instant and when the engine learns of it."""
    book: Book = field(default_factory=Book)
    facts: known.PilotFacts | None = None
    log: list[Logged] = field(default_factory=list)
    accepted: dict[Identity, str] = field(default_factory=dict)
    points: dict[tuple[str, Instant, str], Point] = field(default_factory=dict)

    def run(self, sent: Iterable[Sent], downtimes: Sequence[tuple[Instant, Instant]], until: Instant) -> None:
        limits = envelope(*self.caps, period=self.period, sources=self.sources)
        for event in (registered(PILOT, limits), started(PILOT)):
            self._learn(event, event.at)
        ahead = self._ahead(downtimes)
        for number, one in enumerate(sorted(sent, key=lambda one: one.received), 1):
            # The clocks have fired until the engine went down, and fire again when all that waited has been read.
            begin, back = _up(one.received, downtimes)
            self._learn_until(back, ahead)
            self._fire(begin)
            self._take(number, one, back)
        self._learn_until(until, ahead)
        self._fire(until)

    def _ahead(self, downtimes: Sequence[tuple[Instant, Instant]]) -> list[tuple[Instant, Instant, PilotAmended]]:
        """By when each is learned: until when the clocks have fired then, and at which instant it is read."""
        found = []
        for version, (when, learned, cap) in enumerate(sorted(self.amended, key=lambda one: one[1]), 2):
            limits = envelope(cap, *self.caps[1:], version=version, period=self.period, sources=self.sources)
            event = amended(limits, moment(when)).model_copy(update={"pilot_id": PILOT})
            found.append((*_up(learned, downtimes), event))
        return found

    def _learn_until(self, until: Instant, ahead: list[tuple[Instant, Instant, PilotAmended]]) -> None:
        while ahead and ahead[0][1] <= until:
            begin, now, event = ahead.pop(0)
            self._fire(begin)
            self._learn(event, moment(now))

    @property
    def view(self) -> View:
        assert self.facts is not None
        return view_of(self.facts, CALENDAR)

    @property
    def told(self) -> list[Told]:
        return [one.event for one in self.log if isinstance(one.event, Told)]

    def write(self, topic: Topic, event: Event) -> Logged:
        kind, time = event.type_name(), event.at
        meta = Meta(id=name_of(event), type=kind, source="haukiem/test", time=time, correlation_id="downtime")
        return self._append(topic, event.data(), tuple(encode(meta)))

    def _learn(self, event: known.Fact, now: datetime) -> None:
        record = self.write(APPLICATIONS, event)
        self.facts = known.take(self.facts, event, EventRef(event_id=name_of(event), sha256=record.sha256))
        self._keep(judge.take_facts(self.book, self.view, now, self.book.change + 1))

    def _take(self, sequence: int, one: Sent, now: Instant) -> None:
        samples = [{"metric": metric, "at": moment(when), "value": str(value)} for metric, when, value in one.samples]
        sent = MetricsReported.model_validate(
            {"pilot_id": PILOT, "source": one.source, "sequence": sequence, "samples": samples}
        )
        record = self._append(METRICS, sent.model_dump_json().encode(), ())
        report = report_of(sent, record.sha256, one.received)
        since = judge.points_to_look_up(self.book, self.view, [report])
        if since is not None:
            self.book = replace(self.book, spans=spans_from(self.points, self.book.spans, lambda _: since))
        judged = judge.take_reports(self.book, self.view, [report], moment(now), self.accepted)
        assert [verdict.outcome for verdict in judged.verdicts] == ["accepted"], judged.verdicts
        self.accepted[report.identity] = report.sha256
        self._keep(judged)

    def _fire(self, until: Instant) -> None:
        while (due := self.book.next_due()) is not None and due <= until:
            self._keep(judge.fire(self.book, self.view, due))

    def _keep(self, judged: Judgement) -> None:
        self.book = judged.book
        self.points |= judged.points
        for one in judged.told:
            self.write(MONITORING, one.event)

    def _append(self, topic: Topic, data: bytes, headers: tuple[tuple[str, bytes], ...]) -> Logged:
        offset = sum(one.topic == topic.name for one in self.log)
        record = Logged(topic.name, 0, offset, str(PILOT), headers, data)
        self.log.append(record)
        return record


def _up(at_: Instant, downtimes: Sequence[tuple[Instant, Instant]]) -> tuple[Instant, Instant]:
    """Until when the clocks have fired when the engine meets what comes at this instant, and when it reads it."""
    return next(((begin, end) for begin, end in downtimes if begin <= at_ < end), (at_, at_))


def sorted_data(events: Iterable[Event]) -> list[bytes]:
    """Clocks that fired late stand late in the log, each under its own due instant."""
    return sorted(one.data() for one in events)


def after_a_downtime(received: datetime) -> Engine:
    """A breach of the last week of July, received while the engine was down over the instant at which that week's report was due."""
    engine = Engine((CROWD,))
    breach = Sent(instant_of(received), (("crowd_peak", instant_of(at("2026-07-26 20:00")), 1_200),))
    engine.run([breach], [(instant_of(at("2026-07-27 08:00")), instant_of(at("2026-07-30 12:00")))], FIRST + 25 * DAY)
    return engine


def silences(events: Iterable[Event]) -> list[tuple[str, datetime]]:
    return [
        (type(one).__name__, one.at)
        for one in events
        if isinstance(one, FindingOpened | FindingCleared) and one.rule == "silence"
    ]


NEXT_DUE = at("2026-08-05 00:00")


@pytest.mark.parametrize(
    ("received", "missed"),
    [
        ("2026-07-28 20:00", [("FindingOpened", NEXT_DUE)]),
        (
            "2026-07-29 09:00",
            [("FindingOpened", DUE), ("FindingCleared", at("2026-07-29 09:00")), ("FindingOpened", NEXT_DUE)],
        ),
    ],
    ids=["received in time and read late", "received late and read before the clock fired"],
)
def test_a_decision_on_a_breach_that_was_read_after_a_downtime_replays_identical(
    received: str, missed: list[tuple[str, datetime]]
) -> None:
    engine = after_a_downtime(at(received))
    assert silences(engine.told) == missed
    assert sorted_data(recompute(engine.log, CALENDAR)) == sorted_data(engine.told)
    opened = next(one for one in engine.told if isinstance(one, FindingOpened) and one.rule == "cap_exceeded")
    assert opened.at == at("2026-07-30 12:00")
    # The decision stands on all that was found: the breach, its measure, and the silences beside them.
    bound = [one for one in engine.log if isinstance(one.event, Told)]
    record = engine.write(DECISIONS, warning(opened, bound))
    found = replay_in(record, engine.log, Chains.of([record]), CALENDAR)
    assert found.identical, [check for check in found.checks if not check.holds]


def test_findings_that_say_nothing_of_the_receipt_replay_as_they_were_written() -> None:
    engine = Engine((CROWD,))
    sunday, monday = instant_of(at("2026-07-26 20:00")), instant_of(at("2026-07-27 08:00"))
    late, again = instant_of(at("2026-07-30 10:00")), instant_of(at("2026-07-31 10:00"))
    sent = [
        Sent(late, (("crowd_peak", sunday, 1_200),)),
        Sent(again, (("crowd_peak", monday, 1), ("crowd_peak", monday + 1, 1))),
    ]
    engine.run(sent, [], FIRST + 25 * DAY)
    engine.log = [_before_receipts(one) for one in engine.log]
    assert [one[0] for one in silences(engine.told)] == ["FindingOpened", "FindingCleared"]
    opened = next(one for one in engine.told if isinstance(one, FindingOpened) and one.rule == "cap_exceeded")
    bound = [replace(one, headers=_named(one.event)) for one in engine.log if isinstance(one.event, Told)]
    engine.log = [one for one in engine.log if one.topic != MONITORING.name] + bound
    record = engine.write(DECISIONS, warning(opened, bound))
    found = replay_in(record, engine.log, Chains.of([record]), CALENDAR)
    assert found.identical, [check for check in found.checks if not check.holds]


def _before_receipts(record: Logged) -> Logged:
    """A record of monitoring as it was written before findings said when their records were received."""
    if not isinstance(record.event, Told):
        return record
    data = json.loads(record.data)
    for ref in data["evidence"]["records"]:
        del ref["received"]
    return replace(record, data=json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode())


def _named(event: Any) -> tuple[tuple[str, bytes], ...]:
    meta = Meta(
        id=name_of(event), type=event.type_name(), source="haukiem/test", time=event.at, correlation_id="downtime"
    )
    return tuple(encode(meta))


@st.composite
def reports(draw: st.DrawFn) -> list[Sent]:
    """Of eight weeks, at distinct instants, about what lay up to three weeks before each; some break a cap."""
    found = []
    for hour in draw(st.lists(st.integers(1, 56 * 24), min_size=1, max_size=20, unique=True)):
        received = FIRST + hour * HOUR + draw(st.sampled_from([0, 0, -1, 1]))
        metrics = draw(
            st.lists(st.sampled_from(["crowd_peak", "audience_live", "safety_incidents"]), min_size=1, max_size=2)
        )
        back = draw(st.lists(st.integers(0, 20), min_size=1, max_size=3))
        value = draw(st.sampled_from([0, 1, 5, 1_200]))
        samples = tuple((metric, max(FIRST, received - days * DAY), value) for metric in metrics for days in back)
        found.append(Sent(received, samples, draw(st.sampled_from(["main", "main", "door"]))))
    return found


@pytest.mark.parametrize("downtimes", [[], [("2026-07-20 10:20", "2026-07-20 10:50")]], ids=["up", "down meanwhile"])
@pytest.mark.parametrize("learned", ["2026-07-20 10:00", "2026-07-20 11:00"])
def test_an_envelope_that_was_learned_late_replays_as_it_was_judged(
    learned: str, downtimes: list[tuple[str, str]]
) -> None:
    narrow = CROWD.model_copy(update={"limit": Decimal(500)})
    instants = [instant_of(at(f"2026-07-20 {when}")) for when in ("10:15", "10:30", "11:30", "11:45", "12:00")]
    values = (700, 700, 100, 100, 600)
    engine = Engine((CROWD,), amended=[(instant_of(at("2026-07-20 10:00")), instant_of(at(learned)), narrow)])
    sent = [Sent(when, (("crowd_peak", when, value),)) for when, value in zip(instants, values, strict=True)]
    engine.run(sent, [(instant_of(at(a)), instant_of(at(b))) for a, b in downtimes], FIRST + 10 * DAY)
    assert sum(isinstance(one, FindingOpened) and one.rule == "cap_exceeded" for one in engine.told) == 2
    assert sorted_data(recompute(engine.log, CALENDAR)) == sorted_data(engine.told)


@settings(max_examples=60, deadline=None)
@given(
    reports(),
    st.lists(st.tuples(st.integers(0, 56 * 24), st.integers(1, 30 * 24)), max_size=4),
    st.sampled_from([Period.DAY, Period.WEEK]),
)
def test_whatever_the_downtimes_the_log_alone_gives_every_finding_again(
    sent: list[Sent], downs: list[tuple[int, int]], period: Period
) -> None:
    downtimes: list[tuple[Instant, Instant]] = []
    for begin, length in sorted(downs):
        begin_at = max(FIRST + begin * HOUR, downtimes[-1][1] if downtimes else 0)
        downtimes.append((begin_at, begin_at + length * HOUR))
    engine = Engine((CROWD, AUDIENCE, DOOR) if period is Period.WEEK else (CROWD, DOOR), period, ("main", "door"))
    engine.run(sent, downtimes, FIRST + 75 * DAY)
    assert sorted_data(recompute(engine.log, CALENDAR)) == sorted_data(engine.told)
