"""Risk: the ten vectors of the formula, its bins and bounds, and what it says for itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.core.risk import (
    FORMULA,
    Assessment,
    Coverage,
    Facts,
    Look,
    Reading,
    Risk,
    assess,
    band,
)
from shared.reference.calendar import VIETNAM

NOW = datetime(2026, 11, 22, 9, tzinfo=VIETNAM)
REGISTERED = UUID(int=1)
PILOT = UUID(int=2)
ASSETS = {
    "none": 1,
    "replica": 2,
    "intangible": 2,
    "provincial_relic": 3,
    "national_relic": 4,
    "original_artefact": 4,
    "contact": 4,
}
ONSITE, REMOTE, REPORT = Look.ONSITE_CHECK, Look.REMOTE_CHECK, Look.REPORT_REVIEW


def reading(value: str) -> Reading:
    return Reading(Decimal(value), UUID(int=int(Decimal(value)) + 1000))


def history(*confirmed: int) -> tuple[Assessment, ...]:
    """Newest first, a month apart."""
    return tuple(
        Assessment(NOW - timedelta(days=30 * i + 1), count, UUID(int=100 + i)) for i, count in enumerate(confirmed)
    )


def seen(*looks: tuple[Look, int]) -> tuple[Coverage, ...]:
    """Looks with their age in days."""
    return tuple(Coverage(NOW - timedelta(days=age), look, UUID(int=200 + age)) for look, age in looks)


def facts(
    tier: int = 1,
    sector: int = 1,
    priority: int = 1,
    found: Sequence[int] = (),
    looks: Sequence[tuple[Look, int]] = (),
    participants: str = "10",
    minors: str = "0",
    asset: str = "none",
) -> Facts:
    return Facts(
        registered=REGISTERED,
        tier=tier,
        sector_level=sector,
        asset_level=ASSETS,
        asset=asset,
        participants=reading(participants),
        minors=reading(minors),
        minors_of=reading(participants),
        assessments=history(*found),
        coverage=seen(*looks),
        priority=priority,
    )


def level(risk: Risk, name: str) -> float:
    return next(one.level for one in risk.inputs if one.name == name)


R9_LOOKS = ((ONSITE, 12), (REMOTE, 70), (REPORT, 40), (REPORT, 130), (REMOTE, 150), (REPORT, 220), (REMOTE, 200))
VECTORS = {
    # pilot: facts; I, H, P, C, D, risk, band
    "R1": (facts(), (1, 2, 1.414, 4, 2.000, 1.569, "low")),
    "R2": (
        facts(2, 2, 2, (0, 0), ((REPORT, 15), (REPORT, 195)), "1000"),
        (2, 1, 1.414, 2.5, 2.236, 1.906, "medium"),
    ),
    "R3": (
        facts(2, 3, 3, (1, 0), ((REPORT, 60), (REMOTE, 120)), "5000", "1100"),
        (3, 2, 2.449, 2.5, 2.739, 2.697, "high"),
    ),
    "R4": (
        facts(2, 3, 3, (0, 1, 0), ((REMOTE, 5), (REPORT, 60), (REMOTE, 120)), "5000", "1100"),
        (3, 2, 2.449, 1.75, 2.291, 2.467, "medium"),
    ),
    "R5": (facts(3, 2, 3, (2,), ((ONSITE, 30),), "1000", "50"), (3, 3, 2.449, 2.5, 2.739, 2.697, "high")),
    "R6": (
        facts(3, 2, 2, (0,), ((REPORT, 100),), "1000", "50", "original_artefact"),
        (4, 1, 1.414, 3.25, 2.550, 2.338, "medium"),
    ),
    "R7": (
        facts(3, 3, 2, (1, 1, 0), ((REPORT, 10), (REMOTE, 60), (REPORT, 190)), "60000", "5000"),
        (4, 3, 3.000, 2.5, 2.236, 2.743, "high"),
    ),
    "R8": (facts(1, 2, 1, (1, 0), ((REPORT, 200),)), (1, 2, 2.000, 4, 2.000, 1.741, "low")),
    "R9": (facts(2, 3, 1, (0, 0, 0, 0), R9_LOOKS, "1000"), (2, 1, 1.732, 1, 1.000, 1.354, "low")),
    "R10": (
        replace(facts(3, 3, 4, (2, 1, 2), (), "60000", "15000"), funds=reading("2000000000")),
        (4, 4, 3.464, 4, 4.000, 3.831, "very_high"),
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_the_ten_worked_examples_hold(name: str) -> None:
    given_facts, (impact, judged, probability, coverage, detectability, score, in_band) = VECTORS[name]
    risk = assess(given_facts, NOW)
    assert risk.impact == impact
    assert (level(risk, "history"), level(risk, "coverage")) == (judged, coverage)
    assert risk.probability == pytest.approx(probability, abs=0.001)
    assert risk.detectability == pytest.approx(detectability, abs=0.001)
    assert risk.score == pytest.approx(score, abs=0.001)
    assert risk.band == in_band


def test_the_counts_behind_the_levels_are_those_of_the_examples() -> None:
    values = {
        name: {one.name: one.value for one in assess(given_facts, NOW).inputs}
        for name, (given_facts, _) in VECTORS.items()
    }
    assert [values[name]["coverage"] for name in ("R1", "R2", "R3", "R4", "R5")] == [
        "never",
        "0.570 / 15 d",
        "0.804 / 60 d",
        "1.495 / 5 d",
        "0.918 / 30 d",
    ]
    assert [values[name]["coverage"] for name in ("R6", "R7", "R8", "R9", "R10")] == [
        "0.290 / 100 d",
        "1.166 / 10 d",
        "0.181 / 200 d",
        "3.034 / 12 d",
        "never",
    ]
    assert [values[name]["history"] for name in ("R1", "R2", "R3", "R4", "R5")] == [
        "none",
        "-1.9 / 2",
        "9.1 / 2",
        "7.2 / 3",
        "20.0 / 1",
    ]
    assert [values[name]["history"] for name in ("R6", "R7", "R8", "R9", "R10")] == [
        "-1.0 / 1",
        "18.2 / 3",
        "9.1 / 2",
        "-3.4 / 4",
        "45.0 / 3",
    ]


def test_a_clean_remote_check_alone_moves_the_game_from_high_to_medium() -> None:
    assert (assess(VECTORS["R3"][0], NOW).band, assess(VECTORS["R4"][0], NOW).band) == ("high", "medium")


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (1.0, "low"),
        (1.7411, "low"),
        (1.7499, "low"),
        (1.75, "medium"),
        (2.4999, "medium"),
        (2.5, "high"),
        (3.2499, "high"),
        (3.25, "very_high"),
        (4.0, "very_high"),
    ],
)
def test_a_band_begins_at_its_bound_before_any_rounding(score: float, expected: str) -> None:
    assert band(score) == expected


def test_the_overdue_report_stays_just_under_the_bound_of_low() -> None:
    risk = assess(VECTORS["R8"][0], NOW)
    assert 1.741 < risk.score < 1.7412 < 1.75
    assert risk.band == "low"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((), 2),
        ((0,), 1),
        ((1,), 2),
        ((1, 0, 1), 3),  # 10 - 0.9 + 8 = 17.1
        ((1, 0, 0), 2),  # 10 - 0.9 - 0.8 = 8.3
        ((2, 0), 3),  # 19.1
        ((2, 1), 4),  # 29
        ((0,) * 12, 1),
    ],
)
def test_the_history_falls_into_its_bins(found: tuple[int, ...], expected: int) -> None:
    assert level(assess(facts(found=found), NOW), "history") == expected


@pytest.mark.parametrize(
    ("found", "points", "expected"),
    [
        ((0, 0, 0, 0, 0, 1, 1, 2), "11.0 / 8", 2),
        ((0, 1, 0, 1, 0, 0, 0), "12.7 / 7", 3),
        ((0, 2, 0, 0, 1, 0), "21.0 / 6", 3),
        ((0, 0, 2, 1), "21.1 / 4", 4),
    ],
)
def test_a_bin_of_the_history_ends_with_its_bound(found: tuple[int, ...], points: str, expected: int) -> None:
    risk = assess(facts(found=found), NOW)
    assert next(one.value for one in risk.inputs if one.name == "history") == points
    assert level(risk, "history") == expected


def test_the_history_reads_the_last_ten_of_twenty_four_months_and_nothing_ahead() -> None:
    old = Assessment(datetime(2024, 11, 22, 8, 59, tzinfo=VIETNAM), 9, UUID(int=1))
    ahead = Assessment(NOW + timedelta(seconds=1), 9, UUID(int=2))
    eleventh = history(*(0,) * 10, 9)
    assert level(assess(replace(facts(), assessments=(old, ahead)), NOW), "history") == 2
    assert level(assess(replace(facts(), assessments=eleventh), NOW), "history") == 1
    assert (
        level(assess(replace(facts(), assessments=(replace(old, at=old.at + timedelta(minutes=1)),)), NOW), "history")
        == 4
    )


@pytest.mark.parametrize(
    ("since", "expected"),
    [(0, 1.0), (19, 1.0), (20, 1.75), (50, 1.75), (51, 2.5), (91, 2.5), (92, 3.25), (182, 3.25), (183, 3.25)],
)
def test_coverage_fades_with_the_days_since_the_newest_look(since: int, expected: float) -> None:
    many = seen(*((ONSITE, since),) * 6)
    assert level(assess(replace(facts(), coverage=many), NOW), "coverage") == expected


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        (((REPORT, 0),), 3.25),  # 0.4
        (((REMOTE, 0),), 2.5),  # 0.7
        (((ONSITE, 0), (REMOTE, 0)), 1.75),  # 1.7
        (((ONSITE, 0), (REMOTE, 0), (REMOTE, 0)), 1.75),  # 2.4, the bound itself
        (((ONSITE, 0), (ONSITE, 0), (REMOTE, 0)), 1.0),  # 2.7
        (((REPORT, 183),), 4.0),
        (((ONSITE, 365),), 4.0),
        (((ONSITE, 366),), 4.0),
    ],
)
def test_coverage_grows_with_what_was_looked_at(looks: tuple[tuple[Look, int], ...], expected: float) -> None:
    assert level(assess(facts(looks=looks), NOW), "coverage") == expected


def test_a_look_that_lies_ahead_is_not_seen() -> None:
    assert level(assess(replace(facts(), coverage=seen((ONSITE, -1))), NOW), "coverage") == 4


def test_a_score_ages_when_it_is_read() -> None:
    pilot = VECTORS["R4"][0]
    assert assess(pilot, NOW + timedelta(days=60)).score > assess(pilot, NOW).score


@pytest.mark.parametrize(
    ("count", "expected"), [("499", 1), ("500", 2), ("4999", 2), ("5000", 3), ("49999", 3), ("50000", 4)]
)
def test_participants_have_four_levels(count: str, expected: int) -> None:
    assert level(assess(facts(participants=count), NOW), "participants") == expected


@pytest.mark.parametrize(("minors", "expected"), [("0", 1), ("1", 2), ("100", 2), ("101", 3), ("300", 3), ("301", 4)])
def test_the_share_of_minors_has_four_levels(minors: str, expected: int) -> None:
    assert level(assess(facts(participants="1000", minors=minors), NOW), "minors") == expected


def test_minors_without_anyone_to_be_part_of_weigh_most() -> None:
    assert level(assess(facts(participants="0", minors="1"), NOW), "minors") == 4


@pytest.mark.parametrize(("mode", "expected"), [("none", 1), ("incidental", 2), ("targeted", 4), ("of_old", 1)])
def test_without_any_figure_the_answer_about_minors_counts(mode: str, expected: int) -> None:
    assert level(assess(replace(facts(), minors=None, minors_mode=mode), NOW), "minors") == expected


def test_targeted_minors_weigh_most_whatever_is_reported() -> None:
    assert level(assess(replace(facts(), minors_mode="targeted"), NOW), "minors") == 4


def test_a_gauge_never_reported_stands_at_its_declared_cap() -> None:
    silent = replace(
        facts(),
        participants=None,
        participants_cap=Decimal(6000),
        minors=None,
        minors_cap=Decimal(300),
        minors_of=None,
        minors_of_cap=Decimal(6000),
        funds_cap=Decimal(100_000_000),
    )
    risk = assess(silent, NOW)
    assert [level(risk, name) for name in ("participants", "minors", "asset")] == [3, 2, 3]
    assert {one.event_id for one in risk.inputs if one.name in ("participants", "minors", "asset")} == {REGISTERED}


@pytest.mark.parametrize(
    ("funds", "expected"),
    [("0", 1), ("1", 2), ("99999999", 2), ("100000000", 3), ("999999999", 3), ("1000000000", 4)],
)
def test_funds_held_have_four_levels(funds: str, expected: int) -> None:
    assert level(assess(replace(facts(), funds=reading(funds)), NOW), "asset") == expected


@pytest.mark.parametrize("asset", ASSETS)
def test_an_asset_has_the_level_of_the_reference_data(asset: str) -> None:
    assert level(assess(facts(asset=asset), NOW), "asset") == ASSETS[asset]


def test_probation_raises_the_sector_by_one_and_never_above_four() -> None:
    lifted = UUID(int=77)
    raised = assess(replace(facts(sector=3), probation=lifted), NOW)
    assert level(raised, "sector") == 4
    assert next(one.event_id for one in raised.inputs if one.name == "sector") == lifted
    assert level(assess(replace(facts(sector=4), probation=lifted), NOW), "sector") == 4


def test_every_input_names_the_event_that_it_was_read_from() -> None:
    pilot = replace(VECTORS["R4"][0], priority_set=UUID(int=55))
    sources = {one.name: one.event_id for one in assess(pilot, NOW).inputs}
    assert sources == {
        "coverage": UUID(int=205),
        "history": UUID(int=100),
        "participants": UUID(int=6000),
        "minors": UUID(int=2100),
        "asset": REGISTERED,
        "tier": REGISTERED,
        "sector": REGISTERED,
        "priority": UUID(int=55),
    }


def test_a_score_says_what_changed_since_the_last() -> None:
    before = assess(VECTORS["R3"][0], NOW)
    after = assess(VECTORS["R4"][0], NOW, before.inputs)
    assert before.changed == ()
    assert after.changed == ("coverage: 2.5 → 1.75",)


def test_a_score_names_the_one_input_that_would_lower_it_most() -> None:
    assert assess(VECTORS["R10"][0], NOW).would_lower_most == "coverage"
    assert assess(VECTORS["R9"][0], NOW).would_lower_most == "sector"
    calm = facts(found=(0,), looks=R9_LOOKS)
    assert (assess(calm, NOW).score, assess(calm, NOW).would_lower_most) == (1.0, None)


def test_the_event_carries_the_whole_explanation() -> None:
    risk = assess(VECTORS["R7"][0], NOW)
    event = risk.event(PILOT, NOW)
    assert (event.formula, event.pilot_id, event.at) == (FORMULA, PILOT, NOW)
    assert (event.score, event.band, event.inputs) == (risk.score, risk.band, risk.inputs)
    assert (event.impact, event.probability, event.detectability) == (
        risk.impact,
        risk.probability,
        risk.detectability,
    )
    assert event.would_lower_most == risk.would_lower_most


any_facts = st.builds(
    facts,
    tier=st.integers(1, 3),
    sector=st.integers(1, 4),
    priority=st.integers(1, 4),
    found=st.lists(st.integers(0, 5), max_size=15),
    looks=st.lists(st.tuples(st.sampled_from(Look), st.integers(-5, 500)), max_size=12),
    participants=st.integers(0, 100_000).map(str),
    minors=st.integers(0, 50_000).map(str),
    asset=st.sampled_from(sorted(ASSETS)),
)


@given(any_facts)
def test_every_score_lies_between_one_and_four(pilot: Facts) -> None:
    risk = assess(pilot, NOW)
    assert all(1 <= one.level <= 4 for one in risk.inputs)
    assert 1 <= risk.score <= 4.0000001


@given(any_facts, st.integers(1, 4))
def test_a_higher_priority_never_lowers_a_score(pilot: Facts, priority: int) -> None:
    low, high = sorted((pilot.priority, priority))
    at = {value: assess(replace(pilot, priority=value), NOW).score for value in (low, high)}
    assert at[low] <= at[high]


@given(any_facts, st.permutations(range(12)))
def test_the_order_in_which_facts_arrive_does_not_matter(pilot: Facts, order: list[int]) -> None:
    looks = tuple(pilot.coverage[i] for i in order if i < len(pilot.coverage))
    shuffled = replace(pilot, coverage=looks, assessments=tuple(reversed(pilot.assessments)))
    assert assess(shuffled, NOW).score == pytest.approx(assess(pilot, NOW).score, abs=1e-12)
