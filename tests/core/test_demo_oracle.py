"""The naive oracle against the hand calculation: 42 cap warnings, 15 crowd breaches, 6 total-cap breaches and 10 silences."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest

from tests.journeys.oracle import AUDIENCE, CROWD, HANOI, REVENUE, Finding, Outcome, season


@pytest.fixture(scope="module")
def by_hand() -> Outcome:
    return season(with_acts=False)


@pytest.fixture(scope="module")
def scripted() -> Outcome:
    return season()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=HANOI)


def of(outcome: Outcome, show: str, rule: str, subject: str) -> list[Finding]:
    return [one for one in outcome.findings if (one.show, one.rule, one.subject) == (show, rule, subject)]


def test_the_season_without_officers_makes_what_was_calculated_by_hand(by_hand: Outcome) -> None:
    assert (by_hand.reports, by_hand.samples) == (375, 1500)
    assert by_hand.count("cap_warning") == 42
    assert by_hand.count("cap_exceeded", CROWD) == 15
    assert by_hand.count("cap_exceeded", AUDIENCE, REVENUE) == 6
    assert by_hand.count("silence") == 10


def test_the_strike_silences_eight_shows_for_two_weeks_over_a_holiday(scripted: Outcome) -> None:
    strike = [one for one in scripted.findings if one.rule == "silence" and one.opened == at("2026-11-18T00:00")]
    assert len(strike) == 8
    for one in strike:
        assert (one.severity, one.escalated) == ("minor", [(at("2026-11-26T00:00"), "major")])
        assert (one.cleared, one.reason) == (at("2026-11-29T23:00"), "recovered")


def test_a_closed_show_is_silent_once_withdraws_and_is_tidied_up_after_its_end(scripted: Outcome) -> None:
    (beauty,) = of(scripted, "Beauty and the Beast", "silence", "main")
    assert (beauty.opened, beauty.severity, beauty.escalated) == (at("2026-08-05T00:00"), "minor", [])
    assert beauty.reason == "pilot_ended"
    assert scripted.withdrawals == {
        "Beauty and the Beast": at("2026-08-10T10:00"),
        "Les Miserables": at("2027-01-18T10:00"),
    }


def test_jersey_boys_crowd_clears_under_the_adjusted_cap(scripted: Outcome) -> None:
    (breach,) = of(scripted, "Jersey Boys", "cap_exceeded", CROWD)
    assert (breach.opened, breach.severity) == (at("2026-07-19T23:00"), "critical")
    assert (breach.cleared, breach.reason) == (at("2026-08-23T23:00"), "recovered")


def test_rents_adjusted_revenue_cap_clears_the_breach_and_the_warning_comes_back(scripted: Outcome) -> None:
    (breach,) = of(scripted, "Rent", "cap_exceeded", REVENUE)
    assert (breach.cleared, breach.reason) == (at("2027-05-12T15:00"), "adjusted")
    first, second = of(scripted, "Rent", "cap_warning", REVENUE)
    assert (first.cleared, first.reason) == (at("2027-05-12T15:00"), "adjusted")
    assert second.opened > at("2027-05-12T15:00") and second.cleared is None
    assert scripted.count("cap_warning") == 43


def test_totals_that_stand_in_the_queue_at_the_end(scripted: Outcome) -> None:
    standing = Counter(
        one.show
        for one in scripted.findings
        if one.rule == "cap_exceeded" and one.subject != CROWD and one.cleared is None
    )
    assert standing == {"Jersey Boys": 2, "Mamma Mia!": 1, "The Lion King": 1, "Wicked": 1}
