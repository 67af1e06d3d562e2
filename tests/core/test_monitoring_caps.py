"""The rules cap_warning and cap_exceeded: when findings open, escalate and clear, and the interim measure of a critical breach."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.core import judge
from services.monitoring.core.book import finding_id, measure_id
from services.monitoring.core.instants import instant_of
from services.monitoring.core.meters import KEPT_DAYS
from shared.contracts.events.monitoring import FindingOpened, InterimMeasureTaken, UsageRolled
from shared.contracts.numbers import SCALE
from shared.contracts.pilot import Cap, PilotState, Window
from tests.monitoring_samples import (
    AUDIENCE,
    CROWD,
    DAILY,
    MEMBERS,
    Led,
    amended,
    at,
    ended,
    envelope,
    lines,
    moved,
    report,
    sample,
    winding_down,
)

NOW = "2026-08-20 12:00"
WARNING, EXCEEDED = "cap_warning/crowd_peak/concurrent", "cap_exceeded/crowd_peak/concurrent"


def crowd(*values: int, first: int = 1, day: int = 20) -> list[Any]:
    """One report a value, an hour apart."""
    return [
        report(first + i, sample("crowd_peak", f"2026-07-{day} {8 + i:02}:00", value)) for i, value in enumerate(values)
    ]


def led(pilot: Led, reports: list[Any]) -> list[list[str]]:
    return [lines(pilot.accept(one, NOW)) for one in reports]


# Gauges


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("799.9999", []),
        ("800", ["opened cap_warning/crowd_peak/concurrent info"]),
        ("1000", ["opened cap_warning/crowd_peak/concurrent info"]),
        (
            "1000.0001",
            [
                "opened cap_warning/crowd_peak/concurrent info",
                "opened cap_exceeded/crowd_peak/concurrent critical",
                "measure",
            ],
        ),
    ],
)
def test_a_gauge_warns_at_four_fifths_and_breaches_above_its_limit(value: str, expected: list[str]) -> None:
    pilot = Led(CROWD)
    assert lines(pilot.accept(report(1, sample("crowd_peak", "2026-07-20 08:00", value)), NOW)) == expected


def test_a_finding_carries_the_evidence_that_made_it() -> None:
    pilot = Led(CROWD)
    pilot.accept(report(1, sample("crowd_peak", "2026-07-20 07:00", 10)), NOW)
    one = report(2, sample("crowd_peak", "2026-07-20 08:00", 1001))
    _, opened, measure = pilot.accept(one, NOW)
    assert isinstance(opened, FindingOpened)
    evidence = opened.evidence
    assert [evidence.value, evidence.before, evidence.limit] == [Decimal(1001), Decimal(10), Decimal(1000)]
    assert evidence.sample_at == at("2026-07-20 08:00")
    assert evidence.records == (one.ref(instant_of(at(NOW))),)
    assert evidence.envelope_version == 1
    assert evidence.rule_version == pilot.view.facts.binding.rule_set
    assert evidence.facts == (pilot.view.terms[0].event, pilot.view.facts.states[1].event)
    assert opened.at == at(NOW)
    assert opened.finding_id == finding_id(pilot.id, EXCEEDED, 1)
    assert isinstance(measure, InterimMeasureTaken)
    assert (measure.measure_id, measure.finding_id) == (measure_id(opened.finding_id), opened.finding_id)


def test_a_gauge_clears_after_two_evaluations_in_a_row_below() -> None:
    pilot = Led(CROWD)
    opened, between, again, one, two = led(pilot, crowd(1001, 900, 1001, 900, 900))
    assert opened[1:] == ["opened cap_exceeded/crowd_peak/concurrent critical", "measure"]
    assert between == again == one == []
    assert two == ["cleared cap_exceeded/crowd_peak/concurrent recovered"]
    assert pilot.open() == {WARNING}
    assert led(pilot, crowd(1002, day=21, first=9)) == [
        ["opened cap_exceeded/crowd_peak/concurrent critical", "measure"]
    ]
    assert pilot.told[-2].finding_id == finding_id(pilot.id, EXCEEDED, 2)


def test_ten_breaches_are_one_finding_and_one_measure() -> None:
    pilot = Led(CROWD)
    led(pilot, crowd(*range(1001, 1011)))
    assert len([one for one in pilot.told if isinstance(one, FindingOpened)]) == 2
    assert len([one for one in pilot.told if isinstance(one, InterimMeasureTaken)]) == 1


def test_a_late_breach_opens_by_its_own_value_and_clears_at_the_next_sample() -> None:
    pilot = Led(CROWD)
    led(pilot, crowd(100, 100, day=22))
    assert lines(pilot.accept(report(5, sample("crowd_peak", "2026-07-21 08:00", 2000)), NOW))[1:] == [
        "opened cap_exceeded/crowd_peak/concurrent critical",
        "measure",
    ]
    assert led(pilot, crowd(100, first=6, day=23)) == [
        [
            "cleared cap_warning/crowd_peak/concurrent recovered",
            "cleared cap_exceeded/crowd_peak/concurrent recovered",
        ]
    ]


def test_an_older_sequence_at_the_same_instant_is_no_evaluation() -> None:
    pilot = Led(CROWD)
    pilot.accept(report(5, sample("crowd_peak", "2026-07-20 08:00", 10)), NOW)
    assert not pilot.accept(report(4, sample("crowd_peak", "2026-07-20 08:00", 2000)), NOW)
    corrected = report(6, sample("crowd_peak", "2026-07-20 08:00", 1500), corrects=5)
    assert len(pilot.accept(corrected, NOW)) == 3


# Several sources of one gauge


def test_each_source_answers_for_its_own_value_of_an_instant() -> None:
    pilot = Led(CROWD, sources=("main", "gate"))
    when = "2026-07-20 08:00"
    pilot.accept(report(40, sample("crowd_peak", when, 100)), NOW)
    breach = report(2, sample("crowd_peak", when, 5_000), source="gate")
    assert lines(pilot.accept(breach, NOW))[1:] == ["opened cap_exceeded/crowd_peak/concurrent critical", "measure"]
    # Another's lower value, however high its sequence, takes nothing back; the gate's own correction does.
    assert not lines(pilot.accept(report(41, sample("crowd_peak", when, 90)), NOW))
    assert not lines(pilot.accept(report(42, sample("crowd_peak", "2026-07-20 07:00", 90)), NOW))
    corrected = report(3, sample("crowd_peak", when, 500), source="gate", corrects=2)
    assert lines(pilot.accept(corrected, NOW)) == [
        "cleared cap_warning/crowd_peak/concurrent corrected",
        "cleared cap_exceeded/crowd_peak/concurrent corrected",
    ]


def test_what_a_source_corrected_before_it_was_read_is_no_evaluation_of_another() -> None:
    pilot = Led(CROWD, sources=("main", "gate"))
    when = "2026-07-20 08:00"
    pilot.accept(report(3, sample("crowd_peak", when, 500), source="gate"), NOW)
    pilot.accept(report(1, sample("crowd_peak", when, 100)), NOW)
    assert not lines(pilot.accept(report(2, sample("crowd_peak", when, 5_000), source="gate"), NOW))


def test_the_usage_of_a_gauge_is_the_largest_of_its_sources() -> None:
    pilot = Led(CROWD, sources=("main", "gate"))
    pilot.accept(report(1, sample("crowd_peak", "2026-07-20 08:00", 700), source="gate"), NOW)
    pilot.accept(report(1, sample("crowd_peak", "2026-07-20 08:00", 600)), NOW)
    told = pilot.keep(judge.roll_usage(pilot.book, pilot.view, at(NOW), pilot.book.unrolled))
    assert [one.value for one in told] == [700]


# Envelopes that are learned of late


def learned_late(pilot: Led, limit: int, *, critical: bool = True, version: int = 2) -> list[str]:
    cap = CROWD.model_copy(update={"limit": Decimal(limit), "critical": critical})
    return lines(pilot.learn(amended(envelope(cap, version=version), "2026-07-20 10:00"), "2026-07-20 11:00"))


def test_a_lower_cap_that_is_learned_late_judges_what_the_gauge_has_stood_at_since() -> None:
    pilot = Led(CROWD)
    for number, (when, value) in enumerate((("09:59", 790), ("10:15", 700), ("10:30", 750)), 1):
        pilot.accept(report(number, sample("crowd_peak", f"2026-07-20 {when}", value)), f"2026-07-20 {when}")
    assert learned_late(pilot, 500) == [
        "opened cap_warning/crowd_peak/concurrent info",
        "opened cap_exceeded/crowd_peak/concurrent critical",
        "measure",
    ]
    evidence = pilot.told[-2].evidence
    assert (evidence.value, evidence.limit, evidence.envelope_version) == (700, 500, 2)
    assert (evidence.sample_at, evidence.records) == (at("2026-07-20 10:15"), ())
    assert evidence.facts[0] == pilot.view.terms[1].event
    assert pilot.told[-2].at == at("2026-07-20 11:00")


def test_a_higher_cap_that_is_learned_late_clears_what_was_lawful_under_it() -> None:
    pilot = Led(CROWD)
    for number, when in enumerate(("10:15", "10:30"), 1):
        pilot.accept(report(number, sample("crowd_peak", f"2026-07-20 {when}", 1_100)), f"2026-07-20 {when}")
    assert learned_late(pilot, 1_300) == ["cleared cap_exceeded/crowd_peak/concurrent adjusted"]
    # Learned together or one after the other: what was lawful meanwhile says nothing of what came then.
    assert learned_late(pilot, 1_050, version=3)[:1] == ["opened cap_exceeded/crowd_peak/concurrent critical"]


def test_a_breach_that_was_told_of_is_not_told_of_again_under_another_envelope() -> None:
    pilot = Led(CROWD)
    for number, (minute, value) in enumerate(((15, 1_200), (20, 100), (25, 100)), 1):
        when = f"2026-07-20 10:{minute}"
        pilot.accept(report(number, sample("crowd_peak", when, value)), when)
    assert not pilot.open()
    assert not learned_late(pilot, 900)
    assert not lines(pilot.learn(amended(envelope(CROWD, AUDIENCE, version=3), "2026-07-20 10:01"), NOW))


def test_an_envelope_of_a_pilot_that_is_over_is_held_against_nothing() -> None:
    pilot = Led(CROWD, AUDIENCE)
    pilot.accept(report(1, sample("audience_live", "2026-07-20 08:00", 900)), "2026-07-20 09:00")
    pilot.learn(winding_down("2026-07-21 00:00"), "2026-07-21 00:00")
    narrow = AUDIENCE.model_copy(update={"limit": Decimal(800)})
    assert not lines(pilot.learn(amended(envelope(CROWD, narrow, version=2), "2026-07-22 00:00"), NOW))


def test_an_envelope_that_makes_a_gauges_cap_critical_escalates_an_open_breach_alone() -> None:
    mild = Cap(metric="complaints_open", window=Window.CONCURRENT, limit=Decimal(10))
    grave = mild.model_copy(update={"critical": True})
    pilot = Led(mild)
    pilot.accept(report(1, sample("complaints_open", "2026-07-20 10:15", 11)), "2026-07-20 10:15")
    told = pilot.learn(amended(envelope(grave, version=2), "2026-07-20 10:00"), "2026-07-20 11:00")
    assert lines(told) == ["escalated cap_exceeded/complaints_open/concurrent critical", "measure"]


def test_a_cap_that_a_gauge_gets_is_held_against_it_only_while_the_pilot_runs() -> None:
    pilot = Led()
    pilot.learn(moved(PilotState.PENDING, "2026-07-20 10:20"), "2026-07-20 10:20")
    for number, (minute, value) in enumerate(((15, 900), (25, 2_000)), 1):
        pilot.accept(report(number, sample("crowd_peak", f"2026-07-20 10:{minute}", value)), "2026-07-20 10:30")
    told = pilot.learn(amended(envelope(CROWD, version=2), "2026-07-20 10:00"), "2026-07-20 11:00")
    assert lines(told) == ["opened cap_warning/crowd_peak/concurrent info"]


def test_a_cap_of_nothing_breaches_at_anything_and_never_warns_at_nothing() -> None:
    pilot = Led(Cap(metric="funds_held_vnd", window=Window.CONCURRENT, limit=Decimal(0)))
    assert not lines(pilot.accept(report(1, sample("funds_held_vnd", "2026-07-20 08:00", 0)), NOW))
    assert lines(pilot.accept(report(2, sample("funds_held_vnd", "2026-07-20 09:00", "0.0001")), NOW)) == [
        "opened cap_warning/funds_held_vnd/concurrent info",
        "opened cap_exceeded/funds_held_vnd/concurrent critical",
        "measure",
    ]


# Totals


def test_a_total_is_judged_once_a_record_and_clears_at_once_by_a_correction() -> None:
    pilot = Led(AUDIENCE)
    over = report(
        1, sample("audience_live", "2026-07-20 08:00", 9_000), sample("audience_live", "2026-07-20 09:00", 2_000)
    )
    opened = pilot.accept(over, NOW)
    assert lines(opened) == [
        "opened cap_warning/audience_live/total info",
        "opened cap_exceeded/audience_live/total major",
    ]
    assert (opened[1].evidence.before, opened[1].evidence.value) == (0, 11_000)
    corrected = report(2, sample("audience_live", "2026-07-20 09:00", -1_000), corrects=1)
    assert lines(pilot.accept(corrected, NOW)) == ["cleared cap_exceeded/audience_live/total corrected"]
    corrected = report(3, sample("audience_live", "2026-07-20 09:00", -2_001), corrects=1)
    assert lines(pilot.accept(corrected, NOW)) == ["cleared cap_warning/audience_live/total corrected"]


def test_a_counter_has_a_total_too() -> None:
    pilot = Led(MEMBERS)
    pilot.accept(report(1, sample("participants_total", "2026-07-20 08:00", 3_000)), NOW)
    found = pilot.accept(report(2, sample("participants_total", "2026-07-20 09:00", 5_001)), NOW)
    assert lines(found) == [
        "opened cap_warning/participants_total/total info",
        "opened cap_exceeded/participants_total/total major",
    ]


def test_an_adjusted_envelope_clears_a_total_and_counts_from_its_own_instant() -> None:
    pilot = Led(AUDIENCE)
    pilot.accept(report(1, sample("audience_live", "2026-07-20 08:00", 11_000)), NOW)
    wider = AUDIENCE.model_copy(update={"limit": Decimal(13_000)})
    assert lines(pilot.learn(amended(envelope(wider, version=2), "2026-07-25 10:00"), NOW)) == [
        "cleared cap_exceeded/audience_live/total adjusted"
    ]
    # A late sample of before does not take back what the total was held against since.
    assert not lines(pilot.accept(report(2, sample("audience_live", "2026-07-21 08:00", 500)), NOW))
    narrower = AUDIENCE.model_copy(update={"limit": Decimal(5_000)})
    opened = pilot.learn(amended(envelope(narrower, version=3), "2026-07-26 10:00"), NOW)
    assert lines(opened) == ["opened cap_exceeded/audience_live/total major"]
    assert opened[0].evidence.envelope_version == 3
    gone = pilot.learn(amended(envelope(CROWD, version=4), "2026-07-27 10:00"), NOW)
    assert lines(gone) == [
        "cleared cap_warning/audience_live/total adjusted",
        "cleared cap_exceeded/audience_live/total adjusted",
    ]


def test_an_envelope_that_makes_a_cap_critical_escalates_and_takes_the_measure() -> None:
    pilot = Led(AUDIENCE)
    pilot.accept(report(1, sample("audience_live", "2026-07-20 08:00", 11_000)), NOW)
    critical = AUDIENCE.model_copy(update={"critical": True})
    assert lines(pilot.learn(amended(envelope(critical, version=2), "2026-07-25 10:00"), NOW)) == [
        "escalated cap_exceeded/audience_live/total critical",
        "measure",
    ]
    again = pilot.learn(amended(envelope(critical, version=3), "2026-07-26 10:00"), NOW)
    assert not lines(again)


# Days


def test_two_changes_of_the_envelope_at_one_instant_are_each_an_evaluation() -> None:
    """Two decisions that were issued together have one instant."""
    pilot = Led(AUDIENCE)
    pilot.accept(report(1, sample("audience_live", "2026-07-20 10:00", 900)), NOW)
    before = pilot.open()
    when = "2026-07-25 10:00"
    pilot.learn(amended(envelope(AUDIENCE, CROWD, version=2), when), NOW)
    narrow = AUDIENCE.model_copy(update={"limit": Decimal(800)})
    pilot.learn(amended(envelope(narrow, CROWD, version=3), when), NOW)
    assert pilot.open() - before == {"cap_warning/audience_live/total", "cap_exceeded/audience_live/total"} - before


def test_a_day_breaches_at_once_and_clears_after_two_closed_days_below() -> None:
    pilot = Led(DAILY)
    pilot.accept(report(1, sample("audience_live", "2026-07-20 08:00", 600)), "2026-07-20 09:00")
    opened = pilot.accept(report(2, sample("audience_live", "2026-07-20 10:00", 500)), "2026-07-20 11:00")
    assert lines(opened) == [
        "opened cap_warning/audience_live/day info",
        "opened cap_exceeded/audience_live/day major",
    ]
    assert (str(opened[1].evidence.bucket), opened[1].evidence.before) == ("2026-07-20", 600)
    assert not lines(pilot.until("2026-07-21 00:00"))
    pilot.accept(report(3, sample("audience_live", "2026-07-21 10:00", 500)), "2026-07-21 11:00")
    # A day without samples is no evaluation: the 22nd says nothing.
    assert not lines(pilot.until("2026-07-23 00:00"))
    pilot.accept(report(4, sample("audience_live", "2026-07-23 10:00", 799)), "2026-07-23 11:00")
    closed = pilot.until("2026-07-24 00:00")
    assert lines(closed) == [
        "cleared cap_warning/audience_live/day recovered",
        "cleared cap_exceeded/audience_live/day recovered",
    ]
    rolled = [one for one in closed if isinstance(one, UsageRolled)]
    assert [(one.value, one.closed, one.at) for one in rolled] == [(Decimal(799), True, at("2026-07-24 00:00"))]


def test_a_closed_day_that_is_corrected_clears_and_one_that_grows_opens() -> None:
    pilot = Led(DAILY)
    for number, (day, value) in enumerate(((20, 100), (21, 1_100)), 1):
        pilot.accept(report(number, sample("audience_live", f"2026-07-{day} 08:00", value)), f"2026-07-{day} 09:00")
    pilot.until("2026-07-22 00:00")
    assert len(pilot.open()) == 2
    corrected = report(5, sample("audience_live", "2026-07-21 08:00", -600), corrects=2)
    assert lines(pilot.accept(corrected, NOW)) == [
        "cleared cap_warning/audience_live/day corrected",
        "cleared cap_exceeded/audience_live/day corrected",
    ]
    assert lines(pilot.accept(report(6, sample("audience_live", "2026-07-20 08:00", 901)), NOW))[1:] == [
        "opened cap_exceeded/audience_live/day major"
    ]


def test_a_late_day_without_samples_before_closes_when_it_is_known() -> None:
    pilot = Led(DAILY)
    pilot.accept(report(1, sample("audience_live", "2026-07-20 08:00", 10)), "2026-08-20 09:00")
    assert pilot.book.next_due() == instant_of(at("2026-07-21 00:00"))


def test_a_day_cap_that_is_lowered_during_the_day_is_judged_when_the_day_closes() -> None:
    pilot = Led(DAILY)
    pilot.accept(report(1, sample("audience_live", "2026-07-20 08:00", 700)), "2026-07-20 09:00")
    lower = DAILY.model_copy(update={"limit": Decimal(500)})
    assert not lines(pilot.learn(amended(envelope(lower, version=2), "2026-07-20 10:00"), "2026-07-20 10:00"))
    assert lines(pilot.until("2026-07-21 00:00")) == [
        "opened cap_warning/audience_live/day info",
        "opened cap_exceeded/audience_live/day major",
    ]


def test_a_counter_under_a_day_cap_is_judged_by_what_it_gained_that_day() -> None:
    pilot = Led(Cap(metric="participants_total", window=Window.DAY, limit=Decimal(100)))
    pilot.accept(report(1, sample("participants_total", "2026-07-20 08:00", 90)), "2026-07-20 09:00")
    found = pilot.accept(report(2, sample("participants_total", "2026-07-21 08:00", 191)), "2026-07-21 09:00")
    assert lines(found) == ["opened cap_exceeded/participants_total/day major"]
    pilot.until("2026-07-22 00:00")
    for day, value in ((22, 192), (23, 193)):
        pilot.accept(report(day, sample("participants_total", f"2026-07-{day} 08:00", value)), f"2026-07-{day} 09:00")
    assert lines(pilot.until("2026-07-24 00:00")) == [
        "cleared cap_warning/participants_total/day recovered",
        "cleared cap_exceeded/participants_total/day recovered",
    ]


def test_a_very_late_day_is_judged_on_what_the_rollup_holds() -> None:
    pilot = Led(DAILY)
    for day in range(1, 12):
        when = f"2026-08-{day:02}"
        pilot.accept(report(day, sample("audience_live", f"{when} 08:00", 900 if day == 1 else 10)), f"{when} 09:00")
    pilot.until("2026-08-13 00:00")
    late = report(20, sample("audience_live", "2026-08-01 10:00", 200))
    wanted = judge.days_to_look_up(pilot.book, pilot.view, [late])
    ((metric, day),) = wanted
    assert pilot.gains[metric, day] == 900 * SCALE
    before = len(pilot.told)
    assert pilot.send(late, NOW, {(metric, day): 900 * SCALE}).outcome == "accepted"
    assert lines(pilot.told[before:])[:2] == [
        "opened cap_warning/audience_live/day info",
        "opened cap_exceeded/audience_live/day major",
    ]
    assert not judge.days_to_look_up(pilot.book, pilot.view, [report(21, sample("crowd_peak", "2026-08-01 10:00", 1))])
    fresh = report(22, sample("audience_live", "2026-08-12 10:00", 1))
    assert not judge.days_to_look_up(pilot.book, pilot.view, [fresh])


# When rules run


@pytest.mark.parametrize("state", [PilotState.SUSPENDED, PilotState.RESTRICTED])
def test_rules_run_while_restricted_and_suspended(state: PilotState) -> None:
    pilot = Led(CROWD)
    pilot.learn(moved(state, "2026-07-20 00:00"), NOW)
    assert len(pilot.accept(report(1, sample("crowd_peak", "2026-07-20 08:00", 1001)), NOW)) == 3


def test_after_the_end_samples_count_and_no_rule_runs() -> None:
    pilot = Led(CROWD, AUDIENCE, DAILY)
    pilot.learn(winding_down("2026-07-21 00:00"), NOW)
    late = report(
        1, sample("crowd_peak", "2026-07-21 08:00", 2_000), sample("audience_live", "2026-07-21 08:00", 20_000)
    )
    assert not lines(pilot.accept(late, NOW))
    assert pilot.book.sums["audience_live"].total == 20_000 * SCALE
    assert not lines(pilot.until("2026-07-22 00:00"))
    within = report(2, sample("crowd_peak", "2026-07-20 08:00", 2_000))
    assert len(lines(pilot.accept(within, NOW))) == 3


def test_thirty_days_after_the_end_nothing_is_open_and_nothing_counts_any_more() -> None:
    pilot = Led(CROWD, AUDIENCE)
    pilot.accept(report(1, sample("crowd_peak", "2026-07-20 08:00", 2_000)), "2026-07-20 09:00")
    pilot.accept(report(8, sample("audience_live", "2026-07-20 08:00", 9_000)), "2026-07-20 09:00")
    pilot.accept(report(9, sample("audience_live", "2026-07-20 08:00", -9_000), corrects=8), "2026-07-20 09:00")
    pilot.learn(winding_down("2026-07-21 10:00"), "2026-07-21 10:00")
    pilot.learn(ended("2026-07-22 10:00"), "2026-07-22 10:00")
    cleared = pilot.until("2026-09-30 00:00")
    assert lines(cleared) == [
        "cleared cap_exceeded/crowd_peak/concurrent pilot_ended",
        "cleared cap_warning/crowd_peak/concurrent pilot_ended",
    ]
    # 30 days end on Friday 21 August, at 24:00.
    assert cleared[0].at == at("2026-08-22 00:00")
    verdict = pilot.send(report(10, sample("crowd_peak", "2026-07-20 09:00", 1)), "2026-09-30 00:00")
    assert [one.code for one in verdict.problems] == ["pilot_over"]
    assert pilot.book.next_due() is None
    assert not lines(pilot.learn(ended("2026-07-22 11:00"), "2026-09-30 00:00"))
    assert pilot.book.next_due() is None


# Usage


def test_usage_is_told_on_change_with_what_limits_it() -> None:
    pilot = Led(CROWD, AUDIENCE, DAILY)
    one = report(
        1,
        sample("crowd_peak", "2026-07-20 08:00", 10),
        sample("audience_live", "2026-07-20 08:00", 5),
        sample("shows", "2026-07-20 08:00", 2),
    )
    pilot.accept(one, "2026-07-20 09:00")
    told = pilot.keep(judge.roll_usage(pilot.book, pilot.view, at("2026-07-20 09:00"), pilot.book.unrolled))
    assert [(one.metric, one.window, str(one.bucket), one.value, one.limit) for one in told] == [
        ("audience_live", "day", "2026-07-20", 5, 1_000),
        ("audience_live", "total", "None", 5, 10_000),
        ("crowd_peak", "concurrent", "None", 10, 1_000),
        ("shows", "total", "None", 2, None),
    ]
    assert told[2].sample_at == at("2026-07-20 08:00")
    assert not pilot.book.unrolled


def test_the_usage_of_a_counter_and_of_an_old_day_is_what_is_kept() -> None:
    pilot = Led(MEMBERS, Cap(metric="participants_total", window=Window.DAY, limit=Decimal(100)))
    pilot.accept(report(1, sample("participants_total", "2026-07-20 08:00", 7)), "2026-07-20 09:00")
    told = pilot.keep(judge.roll_usage(pilot.book, pilot.view, at("2026-07-20 09:00"), pilot.book.unrolled))
    assert [(one.window, one.value) for one in told] == [("day", 7), ("total", 7)]


# Properties


@given(st.lists(st.integers(0, 1_300), min_size=1, max_size=40))
def test_a_key_has_at_most_one_open_finding_and_its_story_alternates(values: list[int]) -> None:
    pilot = Led(CROWD)
    for number, value in enumerate(values):
        when = at("2026-07-20 00:00").replace(hour=number % 24, day=20 + number // 24)
        pilot.accept(report(number + 1, sample("crowd_peak", when, value)), NOW)
    story: dict[str, list[str]] = {}
    for line in lines(pilot.told):
        if line != "measure":
            what, key, _ = line.split()
            story.setdefault(key, []).append(what)
    for acts in story.values():
        assert acts == (["opened", "cleared"] * len(acts))[: len(acts)]
    opened = [one.finding_id for one in pilot.told if isinstance(one, FindingOpened)]
    assert len(opened) == len(set(opened))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3_000)), min_size=1, max_size=15), st.randoms())
def test_sums_do_not_depend_on_the_order_of_reports(steps: list[tuple[int, int]], random: Any) -> None:
    reports = [
        report(number, sample("audience_live", f"2026-07-{20 + day} 08:00", value))
        for number, (day, value) in enumerate(steps, 1)
    ]
    one, other = Led(AUDIENCE), Led(AUDIENCE)
    for each in reports:
        one.accept(each, NOW)
    random.shuffle(reports)
    for each in reports:
        other.accept(each, NOW)
    assert one.gains == other.gains
    assert one.book.sums == other.book.sums


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1_300)), min_size=1, max_size=12), st.integers(1, 5))
def test_a_batch_is_judged_as_its_records_one_by_one(steps: list[tuple[int, int]], size: int) -> None:
    reports = [
        report(
            number,
            sample("crowd_peak", f"2026-07-{20 + day} 08:{number:02}", value),
            sample("audience_live", f"2026-07-{20 + day} 08:{number:02}", value),
            sample("participants_total", f"2026-07-20 08:{number:02}", number),
        )
        for number, (day, value) in enumerate(steps, 1)
    ]
    one, other = Led(CROWD, AUDIENCE, DAILY, MEMBERS), Led(CROWD, AUDIENCE, DAILY, MEMBERS)
    for each in reports:
        one.accept(each, NOW)
    for first in range(0, len(reports), size):
        some = reports[first : first + size]
        other.keep(judge.take_reports(other.book, other.view, some, at(NOW), {}))
    assert lines(one.told) == lines(other.told)
    assert (one.gains, one.book) == (other.gains, other.book)


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 1_300)), min_size=1, max_size=12))
def test_what_is_sent_again_changes_nothing(steps: list[tuple[int, int]]) -> None:
    pilot = Led(CROWD, AUDIENCE, DAILY)
    sent = []
    for sequence, value in steps:
        one = report(
            sequence,
            sample("crowd_peak", f"2026-07-20 {sequence:02}:00", value),
            sample("audience_live", f"2026-07-20 {sequence:02}:00", value),
        )
        if pilot.send(one, NOW).outcome == "accepted":
            sent.append(one)
    book, told, gains = pilot.book, len(pilot.told), dict(pilot.gains)
    for one in sent:
        assert pilot.send(one, NOW).outcome == "duplicate"
    assert (pilot.book, len(pilot.told), pilot.gains) == (book, told, gains)


def test_a_late_sample_on_an_old_day_without_samples_is_held_against_its_cap() -> None:
    pilot = Led(DAILY)
    for number in range(1, KEPT_DAYS + 2):
        day = f"2026-07-{14 + number}"
        pilot.accept(report(number, sample("audience_live", f"{day} 08:00", 1)), f"{day} 09:00")
    late = report(
        20, sample("audience_live", "2026-07-14 08:00", 600), sample("audience_live", "2026-07-14 09:00", 401)
    )
    # The book keeps no such day, and nothing was found of it.
    found = pilot.accept(late, "2026-07-24 09:00")
    assert lines(found) == ["opened cap_warning/audience_live/day info", "opened cap_exceeded/audience_live/day major"]
    assert found[-1].evidence.value == 1_001
