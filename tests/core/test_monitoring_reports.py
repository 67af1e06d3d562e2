"""Whether a report may count: its identity, and every error of it located."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.core import judge
from services.monitoring.core.book import SEQUENCE_WINDOW, Book
from services.monitoring.core.instants import day_of, instant_of
from services.monitoring.core.meters import KEPT_DAYS
from services.monitoring.core.reports import MAX_PROBLEMS
from shared.contracts.errors import NotYet
from shared.contracts.numbers import SCALE
from shared.contracts.pilot import Cap
from tests.monitoring_samples import (
    AUDIENCE,
    CROWD,
    DAILY,
    MEMBERS,
    START,
    Led,
    at,
    ended,
    facts,
    report,
    sample,
    started,
    winding_down,
)

NOW = "2026-08-20 12:00"


def found(pilot: Led, one: Any, now: str = NOW) -> list[tuple[str, str]]:
    """Code and pointer of each error."""
    verdict = pilot.send(one, now)
    assert (verdict.outcome == "rejected") == bool(verdict.problems)
    return [(each.code, each.pointer) for each in verdict.problems]


def one_sample(sequence: int, value: int = 1, **more: Any) -> Any:
    return report(sequence, sample("audience_live", "2026-07-20 08:00", value), **more)


# Identity


def test_an_identity_counts_once_and_with_one_content_alone() -> None:
    pilot = Led(AUDIENCE)
    assert pilot.send(one_sample(5), NOW).outcome == "accepted"
    assert pilot.send(one_sample(5), NOW).outcome == "duplicate"
    assert found(pilot, one_sample(5, 2)) == [("identity_reused", "/sequence")]
    assert pilot.book.sums["audience_live"].total == 10_000


def test_twice_in_one_batch_counts_once_too() -> None:
    pilot = Led(AUDIENCE)
    judged = judge.take_reports(pilot.book, pilot.view, [one_sample(1), one_sample(1), one_sample(1, 3)], at(NOW), {})
    assert [one.outcome for one in judged.verdicts] == ["accepted", "duplicate", "rejected"]


def test_parts_and_sources_have_identities_of_their_own() -> None:
    pilot = Led(AUDIENCE, sources=("main", "door"))
    for one in (one_sample(1, part=1, parts=2), one_sample(1, part=2, parts=2), one_sample(1, source="door")):
        assert pilot.send(one, NOW).outcome == "accepted"
    assert pilot.book.sources["main"].part == 2


def test_late_sequences_count_within_their_window() -> None:
    pilot = Led(AUDIENCE)
    pilot.accept(one_sample(SEQUENCE_WINDOW + 10), NOW)
    assert pilot.send(one_sample(10), NOW).outcome == "accepted"
    assert found(pilot, one_sample(9)) == [("sequence_too_old", "/sequence")]
    assert pilot.book.sources["main"].sequence == SEQUENCE_WINDOW + 10


def test_only_what_does_not_rise_or_is_corrected_needs_to_be_looked_up() -> None:
    pilot = Led(AUDIENCE)
    pilot.accept(one_sample(5), NOW)
    sent = [one_sample(6), one_sample(5), one_sample(7, corrects=2), one_sample(1, source="door")]
    assert judge.identities_to_look_up(pilot.book, sent) == {("main", 5), ("main", 2)}


def test_a_rejected_report_does_not_take_its_identity() -> None:
    pilot = Led(AUDIENCE)
    assert found(pilot, one_sample(1, -1)) == [("delta_negative", "/samples/0/value")]
    assert pilot.send(one_sample(1, 1), NOW).outcome == "accepted"


# Content


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (("unheard_of", "2026-07-20 08:00", 1), [("metric_unknown", "/samples/0/metric")]),
        (("audience_live", "2026-08-20 12:06", 1), [("sample_in_future", "/samples/0/at")]),
        (("audience_live", "2026-08-20 12:05", 1), []),
        (("audience_live", "2026-07-13 23:59", 1), [("sample_before_start", "/samples/0/at")]),
        (("audience_live", "2026-07-20 08:00", -1), [("delta_negative", "/samples/0/value")]),
        (("participants_total", "2026-07-20 08:00", -1), [("counter_negative", "/samples/0/value")]),
        (("crowd_peak", "2026-07-20 08:00", -1), []),
        (
            ("unheard_of", "2030-01-01 00:00", -1),
            [("metric_unknown", "/samples/0/metric"), ("sample_in_future", "/samples/0/at")],
        ),
    ],
)
def test_each_error_of_a_sample_has_its_place(one: Any, expected: list[tuple[str, str]]) -> None:
    assert found(Led(AUDIENCE), report(1, sample(*one))) == expected


def test_a_reset_belongs_to_counters() -> None:
    pilot = Led(AUDIENCE)
    one = report(
        1,
        sample("audience_live", "2026-07-20 08:00", 1, reset=True),
        sample("nothing", "2026-07-20 08:00", 1, reset=True),
    )
    assert found(pilot, one) == [("reset_not_counter", "/samples/0/reset"), ("metric_unknown", "/samples/1/metric")]


def test_a_report_is_rejected_whole_with_all_its_errors() -> None:
    pilot = Led(AUDIENCE)
    one = report(
        1,
        sample("audience_live", "2026-07-20 08:00", 5),
        sample("audience_live", "2026-07-01 08:00", 5),
        sample("nothing", "2026-07-20 08:00", 5),
        source="door",
    )
    assert found(pilot, one) == [
        ("source_unknown", "/source"),
        ("sample_before_start", "/samples/1/at"),
        ("metric_unknown", "/samples/2/metric"),
    ]
    assert not pilot.book.sums


def test_very_many_errors_are_counted_rather_than_told() -> None:
    one = report(1, *(sample("nothing", "2026-07-20 08:00", 1) for _ in range(MAX_PROBLEMS + 50)))
    codes = found(Led(AUDIENCE), one)
    assert len(codes) == MAX_PROBLEMS + 1
    assert codes[-1] == ("more_problems", "/samples")


def test_late_samples_are_taken_until_thirty_days_after_the_end() -> None:
    pilot = Led(AUDIENCE)
    pilot.learn(winding_down("2026-07-21 00:00"), NOW)
    assert not found(pilot, report(1, sample("audience_live", "2026-08-20 08:00", 1)))
    pilot.learn(ended("2026-07-21 00:00"), NOW)
    assert not found(pilot, report(2, sample("audience_live", "2026-08-20 00:00", 1)))
    assert found(pilot, report(3, sample("audience_live", "2026-08-20 00:01", 1))) == [
        ("sample_after_end", "/samples/0/at")
    ]


def test_a_pilot_that_never_started_has_no_sample() -> None:
    pilot = Led(AUDIENCE, begin=False)
    assert found(pilot, one_sample(1)) == [("sample_before_start", "/samples/0/at")]


# Corrections


def test_a_correction_names_an_accepted_report_before_it() -> None:
    pilot = Led(AUDIENCE)
    pilot.accept(one_sample(1, 5), NOW)
    assert found(pilot, one_sample(2, -1, corrects=2)) == [("corrects_not_before", "/corrects")]
    assert found(pilot, one_sample(9, -1, corrects=3)) == [("corrects_unknown", "/corrects")]
    assert pilot.send(one_sample(2, -1, corrects=1), NOW).outcome == "accepted"
    assert pilot.book.sums["audience_live"].total == 40_000


def test_a_correction_takes_back_no_more_than_its_day_has() -> None:
    pilot = Led(AUDIENCE)
    pilot.accept(
        report(1, sample("audience_live", "2026-07-20 08:00", 5), sample("audience_live", "2026-07-21 08:00", 50)), NOW
    )
    beyond = report(
        2,
        sample("audience_live", "2026-07-21 09:00", -1),
        sample("audience_live", "2026-07-20 09:00", -4),
        sample("audience_live", "2026-07-20 23:59", -2),
        sample("audience_live", "2026-07-22 00:00", "-0.5"),
        corrects=1,
    )
    verdict = pilot.send(beyond, NOW)
    said = "takes back more than was reported: audience_live has"
    assert [(one.code, one.pointer, one.en.partition("correction ")[2]) for one in verdict.problems] == [
        ("correction_beyond_recorded", "/samples/1/value", f"{said} 5 recorded on 2026-07-20, and -1 would remain."),
        ("correction_beyond_recorded", "/samples/3/value", f"{said} 0 recorded on 2026-07-22, and -0.5 would remain."),
    ]
    assert pilot.book.sums["audience_live"].total == 550_000


def test_a_correction_of_an_old_day_is_held_against_what_was_written_of_it() -> None:
    pilot = Led(AUDIENCE)
    days = [START + timedelta(days=day) for day in range(KEPT_DAYS + 1)]
    pilot.accept(report(1, *(sample("audience_live", day, 5) for day in days)), NOW)
    old = ("audience_live", day_of(instant_of(START)))
    correction = report(2, sample("audience_live", START, -5), corrects=1)
    assert judge.days_to_look_up(pilot.book, pilot.view, [correction]) == {old}
    assert pilot.send(correction, NOW, {}).outcome == "rejected"
    assert pilot.send(correction, NOW, {old: 5 * SCALE}).outcome == "accepted"


def test_what_a_correction_says_of_a_day_is_taken_together() -> None:
    pilot = Led(AUDIENCE)
    pilot.accept(one_sample(1, 5), NOW)
    moved = [sample("audience_live", "2026-07-20 08:00", value) for value in (-8, 3)]
    assert pilot.send(report(2, *moved, corrects=1), NOW).outcome == "accepted"
    assert pilot.book.sums["audience_live"].total == 0


def test_a_breach_is_not_hidden_by_what_was_never_reported() -> None:
    pilot = Led(AUDIENCE)
    pilot.accept(one_sample(1, 10_001), NOW)
    assert pilot.open() == {"cap_warning/audience_live/total", "cap_exceeded/audience_live/total"}
    # Another day would have to go below zero for the total to come down.
    elsewhere = report(2, sample("audience_live", "2026-07-21 08:00", -1), corrects=1)
    assert found(pilot, elsewhere) == [("correction_beyond_recorded", "/samples/0/value")]
    assert len(pilot.open()) == 2


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 13), st.integers(-6, 6)), min_size=1, max_size=4), min_size=1, max_size=25
    ),
    st.sampled_from([(AUDIENCE,), (AUDIENCE, DAILY)]),
    st.sampled_from([1, 3, 25]),
)
def test_no_day_falls_below_zero_and_nothing_else_is_refused(
    sent: list[list[tuple[int, int]]], caps: tuple[Cap, ...], batch: int
) -> None:
    """Against sums in a dictionary: more days than a meter keeps, whether corrections are judged alone or many at once."""
    pilot = Led(*caps)
    days = dict.fromkeys(range(1, 13), 2)
    begun = [sample("audience_live", START + timedelta(days=day), value) for day, value in days.items()]
    pilot.accept(report(1, *begun), NOW)
    expected = []
    reports = []
    for number, some in enumerate(sent, 2):
        corrects = 1 if any(value < 0 for _, value in some) else None
        samples = [sample("audience_live", START + timedelta(days=day), value) for day, value in some]
        reports.append(report(number, *samples, corrects=corrects))
        net = {day: sum(value for other, value in some if other == day) for day, _ in some}
        lowered = {day for day, value in some if value < 0}
        holds = all(days.get(day, 0) + net[day] >= 0 for day in lowered)
        expected.append("accepted" if holds else "rejected")
        if holds:
            days |= {day: days.get(day, 0) + value for day, value in net.items()}
    outcomes = []
    for first in range(0, len(reports), batch):
        part = reports[first : first + batch]
        # As the engine: what the book does not keep is looked up before, in what was written.
        wanted = judge.days_to_look_up(pilot.book, pilot.view, part)
        past = {key: pilot.gains[key] for key in wanted if key in pilot.gains}
        judged = judge.take_reports(pilot.book, pilot.view, part, at(NOW), pilot.known, past)
        pilot.keep(judged)
        outcomes += [one.outcome for one in judged.verdicts]
    assert outcomes == expected
    assert pilot.book.sums["audience_live"].total == SCALE * sum(days.values())


def test_what_is_ahead_of_a_report_over_http_counts_as_recorded() -> None:
    pilot = Led(AUDIENCE)
    pilot.accept(one_sample(1, 5), NOW)
    day = day_of(instant_of(at("2026-07-20 08:00")))
    correction = one_sample(2, -7, corrects=1)
    for value, expected in ((1, ["correction_beyond_recorded"]), (2, [])):
        ahead = {("audience_live", day): value * SCALE}
        problems = judge.inspect(pilot.book, pilot.view, correction, at(NOW), pilot.known, {}, ahead)
        assert [one.code for one in problems] == expected


# Counters


def test_a_fall_is_refused_with_its_place_and_the_known_value() -> None:
    pilot = Led(MEMBERS)
    one = report(
        1,
        sample("participants_total", "2026-07-20 08:00", 10),
        sample("crowd_peak", "2026-07-20 08:00", 1),
        sample("participants_total", "2026-07-20 09:00", 9),
        sample("participants_total", "2026-07-20 10:00", 3, reset=True),
        sample("participants_total", "2026-07-20 09:30", 1, reset=True),
        sample("participants_total", "2026-07-20 09:30", 1, reset=True),
    )
    verdict = pilot.send(one, NOW)
    assert [(each.code, each.pointer) for each in verdict.problems] == [
        ("counter_falls", "/samples/2/value"),
        ("counter_reset_late", "/samples/5/reset"),
    ]
    assert "9" in verdict.problems[0].en
    assert "10" in verdict.problems[0].en


# The check before a report is taken over HTTP


def test_what_is_inspected_is_what_would_be_judged() -> None:
    pilot = Led(AUDIENCE)
    assert not judge.inspect(pilot.book, pilot.view, one_sample(1), at(NOW), {})
    assert judge.inspect(pilot.book, pilot.view, one_sample(1, -1), at(NOW), {})
    over = Book(finished=True)
    assert [one.code for one in judge.inspect(over, pilot.view, one_sample(1), at(NOW), {})] == ["pilot_over"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["audience_live", "crowd_peak", "participants_total", "nothing"]),
            st.integers(1, 30),
            st.integers(-5, 2_000),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_inspection_and_judgement_agree(samples: list[tuple[str, int, int, bool]]) -> None:
    pilot = Led(AUDIENCE, CROWD, MEMBERS)
    one = report(1, *(sample(m, f"2026-07-{day:02} 08:00", value, reset=reset) for m, day, value, reset in samples))
    problems = judge.inspect(pilot.book, pilot.view, one, at(NOW), {})
    verdict = pilot.send(one, NOW)
    assert verdict.problems == problems


# Facts


def test_facts_wait_for_the_registration() -> None:
    with pytest.raises(NotYet):
        facts(started(uuid4()))


def test_a_pilot_that_runs_again_is_not_over() -> None:
    pilot = Led(AUDIENCE)
    pilot.learn(winding_down("2026-07-20 00:00"), NOW)
    assert pilot.view.over is not None
    pilot.learn(started(pilot.id, at("2026-07-21 00:00")), NOW)
    assert pilot.view.over is None
    assert pilot.view.tidy_at() is None
