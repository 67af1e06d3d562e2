"""The rule threshold: the order in which values are sent, and how they are cut and batched, does not decide what is found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.core import judge, windows
from services.monitoring.core.book import Report, Sample
from services.monitoring.core.instants import HOUR, Instant, instant_of
from services.monitoring.core.meters import Point
from services.monitoring.store.books import decode, encode
from shared.contracts.events.monitoring import FindingOpened
from shared.contracts.numbers import SCALE
from shared.contracts.pilot import Severity, Threshold
from shared.contracts.rules import MetricKind
from tests.core.test_monitoring_thresholds import NOW, complaints, ratio_rules
from tests.monitoring_samples import Led, amended, at, envelope, lines, report, sample, spans_from

MANY = "opened threshold/many_complaints major"
OPENED = "opened threshold/complaints_per_1000 major"
FIRST = instant_of(at("2026-07-20 00:00"))
DENSE = "2026-07-20 {:02}:00"


def rule(code: str, numerator: str, denominator: str | None = None, *, limit: int, hours: int = 3) -> Threshold:
    return Threshold(
        code=code,
        numerator=numerator,
        denominator=denominator,
        window_hours=hours,
        limit=Decimal(limit),
        severity=Severity.MAJOR,
    )


SUM = rule("many_complaints", "complaints_received", limit=10)
PEAK = rule("long_queue", "complaints_open", limit=10, hours=2)
GROWTH = rule("rush", "participants_total", limit=10)
RATIO = rule("share", "complaints_received", "participants_active", limit=2, hours=5)


# What evaded it


@pytest.mark.parametrize("order", [(8, 10, 12, 14), (14, 12, 10, 8), (12, 8, 14, 10)])
@pytest.mark.parametrize("one_record", [True, False])
def test_complaints_of_a_day_are_found_in_whatever_order_they_are_sent(
    order: tuple[int, ...], one_record: bool
) -> None:
    pilot = Led(rules=ratio_rules())
    pilot.accept(report(1, sample("participants_active", "2026-07-20 07:00", 1_000)), "2026-07-20 18:00")
    values = [sample("complaints_received", DENSE.format(hour), 2) for hour in order]
    sent = [report(2, *values)] if one_record else [report(number, one) for number, one in enumerate(values, 2)]
    told = [event for one in sent for event in pilot.accept(one, "2026-07-20 18:00")]
    assert lines(told) == [OPENED]
    evidence = told[0].evidence
    assert (evidence.numerator, evidence.denominator) == (6, 1_000)
    assert evidence.sample_at == at(DENSE.format(12 if one_record or order[0] == 8 else 14))


@pytest.mark.parametrize(
    "samples", list(permutations([("complaints_received", 10, 6), ("participants_active", 9, 1_000)]))
)
def test_a_ratio_is_judged_once_both_of_a_record_are_there(samples: Sequence[tuple[str, int, int]]) -> None:
    pilot = Led(rules=ratio_rules())
    values = [sample(metric, DENSE.format(hour), value) for metric, hour, value in samples]
    assert lines(pilot.accept(report(1, *values), "2026-07-20 18:00")) == [OPENED]


def test_a_denominator_that_comes_late_is_held_against_what_was_there_before() -> None:
    pilot = Led(rules=ratio_rules())
    assert not lines(pilot.accept(complaints(1, "2026-07-20 10:00", 6), "2026-07-20 18:00"))
    late = report(2, sample("participants_active", "2026-07-20 09:00", 1_000))
    assert lines(pilot.accept(late, "2026-07-20 18:00")) == [OPENED]


def test_a_late_value_opens_nothing_for_a_window_that_was_told_of() -> None:
    pilot = Led(rules=ratio_rules())
    pilot.accept(complaints(1, "2026-07-20 08:00", 6, 1_000), "2026-07-20 09:00")
    clean = complaints(2, "2026-07-22 08:00", 0, 1_000)
    assert lines(pilot.until("2026-07-22 07:00")) == ["cleared threshold/complaints_per_1000 recovered"]
    assert not lines(pilot.accept(clean, "2026-07-22 09:00"))
    # It was above its limit before; a day without a sample of its own is not judged again for one complaint more.
    more = report(3, sample("complaints_received", "2026-07-20 08:00", 1))
    assert not lines(pilot.accept(more, "2026-07-22 10:00"))
    fresh = complaints(4, "2026-07-21 08:00", 6, 1_000)
    assert lines(pilot.accept(fresh, "2026-07-22 10:00")) == [OPENED]


def test_a_record_that_holds_a_burst_and_its_end_opens_and_clears() -> None:
    pilot = Led(rules=ratio_rules())
    burst = [
        sample("participants_active", "2026-07-20 08:00", 1_000),
        sample("complaints_received", DENSE.format(8), 9),
    ]
    calm = [sample("participants_active", "2026-07-22 08:00", 1_000)]
    assert lines(pilot.accept(report(1, *calm, *burst), "2026-07-22 09:00")) == [
        OPENED,
        "cleared threshold/complaints_per_1000 recovered",
    ]


# When it clears


def test_a_numerator_without_a_denominator_keeps_the_window_from_being_empty() -> None:
    pilot = Led(rules=ratio_rules())
    opened = pilot.accept(complaints(1, "2026-07-20 10:00", 6, 1_000), "2026-07-20 11:00")
    assert lines(opened) == [OPENED]
    assert not lines(pilot.accept(complaints(2, "2026-07-21 09:30", 500), "2026-07-21 09:40"))
    assert not lines([one for one in pilot.until("2026-07-21 12:00") if one.rule == "threshold"])
    (cleared,) = [one for one in pilot.until("2026-07-22 12:00") if one.rule == "threshold"]
    assert cleared.at == at("2026-07-22 09:30")
    assert (cleared.evidence.value, cleared.evidence.metric, cleared.evidence.due) == (
        0,
        "complaints_received",
        cleared.at,
    )


def test_a_window_that_was_made_wider_is_not_empty_yet() -> None:
    pilot = Led(rules={"thresholds": {}}, thresholds=[SUM])
    pilot.accept(complaints(1, DENSE.format(8), 11), "2026-07-20 09:00")
    wider = SUM.model_copy(update={"window_hours": 6})
    pilot.learn(amended(envelope(version=2, thresholds=[wider]), "2026-07-20 10:00"), "2026-07-20 10:00")
    assert not lines(pilot.until("2026-07-20 13:59"))
    assert lines(pilot.until("2026-07-20 14:00")) == ["cleared threshold/many_complaints recovered"]


def test_a_rule_that_the_envelope_no_longer_has_clears_when_its_window_was_to_empty() -> None:
    pilot = Led(rules={"thresholds": {}}, thresholds=[SUM])
    pilot.accept(complaints(1, DENSE.format(8), 11), "2026-07-20 09:00")
    pilot.learn(amended(envelope(version=2), "2026-07-20 10:00"), "2026-07-20 10:00")
    assert lines(pilot.until("2026-07-20 11:00")) == ["cleared threshold/many_complaints recovered"]


def test_what_emptied_before_a_report_was_received_did_so_before_it() -> None:
    """Also where the report is read before the clock has fired."""
    pilots = [Led(rules={"thresholds": {}}, thresholds=[SUM]) for _ in range(2)]
    for pilot in pilots:
        pilot.accept(complaints(1, DENSE.format(8), 11), "2026-07-20 09:00")
    pilots[0].until("2026-07-20 12:00")
    for pilot in pilots:
        pilot.accept(complaints(2, DENSE.format(10), 5), "2026-07-20 12:00")
    assert [lines(pilot.told) for pilot in pilots] == [[MANY, "cleared threshold/many_complaints recovered", MANY]] * 2
    assert [one.at for one in pilots[1].told] == [at(DENSE.format(hour)) for hour in (9, 11, 12)]


def test_a_later_version_judges_the_windows_that_end_under_it() -> None:
    pilot = Led(rules={"thresholds": {}}, thresholds=[SUM])
    stricter = SUM.model_copy(update={"limit": Decimal(4)})
    pilot.accept(complaints(1, DENSE.format(10), 4), "2026-07-20 10:10")
    pilot.learn(amended(envelope(version=2, thresholds=[stricter]), "2026-07-20 10:30"), "2026-07-20 10:30")
    pilot.accept(complaints(2, DENSE.format(12), 0), "2026-07-20 12:10")
    # The late one lies under the first version, and in a window that ends under the second.
    opened = pilot.accept(complaints(3, DENSE.format(9), 1), "2026-07-20 12:10")
    assert not lines(opened)
    opened = pilot.accept(complaints(4, "2026-07-20 09:30", 1), "2026-07-20 12:10")
    assert lines(opened) == [MANY]
    assert (opened[0].evidence.envelope_version, opened[0].evidence.numerator) == (2, 5)


# Held for several evaluations


def test_a_rule_that_is_held_wants_a_row_within_a_window_however_it_is_sent() -> None:
    held = {"thresholds": {}, "rule_defaults": held_for(2)}
    for order in permutations([(8, 11), (10, 11), (15, 11), (19, 11)]):
        pilot = Led(rules=held, thresholds=[SUM])
        for number, (hour, value) in enumerate(order, 1):
            pilot.accept(complaints(number, DENSE.format(hour), value), "2026-07-20 19:10")
        assert opened(pilot.told) == {SUM.code}
    apart = Led(rules=held, thresholds=[SUM])
    for number, hour in enumerate((8, 11, 14), 1):
        assert not lines(apart.accept(complaints(number, DENSE.format(hour), 11), DENSE.format(hour)))


def held_for(evaluations: int) -> dict[str, Any]:
    pilot = Led()
    return {**pilot.view.defaults.model_dump(mode="json"), "threshold_hold": evaluations}


# Counters


def test_a_late_sample_of_a_counter_says_when_it_grew() -> None:
    hours = {8: 3, 16: 4, 18: 12, 23: 15}
    for order in permutations(hours):
        pilot = Led(rules={"thresholds": {}}, thresholds=[GROWTH])
        for number, hour in enumerate(order, 1):
            pilot.accept(report(number, sample("participants_total", DENSE.format(hour), hours[hour])), NOW)
        points = [pilot.points[key] for key in sorted(pilot.points)]
        assert [(point.value, point.level) for point in points] == [
            (gain * SCALE, level * SCALE) for gain, level in ((3, 3), (1, 4), (8, 12), (3, 15))
        ]


def test_a_late_reset_of_a_counter_counts_from_itself() -> None:
    pilot = Led(rules={"thresholds": {}}, thresholds=[GROWTH])
    pilot.accept(report(1, sample("participants_total", "2026-07-20 08:00", 40)), NOW)
    pilot.accept(report(2, sample("participants_total", "2026-07-22 08:00", 45)), NOW)
    pilot.accept(report(3, sample("participants_total", "2026-07-21 08:00", 2, reset=True)), NOW)
    pilot.accept(report(4, sample("participants_total", "2026-07-21 07:00", 41)), NOW)
    pilot.accept(report(5, sample("participants_total", "2026-07-21 07:00", 41)), NOW)
    points = [pilot.points[key] for key in sorted(pilot.points)]
    assert [point.value // SCALE for point in points] == [40, 1, 2, 43]
    assert sum(point.value for point in points) == pilot.book.counters["participants_total"].total


def test_the_samples_of_a_counter_are_taken_by_their_time() -> None:
    samples = [
        sample("participants_total", "2026-07-20 08:00", 10),
        sample("participants_total", "2026-07-20 09:00", 2, reset=True),
        sample("participants_total", "2026-07-20 10:00", 5),
    ]
    for order in permutations(samples):
        pilot = Led(rules={"thresholds": {}})
        pilot.accept(report(1, *order), NOW)
        assert pilot.book.counters["participants_total"].total == 15 * SCALE


# Properties

METRICS = ("complaints_received", "complaints_open", "participants_active", "participants_total")
RULES: dict[str, Any] = {"rules": {"thresholds": {}}, "thresholds": [SUM, PEAK, GROWTH, RATIO]}


@st.composite
def values(draw: st.DrawFn) -> list[Sample]:
    """Within two days; a gauge says one thing of an instant, and the counter never falls."""
    found, counted = [], 0
    hours = draw(
        st.lists(st.tuples(st.integers(0, 47), st.sampled_from(METRICS)), min_size=1, max_size=14, unique=True)
    )
    for hour, metric in sorted(hours):
        value = draw(st.integers(0, 12))
        if metric == "participants_total":
            counted = value = counted + value
        found.append(Sample(metric, FIRST + hour * HOUR, value * SCALE))
    return found


def led(**options: Any) -> Led:
    return Led(**{**RULES, **options})


def opened(told: Iterable[Any]) -> set[str]:
    return {one.subject for one in told if isinstance(one, FindingOpened) and one.rule == "threshold"}


def expected(samples: Sequence[Sample], *rules: Threshold) -> set[str]:
    """Whose window above its limit ends at some sample, by the definition, over all that is known in the end."""
    return {one.code for one in rules if any(_above(samples, one, end.at) for end in samples)}


def _above(samples: Sequence[Sample], one: Threshold, end: Instant) -> bool:
    def within(metric: str | None) -> list[int]:
        mine = sorted((known for known in samples if known.metric == metric), key=lambda known: known.at)
        grown = [b.value - a for a, b in zip([0, *(known.value for known in mine)], mine, strict=False)]
        amounts = grown if metric == "participants_total" else [known.value for known in mine]
        return [
            amount
            for known, amount in zip(mine, amounts, strict=True)
            if end - one.window_hours * HOUR < known.at <= end
        ]

    read = (one.numerator, one.denominator)
    if not any(known.at == end and known.metric in read for known in samples):
        return False
    top = within(one.numerator)
    value = max(top, default=0) if one.numerator == "complaints_open" else sum(top)
    if one.denominator is None:
        return bool(value > one.limit * SCALE)
    bottom = max(within(one.denominator), default=0)
    return bottom > 0 and Fraction(value, bottom) > Fraction(one.limit)


def plainly(told: Iterable[Any]) -> list[Any]:
    """Events without what names the record: its bytes differ with their order."""
    found = []
    for one in told:
        data = one.model_dump()
        data["evidence"]["records"] = len(data["evidence"]["records"])
        found.append(data)
    return found


@given(values(), st.randoms())
def test_within_a_record_order_means_nothing(samples: list[Sample], random: Any) -> None:
    one, other = led(), led()
    other.id, other.view = one.id, one.view
    shuffled = random.sample(samples, len(samples))
    one.accept(report(1, *samples), NOW)
    other.accept(report(1, *shuffled), NOW)
    assert plainly(one.told) == plainly(other.told)
    assert opened(one.told) == expected(samples, SUM, PEAK, GROWTH, RATIO)
    assert one.book.spans == other.book.spans


@given(values(), st.randoms(), st.integers(1, 5))
def test_what_is_above_its_limit_in_the_end_was_found_in_whatever_order_records_came(
    samples: list[Sample], random: Any, size: int
) -> None:
    pilot = led()
    shuffled = random.sample(samples, len(samples))
    for first in range(0, len(shuffled), size):
        pilot.accept(report(first + 1, *shuffled[first : first + size]), NOW)
    found = opened(pilot.told)
    # A ratio may have been above its limit while a denominator was not known yet, and a counter while it was not known when it grew: what was
    # found is not taken back. What more values can only raise is found where it is in the end, and nowhere else.
    assert found >= expected(samples, SUM, PEAK, GROWTH, RATIO)
    assert found - {GROWTH.code, RATIO.code} == expected(samples, SUM, PEAK)


class Kept:
    """A pilot as the engine keeps it: stored after every batch, the values of its windows in a table, of which it loads what it needs."""

    def __init__(self, like: Led) -> None:
        self.led = led()
        self.led.id, self.led.view, self.led.book = like.id, like.view, like.book

    def take(self, sent: Sequence[Report]) -> None:
        book, view, table = self.led.book, self.led.view, self.led.points
        since = judge.points_to_look_up(book, view, sent)
        if since is not None:
            book = replace(book, spans=spans_from(table, book.spans, lambda _: since))
        self.led.keep(judge.take_reports(book, view, sent, at(NOW), {}))
        stored = decode(encode(self.led.book))
        self.led.book = replace(stored, spans=spans_from(table, stored.spans, lambda span: span.since))


@given(values(), st.randoms(), st.integers(1, 5), st.integers(1, 4))
def test_batches_and_restarts_change_nothing(samples: list[Sample], random: Any, size: int, batch: int) -> None:
    whole = led()
    kept = Kept(whole)
    shuffled = random.sample(samples, len(samples))
    sent = [report(first + 1, *shuffled[first : first + size]) for first in range(0, len(shuffled), size)]
    whole.keep(judge.take_reports(whole.book, whole.view, sent, at(NOW), {}))
    for first in range(0, len(sent), batch):
        kept.take(sent[first : first + batch])
    assert kept.led.told == whole.told
    assert (kept.led.points, kept.led.gains) == (whole.points, whole.gains)
    assert _values(kept.led) == _values(whole)
    assert replace(kept.led.book, spans={}) == replace(whole.book, spans={})


def _values(pilot: Led) -> dict[str, tuple[Point, ...]]:
    return {metric: span.points for metric, span in pilot.book.spans.items()}


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(-5, 30)), max_size=30, unique_by=lambda one: one[0]),
    st.lists(st.integers(0, 35), min_size=1, max_size=10, unique=True),
    st.integers(1, 12),
    st.sampled_from([MetricKind.DELTA, MetricKind.GAUGE]),
)
def test_what_windows_hold_is_what_a_plain_loop_finds(
    told: list[tuple[int, int]], ends: list[int], width: int, kind: MetricKind
) -> None:
    points = [Point(when, 1, value) for when, value in sorted(told)]
    combine = max if kind is MetricKind.GAUGE else sum
    plain = []
    for end in sorted(ends):
        within = [point.value for point in points if end - width < point.at <= end]
        plain.append(combine(within) if within else None)
    assert windows.amounts(points, kind, sorted(ends), width) == plain
