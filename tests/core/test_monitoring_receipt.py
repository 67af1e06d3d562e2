"""Silence is judged by when a report was received: whether the engine read it at once, or after a downtime of any length."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.core import judge
from services.monitoring.core.book import Book, Report
from services.monitoring.core.facts import Fact, PilotFacts, take
from services.monitoring.core.instants import DAY, HOUR, Instant, instant_of, moment
from services.monitoring.core.view import View, view_of
from services.monitoring.store import books
from shared.contracts.events.monitoring import EventRef
from shared.contracts.pilot import Cap, Period, PilotState
from tests.monitoring_samples import (
    AUDIENCE,
    CALENDAR,
    CROWD,
    START,
    Led,
    amended,
    at,
    ended,
    envelope,
    lines,
    moved,
    ref,
    registered,
    report,
    sample,
    started,
    winding_down,
)

OPENED, WORSE, CLEARED = "opened silence/main minor", "escalated silence/main major", "cleared silence/main recovered"


def received(one: Report, when: str) -> Report:
    return replace(one, received=instant_of(at(when)))


def crowd(sequence: int, when: str, **more: Any) -> Report:
    return report(sequence, sample("crowd_peak", when, 1), **more)


def dated(events: Sequence[Any]) -> list[tuple[str, datetime]]:
    return [(line, event.at) for line, event in zip(lines(events), events, strict=True)]


# One report and one clock


def test_a_report_received_after_the_clock_was_due_and_read_before_it_fired_is_a_miss_that_ends_at_once() -> None:
    pilot = Led(CROWD)
    late = received(crowd(1, "2026-07-21 08:00"), "2026-07-29 09:00")
    assert not lines(pilot.accept(late, "2026-08-20 12:00"))
    assert dated(pilot.until("2026-07-29 00:00")) == [
        (OPENED, at("2026-07-29 00:00")),
        (CLEARED, at("2026-07-29 09:00")),
    ]
    assert pilot.told[-1].evidence.records == (late.ref(instant_of(at("2026-07-29 09:00"))),)
    assert not pilot.book.heard


def test_received_at_the_due_instant_is_late_and_an_instant_before_is_in_time() -> None:
    pilot = Led(CROWD)
    pilot.accept(received(crowd(1, "2026-07-21 08:00"), "2026-07-29 00:00"), "2026-07-29 00:00")
    assert dated(pilot.until("2026-07-29 00:00")) == [
        (OPENED, at("2026-07-29 00:00")),
        (CLEARED, at("2026-07-29 00:00")),
    ]
    pilot = Led(CROWD)
    pilot.accept(received(crowd(1, "2026-07-21 08:00"), "2026-07-28 23:59"), "2026-08-20 12:00")
    assert not lines(pilot.until("2026-07-29 00:00"))


def test_the_first_of_two_receipts_counts_in_whatever_order_they_are_read() -> None:
    for order in ((1, 2), (2, 1)):
        pilot = Led(CROWD)
        sent = {
            1: received(crowd(1, "2026-07-21 08:00"), "2026-07-28 10:00"),
            2: received(crowd(2, "2026-07-22 08:00"), "2026-07-29 10:00"),
        }
        for number in order:
            pilot.accept(sent[number], "2026-08-20 12:00")
        assert not lines(pilot.until("2026-07-29 00:00"))


def test_a_report_ends_no_silence_that_began_after_it_was_received() -> None:
    pilot = Led(CROWD)
    # It is about the second week, came before the first was due, and is in time for its own.
    pilot.accept(received(crowd(1, "2026-07-27 08:00"), "2026-07-28 10:00"), "2026-08-20 12:00")
    assert lines(pilot.until("2026-08-05 00:00")) == [OPENED]
    assert pilot.open() == {"silence/main"}


def test_one_received_after_two_clocks_ends_both_misses_and_not_the_first_alone() -> None:
    pilot = Led(CROWD)
    pilot.accept(received(crowd(1, "2026-07-28 08:00"), "2026-08-05 10:00"), "2026-08-20 12:00")
    assert dated(pilot.until("2026-08-05 00:00")) == [
        (OPENED, at("2026-07-29 00:00")),
        (WORSE, at("2026-08-05 00:00")),
        (CLEARED, at("2026-08-05 10:00")),
    ]


def test_what_was_received_in_time_and_read_after_the_clock_ends_the_silence_where_it_began() -> None:
    # Only where a request was still being stored, or a broker's clock ran behind ours, when the clock fired.
    pilot = Led(CROWD)
    pilot.until("2026-07-29 00:00")
    in_time = received(crowd(1, "2026-07-21 08:00"), "2026-07-28 23:59")
    assert dated(pilot.accept(in_time, "2026-07-29 00:01")) == [(CLEARED, at("2026-07-29 00:00"))]


def test_a_metric_of_its_own_is_judged_by_its_own_receipt() -> None:
    pilot = Led(CROWD, AUDIENCE)
    pilot.accept(received(crowd(1, "2026-07-21 08:00"), "2026-07-21 09:00"), "2026-08-20 12:00")
    late = report(2, sample("audience_live", "2026-07-22 08:00", 1))
    pilot.accept(received(late, "2026-07-30 10:00"), "2026-08-20 12:00")
    assert dated(pilot.until("2026-07-29 00:00")) == [
        ("opened silence/main/audience_live minor", at("2026-07-29 00:00")),
        ("cleared silence/main/audience_live recovered", at("2026-07-30 10:00")),
    ]


def test_what_waits_for_a_clock_that_is_taken_away_has_its_effect_then() -> None:
    pilot = Led(CROWD)
    pilot.until("2026-07-29 00:00")
    pilot.accept(received(crowd(1, "2026-07-28 08:00"), "2026-08-05 10:00"), "2026-08-20 12:00")
    assert pilot.book.heard
    # Not owed, says a withdrawal that came late; the miss before it was one, until the report.
    learnt = pilot.learn(winding_down("2026-08-04 10:00"), "2026-08-20 12:00")
    assert dated(learnt) == [(CLEARED, at("2026-08-05 10:00"))]
    assert not pilot.book.heard


def test_of_a_day_only_what_reaches_further_waits() -> None:
    pilot = Led(CROWD)
    for number in range(1, 50):
        one = received(crowd(number, f"2026-07-21 08:{number:02}"), f"2026-07-29 09:{number:02}")
        pilot.accept(one, "2026-08-20 12:00")
    assert [one.sequence for one in pilot.book.heard["main"]] == [1]
    pilot.accept(received(crowd(50, "2026-07-28 08:00"), "2026-07-29 08:00"), "2026-08-20 12:00")
    assert [one.sequence for one in pilot.book.heard["main"]] == [50]
    pilot.accept(received(crowd(51, "2026-07-21 08:00"), "2026-07-29 07:00"), "2026-08-20 12:00")
    pilot.accept(received(crowd(52, "2026-07-21 08:00"), "2026-07-30 07:00"), "2026-08-20 12:00")
    assert [one.sequence for one in pilot.book.heard["main"]] == [51, 50, 52]


def test_what_was_received_before_a_clock_does_not_stand_for_what_was_received_after_it() -> None:
    pilot = Led(CROWD)
    pilot.accept(received(crowd(1, "2026-08-04 08:00"), "2026-08-04 10:00"), "2026-08-20 12:00")
    pilot.accept(received(crowd(2, "2026-07-28 08:00"), "2026-08-06 10:00"), "2026-08-20 12:00")
    assert dated(pilot.until("2026-08-05 00:00")) == [
        (OPENED, at("2026-07-29 00:00")),
        (CLEARED, at("2026-08-04 10:00")),
        (OPENED, at("2026-08-05 00:00")),
        (CLEARED, at("2026-08-06 10:00")),
    ]


def test_what_lies_ahead_is_ahead_of_the_receipt() -> None:
    pilot = Led(CROWD)
    verdict = pilot.send(received(crowd(1, "2026-07-21 08:06"), "2026-07-21 08:00"), "2026-08-20 12:00")
    assert [one.code for one in verdict.problems] == ["sample_in_future"]


def test_a_report_received_after_the_tidying_is_too_late_although_its_clock_has_not_fired() -> None:
    pilot = Led(CROWD)
    pilot.learn(ended("2026-07-21 00:00"), "2026-07-21 00:00")
    tidy = pilot.view.tidy_at()
    assert tidy is not None
    before, after = (replace(crowd(n, "2026-07-20 08:00"), received=tidy - 2 + n) for n in (1, 2))
    assert pilot.send(before, "2026-12-01 00:00").outcome == "accepted"
    assert [one.code for one in pilot.send(after, "2026-12-01 00:00").problems] == ["pilot_over"]
    pilot.until("2026-12-01 00:00")
    assert pilot.book.finished
    assert not pilot.book.heard


# Live, or after any downtime

PILOT = UUID("0198f000-0000-7000-8000-000000000001")
FIRST = instant_of(START)
DOOR = Cap(**{**AUDIENCE.model_dump(), "source": "door"})


@dataclass(frozen=True)
class Act:
    """A report that is received, or a fact that happens and is told, ``at`` an instant."""

    at: Instant
    report: Report | None = None
    fact: tuple[Fact, EventRef] | None = None


class Run:
    """A pilot's book through the acts; whatever happens while the engine is down is read when it is back: facts, reports, then clocks."""

    def __init__(self, period: Period) -> None:
        self.book = Book()
        self.told: list[Any] = []
        self.facts: PilotFacts | None = None
        self.known: dict[tuple[str, int, int], str] = {}
        self.fired: list[Instant] = []
        self.view: View
        limits = envelope(CROWD, DOOR, period=period, sources=("main", "door"))
        for event in (registered(PILOT, limits), started(PILOT)):
            self._learn(event, EventRef(event_id=PILOT, sha256="0" * 64), FIRST)

    def play(
        self,
        acts: Sequence[Act],
        downtimes: Sequence[tuple[Instant, Instant]],
        until: Instant,
        shuffle: Callable[[list[Any]], None] = lambda sent: None,
    ) -> list[Any]:
        """All findings. Reports that waited are read as ``shuffle`` puts them."""
        for waiting, begin, now in _readings(acts, downtimes):
            self._fire(begin)
            for act in waiting:
                if act.fact is not None:
                    self._learn(*act.fact, now)
            sent = [replace(one.report, received=one.at) for one in waiting if one.report is not None]
            if len(sent) > 1:
                shuffle(sent)
            judged = judge.take_reports(self.book, self.view, sent, moment(now), self.known)
            self.known |= {
                one.identity: one.sha256
                for one, verdict in zip(sent, judged.verdicts, strict=True)
                if verdict.outcome == "accepted"
            }
            self._keep(judged)
            self._fire(now)
        self._fire(until)
        return sorted((one.model_dump() for one in self.told), key=lambda one: (one["at"], one["subject"], str(one)))

    def _learn(self, event: Fact, named: EventRef, now: Instant) -> None:
        self.facts = take(self.facts, event.model_copy(update={"pilot_id": PILOT}), named)
        self.view = view_of(self.facts, CALENDAR)
        self._keep(judge.take_facts(self.book, self.view, moment(now), self.book.change + 1))

    def _fire(self, until: Instant) -> None:
        while (due := self.book.next_due()) is not None and due <= until:
            self.fired.append(due)
            self._keep(judge.fire(self.book, self.view, due))

    def _keep(self, judged: Any) -> None:
        self.book = books.decode(books.encode(judged.book))  # as the engine finds it after a start
        self.told += [one.event for one in judged.told]


def _readings(
    acts: Sequence[Act], downtimes: Sequence[tuple[Instant, Instant]]
) -> list[tuple[list[Act], Instant, Instant]]:
    """What is read together, until when the clocks had fired before, and when it is read."""
    found: dict[tuple[Instant, Instant], list[Act]] = {}
    for act in sorted(acts, key=lambda one: one.at):
        down = next(((begin, end) for begin, end in downtimes if begin <= act.at < end), (act.at, act.at))
        found.setdefault(down, []).append(act)
    return [(waiting, begin, now) for (begin, now), waiting in sorted(found.items(), key=lambda one: one[0])]


@st.composite
def acts(draw: st.DrawFn) -> list[Act]:
    """Reports and facts of eight weeks, at distinct instants; samples of a report lie before its receipt."""
    hours = draw(st.lists(st.integers(1, 56 * 24), min_size=1, max_size=25, unique=True))
    found = []
    for number, hour in enumerate(sorted(hours), 1):
        now = FIRST + hour * HOUR + draw(st.sampled_from([0, 0, -1, 1]))
        if draw(st.integers(0, 5)) == 0:
            event = _fact(draw(st.integers(0, 5)), now, number)
            found.append(Act(now, fact=(event, ref(event))))
        else:
            source = draw(st.sampled_from(["main", "main", "door"]))
            metrics = draw(st.lists(st.sampled_from(["crowd_peak", "audience_live"]), min_size=1, max_size=2))
            back = draw(st.lists(st.integers(0, 20), min_size=1, max_size=3))
            samples = [sample(m, moment(max(FIRST, now - days * DAY)), 1) for m in metrics for days in back]
            found.append(Act(now, report=report(number, *samples, source=source)))
    return found


def _fact(kind: int, now: Instant, version: int) -> Fact:
    when = moment(now)
    if kind == 0:
        return winding_down(when)
    if kind == 1:
        return amended(envelope(CROWD, AUDIENCE, version=version + 1, sources=("main", "door")), when)
    if kind == 2:
        period = Period.DAY if version % 2 else Period.WEEK
        return amended(envelope(CROWD, version=version + 1, period=period, sources=("main",)), when)
    return moved((PilotState.SUSPENDED, PilotState.ACTIVE, PilotState.RESTRICTED)[kind - 3], when)


@settings(max_examples=100, deadline=None)
@given(
    acts(),
    st.lists(st.tuples(st.integers(0, 56 * 24), st.integers(1, 30 * 24)), min_size=1, max_size=4),
    st.sampled_from([Period.DAY, Period.WEEK]),
    st.randoms(use_true_random=False),
)
def test_whatever_the_downtime_the_findings_are_those_of_an_engine_that_never_stood_still(
    happened: list[Act], downs: list[tuple[int, int]], period: Period, order: Random
) -> None:
    downtimes: list[tuple[Instant, Instant]] = []
    for begin, length in sorted(downs):
        begin_at = max(FIRST + begin * HOUR, downtimes[-1][1] if downtimes else 0)
        downtimes.append((begin_at, begin_at + length * HOUR))
    until = FIRST + 75 * DAY
    live = Run(period)
    told = live.play(happened, [], until)

    def shuffle(sent: list[Report]) -> None:
        """Into any order, but for those that no clock separates: of them the first that is read ends a silence, and Kafka keeps theirs."""
        order.shuffle(sent)
        behind = [bisect_right(live.fired, _received(one)) for one in sent]
        in_turn = {
            clocks: iter(sorted(some, key=_received)) for clocks, some in _grouped(zip(behind, sent, strict=True))
        }
        sent[:] = [next(in_turn[clocks]) for clocks in behind]

    assert Run(period).play(happened, downtimes, until, shuffle) == told


def _received(one: Report) -> Instant:
    return one.received or 0


def _grouped(pairs: Iterable[tuple[int, Report]]) -> Iterable[tuple[int, list[Report]]]:
    found: dict[int, list[Report]] = {}
    for clocks, one in pairs:
        found.setdefault(clocks, []).append(one)
    return found.items()


def test_the_property_sees_misses_that_late_reports_end() -> None:
    happened = [
        Act(instant_of(at("2026-07-29 10:00")), report=crowd(1, "2026-07-21 08:00")),
        Act(instant_of(at("2026-08-05 10:00")), report=crowd(2, "2026-07-28 08:00")),
    ]
    whole = (FIRST, FIRST + 40 * DAY)
    found = Run(Period.WEEK).play(happened, [whole], FIRST + 41 * DAY)
    cleared = [one["at"] for one in found if "reason" in one and one["subject"] == "main"]
    assert cleared == [at("2026-07-29 10:00"), at("2026-08-05 10:00")]
