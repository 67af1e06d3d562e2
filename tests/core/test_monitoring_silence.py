"""The rule silence: which periods are owed, when their reports are due, what ends a silence and what excuses it."""

from __future__ import annotations

import pytest

from services.monitoring.core.book import Report
from services.monitoring.core.instants import instant_of
from shared.contracts.pilot import Cap, Period, PilotState
from tests.monitoring_samples import (
    AUDIENCE,
    CROWD,
    Led,
    amended,
    at,
    ended,
    envelope,
    lines,
    moved,
    report,
    sample,
    started,
    winding_down,
)

OPENED, WORSE, CLEARED = "opened silence/main minor", "escalated silence/main major", "cleared silence/main recovered"


def both(sequence: int, when: str) -> Report:
    """A report of all that is owed."""
    return report(sequence, sample("crowd_peak", when, 1), sample("audience_live", when, 1))


def test_the_first_period_is_the_first_whole_one_and_is_due_on_wednesday() -> None:
    pilot = Led(CROWD)
    assert pilot.book.next_due() == instant_of(at("2026-07-29 00:00"))
    opened = pilot.until("2026-07-29 00:00")
    assert lines(opened) == [OPENED]
    assert opened[0].at == at("2026-07-29 00:00")
    evidence = opened[0].evidence
    assert (evidence.period_start, evidence.period_end) == (at("2026-07-20 00:00"), at("2026-07-27 00:00"))
    assert (evidence.due, evidence.misses) == (at("2026-07-29 00:00"), 1)


def test_an_amendment_says_nothing_of_the_state_before_it_was_heard_of() -> None:
    # Issued on the 22nd, applied when the pilot had been suspended for two weeks: its instant is that of the decision.
    pilot = Led(CROWD)
    pilot.learn(moved(PilotState.SUSPENDED, "2026-08-04 10:00"), "2026-08-04 10:00")
    late = amended(envelope(CROWD, version=2), "2026-07-22 10:00").model_copy(
        update={"state_after": PilotState.SUSPENDED}
    )
    pilot.learn(late, "2026-08-05 10:00")
    assert lines(pilot.until("2026-08-05 10:00")) == [OPENED, WORSE]


def test_the_second_miss_in_a_row_is_major_and_the_third_is_told_no_more() -> None:
    pilot = Led(CROWD)
    assert lines(pilot.until("2026-08-19 00:00")) == [OPENED, WORSE]
    assert pilot.book.standings["silence/main"].misses == 4


def test_periods_that_fall_due_at_one_instant_are_one_miss() -> None:
    """Who owes daily is told on Wednesday of Friday, Saturday and Sunday at once; graver is who then is silent about Monday too."""
    pilot = Led(CROWD, period=Period.DAY)
    for number in range(10):
        day = f"2026-07-{14 + number}"
        pilot.accept(report(number + 1, sample("crowd_peak", f"{day} 08:00", 1)), f"{day} 09:00")
    assert lines(pilot.until("2026-07-29 00:00")) == [OPENED]
    evidence = pilot.told[-1].evidence
    assert (evidence.period_start, evidence.period_end) == (at("2026-07-24 00:00"), at("2026-07-27 00:00"))
    assert pilot.book.standings["silence/main"].period == instant_of(at("2026-07-26 00:00"))
    escalated = pilot.until("2026-07-30 00:00")
    assert lines(escalated) == [WORSE]
    assert (escalated[0].evidence.misses, escalated[0].evidence.period_start) == (2, at("2026-07-27 00:00"))


def test_of_periods_that_fall_due_at_one_instant_one_that_was_served_does_not_make_up_for_the_others() -> None:
    pilot = Led(CROWD, AUDIENCE, period=Period.DAY)
    for number, day in enumerate((*range(14, 24), 25), 1):
        pilot.accept(both(number, f"2026-07-{day} 08:00"), f"2026-07-{day} 09:00")
    told = pilot.until("2026-07-29 00:00")
    assert lines(told) == [OPENED]
    assert (told[0].evidence.period_start, told[0].evidence.period_end) == (
        at("2026-07-24 00:00"),
        at("2026-07-25 00:00"),
    )
    assert lines(pilot.until("2026-07-30 00:00")) == [WORSE]


def test_a_report_for_the_missed_period_or_a_later_one_ends_the_silence() -> None:
    pilot = Led(CROWD)
    pilot.until("2026-08-05 00:00")
    # Two periods were missed: a report for the first alone leaves the second owed.
    assert not lines(pilot.accept(report(1, sample("crowd_peak", "2026-07-21 08:00", 1)), "2026-08-05 09:00"))
    assert lines(pilot.accept(report(2, sample("crowd_peak", "2026-07-28 08:00", 1)), "2026-08-05 10:00")) == [CLEARED]
    assert lines(pilot.until("2026-08-12 00:00")) == [OPENED]


def test_a_report_serves_each_period_in_which_a_sample_lies() -> None:
    pilot = Led(CROWD)
    one = report(1, sample("crowd_peak", "2026-07-26 23:59", 1), sample("crowd_peak", "2026-07-27 00:00", 1))
    pilot.accept(one, "2026-07-27 00:01")
    assert not lines(pilot.until("2026-08-05 00:00"))
    assert lines(pilot.until("2026-08-12 00:00")) == [OPENED]


def test_silence_ends_with_a_report_made_in_the_same_period_before_it_is_due() -> None:
    pilot = Led(CROWD)
    for number, day in enumerate(("07-21", "07-28", "08-04"), 1):
        pilot.accept(report(number, sample("crowd_peak", f"2026-{day} 08:00", 1)), f"2026-{day} 09:00")
    assert not lines(pilot.until("2026-08-12 00:00"))


def test_a_source_that_reports_without_an_owed_metric_is_silent_about_it() -> None:
    pilot = Led(CROWD, AUDIENCE)
    pilot.accept(report(1, sample("crowd_peak", "2026-07-21 08:00", 1)), "2026-07-21 09:00")
    assert lines(pilot.until("2026-07-29 00:00")) == ["opened silence/main/audience_live minor"]
    assert pilot.told[-1].evidence.metric == "audience_live"
    # The whole source silent is one finding; the metric's own waits.
    assert lines(pilot.until("2026-08-05 00:00")) == [OPENED]
    pilot.accept(report(2, sample("crowd_peak", "2026-08-05 08:00", 1)), "2026-08-05 09:00")
    assert lines(pilot.until("2026-08-12 00:00")) == ["escalated silence/main/audience_live major"]
    assert lines(pilot.accept(report(3, sample("audience_live", "2026-08-04 08:00", 1)), "2026-08-12 09:00")) == [
        "cleared silence/main/audience_live recovered"
    ]


def test_served_in_time_makes_the_next_miss_a_first_one() -> None:
    pilot = Led(CROWD, AUDIENCE)
    pilot.accept(report(1, sample("crowd_peak", "2026-07-21 08:00", 1)), "2026-07-21 09:00")
    pilot.accept(report(2, sample("audience_live", "2026-07-20 08:00", 1)), "2026-07-21 09:00")
    assert not lines(pilot.until("2026-07-29 00:00"))
    assert not [key for key in pilot.book.standings if key.startswith("silence")]


def test_each_declared_source_owes_its_reports() -> None:
    door = Cap(**{**CROWD.model_dump(), "source": "door"})
    pilot = Led(door, sources=("main", "door"))
    assert lines(pilot.until("2026-07-29 00:00")) == ["opened silence/door minor", OPENED]
    one = report(1, sample("crowd_peak", "2026-07-28 08:00", 1), source="door")
    assert lines(pilot.accept(one, "2026-07-29 09:00")) == ["cleared silence/door recovered"]


@pytest.mark.parametrize("state", [PilotState.SUSPENDED, PilotState.PENDING])
def test_only_periods_count_in_which_the_pilot_ran_throughout(state: PilotState) -> None:
    pilot = Led(CROWD)
    pilot.learn(moved(state, "2026-07-22 00:00"), "2026-07-22 00:00")
    pilot.learn(moved(PilotState.RESTRICTED, "2026-07-28 00:00"), "2026-07-28 00:00")
    assert not lines(pilot.until("2026-08-05 00:00"))
    assert lines(pilot.until("2026-08-12 00:00")) == [OPENED]


def test_what_falls_due_is_judged_on_facts_before_it() -> None:
    pilot = Led(CROWD)
    pilot.learn(winding_down("2026-07-29 00:00"), "2026-07-29 00:00")
    assert lines(pilot.until("2026-07-29 00:00")) == [OPENED]
    assert pilot.book.next_due() is None


def test_a_pilot_that_winds_down_before_the_due_instant_owes_nothing() -> None:
    pilot = Led(CROWD)
    pilot.learn(winding_down("2026-07-28 10:00"), "2026-07-28 10:00")
    assert pilot.book.next_due() is None


def test_a_withdrawal_that_arrives_late_excuses_what_was_not_owed() -> None:
    pilot = Led(CROWD)
    pilot.until("2026-07-29 00:00")
    assert lines(pilot.learn(winding_down("2026-07-28 10:00"), "2026-07-29 09:00")) == ["cleared silence/main not_owed"]


def test_a_later_withdrawal_excuses_nothing() -> None:
    pilot = Led(CROWD)
    pilot.until("2026-07-29 00:00")
    assert not lines(pilot.learn(winding_down("2026-08-03 10:00"), "2026-08-03 10:00"))
    assert not lines(pilot.learn(ended("2026-08-03 12:00"), "2026-08-03 12:00"))
    assert pilot.open() == {"silence/main"}


def test_nothing_is_owed_before_the_start() -> None:
    pilot = Led(CROWD, begin=False)
    assert pilot.book.next_due() is None
    pilot.learn(started(pilot.id, at("2026-07-20 00:00")), "2026-07-20 00:00")
    assert pilot.book.next_due() == instant_of(at("2026-07-29 00:00"))


def test_a_metric_is_owed_from_the_first_whole_period_of_its_cap_on() -> None:
    pilot = Led(CROWD)
    pilot.learn(amended(envelope(CROWD, AUDIENCE, version=2), "2026-07-22 00:00"), "2026-07-22 00:00")
    pilot.accept(report(1, sample("crowd_peak", "2026-07-21 08:00", 1)), "2026-07-21 09:00")
    pilot.accept(report(2, sample("crowd_peak", "2026-07-28 08:00", 1)), "2026-07-28 09:00")
    assert not lines(pilot.until("2026-07-29 00:00"))
    assert lines(pilot.until("2026-08-05 00:00")) == ["opened silence/main/audience_live minor"]


@pytest.mark.parametrize(
    ("period", "due"),
    [
        (Period.DAY, "2026-07-17 00:00"),  # Tuesday 14 July, the day of the start, is owed whole
        (Period.MONTH, "2026-09-05 00:00"),  # August; 1 and 2 September are holidays
    ],
)
def test_periods_may_be_days_or_months(period: Period, due: str) -> None:
    assert Led(CROWD, period=period).book.next_due() == instant_of(at(due))
