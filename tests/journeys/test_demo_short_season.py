"""Eight weeks of the season on a real stack: what comes of it is what the oracle expects, and stays so whoever is killed on the way."""

from __future__ import annotations

from datetime import datetime

import pytest

from deploy.demo.invariants import Rule
from deploy.demo.run import Played, stop_of
from deploy.demo.summary import Summary
from tests.journeys import oracle
from tests.journeys.doctored import PLANTED, Doctor
from tests.journeys.staged import DeadlyHand, play, stage

WEEKS = 8
KILLS = {
    "2026-07-06T09:00": ("applications",),  # while nine applications come in
    "2026-07-19T23:00": ("monitoring",),  # the first reports, the first breaches and measures
    "2026-07-21T15:00": ("decisions",),  # a second signature
    "2026-07-26T23:00": ("kafka-2",),  # one broker of three, with reports on their way to the engine
    "2026-08-09T23:00": ("kafka-1", "kafka-2", "kafka-3"),  # and all of them
    "2026-08-10T15:00": ("applications-relay", "monitoring-relay", "decisions-relay"),  # an adjustment comes into force
}

pytestmark = pytest.mark.xdist_group("season")


@pytest.fixture(scope="module")
async def season(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """A season in which nobody dies."""
    with stage(tmp_path_factory.mktemp("quiet")) as instance:
        return await play(instance, WEEKS)


@pytest.fixture(scope="module")
def quiet(season: Played) -> Summary:
    return season.summary


def expected() -> list[tuple[str, str, str, datetime, datetime | None, datetime | None, str | None]]:
    return sorted(
        (
            one.show,
            one.rule,
            one.subject,
            one.opened,
            max((at for at, _ in one.escalated), default=None),
            one.cleared,
            one.reason,
        )
        for one in oracle.season(stop_of(WEEKS)).findings
    )


def found_in(summary: Summary) -> list[tuple[str, str, str, datetime, datetime | None, datetime | None, str | None]]:
    return sorted(
        (one.show, one.rule, one.subject, one.opened, one.escalated, one.cleared, one.reason)
        for one in summary.findings
    )


def test_the_findings_are_those_of_the_oracle(quiet: Summary) -> None:
    assert found_in(quiet) == expected()


def test_every_report_and_total_is_there(quiet: Summary) -> None:
    outcome = oracle.season(stop_of(WEEKS))
    assert (quiet.comparable.reports, quiet.comparable.samples) == (outcome.reports, outcome.samples)
    for pilot in quiet.comparable.pilots:
        for subject in (oracle.AUDIENCE, oracle.REVENUE):
            assert pilot.used[subject] == str(outcome.totals[pilot.show, subject])


def test_all_invariants_hold(quiet: Summary) -> None:
    assert [one for one in quiet.invariants if not one.holds] == []
    assert all(one.looked_at > 0 for one in quiet.invariants), "an invariant that looks at nothing proves nothing"


@pytest.mark.parametrize(("rule", "doctor"), PLANTED, ids=[doctor.__name__ for _, doctor in PLANTED])
def test_every_planted_fault_is_found(season: Played, rule: Rule, doctor: Doctor) -> None:
    assert not any(rule(season.stage, season.seen))
    assert any(rule(season.stage, doctor(season.seen)))


def test_people_have_done_what_the_script_tells(quiet: Summary) -> None:
    figures = quiet.comparable
    assert figures.decisions == {
        "adjust": 1, "confirm_measure": 2, "continue": 2, "lift_measure": 4, "object": 1, "permit": 1, "warn": 1,
    }  # fmt: skip
    assert figures.measures == {"lapsed": 1, "lifted": 4}
    assert {pilot.show: pilot.state for pilot in figures.pilots}["Beauty and the Beast"] == "winding_down"


async def test_kill_9_of_every_service_relay_and_broker_changes_nothing(
    quiet: Summary, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kills = {datetime.fromisoformat(at).replace(tzinfo=oracle.HANOI): parts for at, parts in KILLS.items()}
    with stage(tmp_path_factory.mktemp("deadly"), split=True, brokers=3) as instance:
        hand = DeadlyHand(instance, kills)
        deadly = (await play(instance, WEEKS, hand)).summary
    assert sorted(hand.killed) == sorted(part for parts in KILLS.values() for part in parts)
    assert deadly.comparable == quiet.comparable
    assert deadly.findings == quiet.findings
    assert [one for one in deadly.invariants if not one.holds] == []
