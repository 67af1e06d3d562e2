"""The rule threshold: sums and ratios over a sliding window of event time."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from services.monitoring.core import judge
from services.monitoring.core.book import Report
from services.monitoring.core.instants import HOUR, instant_of
from services.monitoring.core.meters import Point
from shared.contracts.numbers import SCALE
from shared.contracts.pilot import PilotState, Severity, Threshold
from tests.monitoring_samples import EXAMPLES, Led, amended, at, envelope, lines, moved, report, sample

NOW = "2026-08-20 12:00"
SAFETY = "threshold/safety_incidents"


def complaints(sequence: int, when: str, number: int, people: int | None = None, **more: Any) -> Report:
    samples = [sample("complaints_received", when, number)]
    if people is not None:
        samples.insert(0, sample("participants_active", when, people))
    return report(sequence, *samples, **more)


def ratio_rules() -> dict[str, Any]:
    """Only complaints per 1,000 participants over 24 hours, limit 5."""
    example = json.loads((EXAMPLES / "PilotRegistered.json").read_text(encoding="utf-8"))["data"]["rules"]
    return {"thresholds": {"complaints_per_1000": example["thresholds"]["complaints_per_1000"]}}


def test_a_ratio_above_its_limit_opens_and_at_four_fifths_it_clears() -> None:
    pilot, now = Led(rules=ratio_rules()), "2026-07-20 12:00"
    assert not lines(pilot.accept(complaints(1, "2026-07-20 08:00", 5, 1_000), now))
    opened = pilot.accept(complaints(2, "2026-07-20 09:00", 1), now)
    assert lines(opened) == ["opened threshold/complaints_per_1000 major"]
    evidence = opened[-1].evidence
    assert (evidence.numerator, evidence.denominator, evidence.limit, evidence.window_hours) == (6, 1_000, 5, 24)
    # 6 of 1,200 are 5.0: above 4, so it stays; 6 of 1,500 are 4.0: it clears.
    assert not lines(pilot.accept(report(3, sample("participants_active", "2026-07-20 10:00", 1_200)), now))
    assert lines(pilot.accept(report(4, sample("participants_active", "2026-07-20 11:00", 1_500)), now)) == [
        "cleared threshold/complaints_per_1000 recovered"
    ]


def test_without_a_denominator_there_is_no_evaluation() -> None:
    pilot = Led(rules=ratio_rules())
    assert not lines(pilot.accept(complaints(1, "2026-07-20 08:00", 500), NOW))
    assert not lines(pilot.accept(complaints(2, "2026-07-20 09:00", 500, 0), NOW))
    assert not lines(pilot.accept(complaints(3, "2026-07-22 09:00", 500), NOW))


def test_the_window_is_open_at_its_beginning() -> None:
    pilot = Led(rules=ratio_rules())
    pilot.accept(complaints(1, "2026-07-20 08:00", 5, 1_000), NOW)
    assert not lines(pilot.accept(complaints(2, "2026-07-21 08:00", 1, 1_000), NOW))
    pilot.accept(complaints(3, "2026-07-22 07:59", 4, 1_000), NOW)
    assert lines(pilot.accept(complaints(4, "2026-07-22 07:59", 1, 1_000), NOW)) == [
        "opened threshold/complaints_per_1000 major"
    ]


def test_a_late_burst_is_judged_in_its_own_window() -> None:
    pilot = Led(rules=ratio_rules())
    pilot.accept(report(1, sample("participants_active", "2026-07-20 08:00", 1_000)), NOW)
    pilot.accept(report(2, sample("participants_active", "2026-07-25 08:00", 1_000)), NOW)
    late = complaints(3, "2026-07-20 09:00", 6)
    since = judge.points_to_look_up(pilot.book, pilot.view, [late])
    assert since == instant_of(at("2026-07-20 09:00")) - pilot.view.widest
    # What the table holds is brought back, as the engine does.
    pilot.book = judge.with_point(
        pilot.book, "participants_active", Point(instant_of(at("2026-07-20 08:00")), 1, 1_000 * SCALE)
    )
    assert lines(pilot.accept(late, NOW)) == ["opened threshold/complaints_per_1000 major"]
    # The window that ends at the newest sample is clean: the next evaluation clears.
    assert lines(pilot.accept(report(4, sample("participants_active", "2026-07-25 09:00", 1_000)), NOW)) == [
        "cleared threshold/complaints_per_1000 recovered"
    ]


def test_a_window_that_empties_clears_by_itself() -> None:
    pilot = Led()
    opened = pilot.accept(report(1, sample("safety_incidents", "2026-07-20 08:00", 1)), NOW)
    assert lines(opened) == [f"opened {SAFETY} critical"]
    assert pilot.book.alarms["window/safety_incidents"] == instant_of(at("2026-07-27 08:00"))
    # A later one moves the instant on.
    pilot.accept(report(2, sample("safety_incidents", "2026-07-21 08:00", 0)), NOW)
    assert not lines([one for one in pilot.until("2026-07-28 07:59") if one.rule == "threshold"])
    cleared = [one for one in pilot.until("2026-07-28 08:00") if one.rule == "threshold"]
    assert lines(cleared) == [f"cleared {SAFETY} recovered"]


def test_a_clock_that_is_late_never_clears_before_the_opening() -> None:
    pilot = Led()
    pilot.accept(report(1, sample("safety_incidents", "2026-07-20 08:00", 1)), NOW)
    cleared = [one for one in pilot.until("2026-07-27 08:00") if one.rule == "threshold"]
    assert cleared[0].at == at(NOW)


def test_a_correction_clears_as_corrected_and_the_clock_goes_with_it() -> None:
    pilot, now = Led(), "2026-07-20 12:00"
    pilot.accept(report(1, sample("safety_incidents", "2026-07-20 08:00", 1)), now)
    corrected = report(2, sample("safety_incidents", "2026-07-20 08:00", -1), corrects=1)
    assert lines(pilot.accept(corrected, now)) == [f"cleared {SAFETY} corrected"]
    assert "window/safety_incidents" not in pilot.book.alarms


def test_a_gauge_counts_by_its_highest_value_in_the_window() -> None:
    pilot = Led()
    for number, (hour, value) in enumerate((("08", 20), ("09", 25), ("10", 1)), 1):
        pilot.accept(report(number, sample("takedown_latency_max_hours", f"2026-07-20 {hour}:00", value)), NOW)
    assert pilot.open() == {"threshold/takedown_latency"}
    # 24 hours after the 25 the highest is 1, at or below 0.8 x 24.
    assert lines(pilot.accept(report(9, sample("takedown_latency_max_hours", "2026-07-21 09:00", 1)), NOW)) == [
        "cleared threshold/takedown_latency recovered"
    ]


def test_an_older_sequence_does_not_replace_a_gauge_in_the_window() -> None:
    pilot = Led()
    pilot.accept(report(5, sample("takedown_latency_max_hours", "2026-07-20 08:00", 1)), NOW)
    for hour in range(9, 19):
        pilot.accept(report(hour, sample("takedown_latency_max_hours", f"2026-07-20 {hour:02}:00", 1)), NOW)
    assert not lines(pilot.accept(report(4, sample("takedown_latency_max_hours", "2026-07-20 08:00", 99)), NOW))
    replaced = report(20, sample("takedown_latency_max_hours", "2026-07-20 08:00", 99))
    assert lines(pilot.accept(replaced, NOW)) == ["opened threshold/takedown_latency critical"]


def test_it_opens_only_after_as_many_evaluations_as_the_rules_hold_it() -> None:
    example = json.loads((EXAMPLES / "PilotRegistered.json").read_text(encoding="utf-8"))["data"]["rules"]
    held = {"rule_defaults": {**example["rule_defaults"], "threshold_hold": 2}}
    pilot = Led(rules=held)
    late = "takedown_latency_max_hours"
    assert not lines(pilot.accept(report(1, sample(late, "2026-07-20 08:00", 30)), NOW))
    assert not lines(pilot.accept(report(2, sample(late, "2026-07-22 08:00", 1)), NOW))
    assert not lines(pilot.accept(report(3, sample(late, "2026-07-22 09:00", 30)), NOW))
    assert lines(pilot.accept(report(4, sample(late, "2026-07-22 10:00", 30)), NOW)) == [
        "opened threshold/takedown_latency critical"
    ]


def test_rules_do_not_run_after_the_end_but_the_values_are_kept() -> None:
    pilot = Led()
    pilot.learn(moved(PilotState.WINDING_DOWN, "2026-07-20 00:00"), NOW)
    assert not lines(pilot.accept(report(1, sample("safety_incidents", "2026-07-20 08:00", 1)), NOW))
    assert len(pilot.book.spans["safety_incidents"].points) == 1


OWN = Threshold(
    code="long_queue", numerator="complaints_open", window_hours=1, limit=Decimal(10), severity=Severity.MINOR
)


def test_an_envelope_adds_thresholds_of_its_own_and_may_only_lower_a_default() -> None:
    stricter = Threshold(
        code="safety_incidents",
        numerator="safety_incidents",
        window_hours=168,
        limit=Decimal(0),
        severity=Severity.CRITICAL,
    )
    looser = Threshold(
        code="takedown_latency",
        numerator="takedown_latency_max_hours",
        window_hours=1,
        limit=Decimal(48),
        severity=Severity.INFO,
    )
    pilot = Led(thresholds=[OWN, stricter, looser])
    terms = {term.code: term for some in pilot.view.terms[0].thresholds.values() for term in some}
    assert terms["long_queue"].limit == 10 * SCALE
    assert terms["takedown_latency"].limit == 24 * SCALE
    assert terms["takedown_latency"].width == 24 * HOUR
    assert lines(pilot.accept(report(1, sample("complaints_open", "2026-07-20 08:00", 11)), NOW)) == [
        "opened threshold/long_queue minor"
    ]


@pytest.mark.parametrize(
    ("limit", "severity", "applied"),
    [
        (3, Severity.CRITICAL, (3, Severity.CRITICAL)),
        (3, Severity.MAJOR, (3, Severity.MAJOR)),
        (5, Severity.CRITICAL, (5, Severity.CRITICAL)),
        (7, Severity.CRITICAL, (5, Severity.CRITICAL)),
        (3, Severity.MINOR, (3, Severity.MAJOR)),
    ],
)
def test_an_envelope_may_be_stricter_than_a_default_in_limit_and_severity(
    limit: int, severity: Severity, applied: tuple[int, Severity]
) -> None:
    own = Threshold(
        code="complaints_per_1000",
        numerator="complaints_received",
        denominator="participants_active",
        scale=1000,
        window_hours=24,
        limit=Decimal(limit),
        severity=severity,
    )
    pilot = Led(rules=ratio_rules(), thresholds=[own])
    (term,) = pilot.view.terms[0].thresholds["complaints_received"]
    assert (term.limit, term.severity) == (applied[0] * SCALE, applied[1])
    opened = pilot.accept(complaints(1, "2026-07-20 08:00", applied[0] + 1, 1_000), "2026-07-20 09:00")
    assert lines(opened) == [f"opened threshold/complaints_per_1000 {applied[1]}"]


def test_a_metric_that_no_threshold_reads_at_its_time_is_only_kept() -> None:
    pilot = Led(rules={"thresholds": {}})
    pilot.learn(amended(envelope(version=2, thresholds=[OWN]), "2026-07-22 00:00"), NOW)
    assert not lines(pilot.accept(report(1, sample("complaints_open", "2026-07-20 08:00", 11)), NOW))
    assert len(pilot.accept(report(2, sample("complaints_open", "2026-07-22 08:00", 11)), NOW)) == 1


def test_windows_that_no_newest_sample_can_reach_are_let_go_of() -> None:
    pilot = Led(rules=ratio_rules())
    for day in range(20, 26):
        pilot.accept(complaints(day, f"2026-07-{day} 08:00", 1, 1_000), NOW)
    assert {len(span.points) for span in pilot.book.spans.values()} == {1}
    assert judge.points_to_look_up(pilot.book, pilot.view, [complaints(90, "2026-07-25 09:00", 1)]) is None
    assert judge.points_to_look_up(pilot.book, pilot.view, [report(91, sample("shows", "2026-07-01 09:00", 1))]) is None
    assert judge.with_point(pilot.book, "jobs", Point(1, 1, 1)).spans["jobs"].points == (Point(1, 1, 1),)


@pytest.mark.parametrize("width", [1, 24])
def test_a_threshold_stays_silent_when_it_fires_after_it_cleared(width: int) -> None:
    pilot = Led()
    pilot.accept(report(1, sample("safety_incidents", "2026-07-20 08:00", 1)), NOW)
    due = pilot.book.alarms["window/safety_incidents"]
    corrected = report(2, sample("safety_incidents", "2026-07-20 08:00", -1), corrects=1)
    pilot.accept(corrected, NOW)
    pilot.book = type(pilot.book)(**{**_fields(pilot.book), "alarms": {"window/safety_incidents": due}})
    assert not lines(pilot.until("2026-08-20 00:00"))


def _fields(book: Any) -> dict[str, Any]:
    return {name: getattr(book, name) for name in book.__dataclass_fields__}
