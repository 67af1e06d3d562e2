"""What stands at the beginning and at the end of the demo's screen: whose figures these are, and commands that lead somewhere."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from deploy.cli.demo import beginning
from deploy.demo import script
from deploy.demo.look import Seen
from deploy.demo.narrator import Narrator
from deploy.demo.tour import tour
from shared.contracts.events import BY_TYPE
from shared.contracts.http.decisions import CaseView
from tests.platform.cli_answers import DECISION, case_view


def seen(*cases: dict[str, Any]) -> Seen:
    found = [CaseView.model_validate(one) for one in cases]
    return Seen(
        shows={}, pilots={}, histories={}, findings=(), reports={}, usage={}, queue=(), decisions={}, chains={}, progress={}, log=(),
        cases={one.case_id: one for one in found}, statistics=None,  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_tour_goes_to_a_case_its_pilot_and_a_decision_that_rests_on_evidence() -> None:
    decided = case_view(str(uuid4()), "HK-G16-26-000001-C2", state="closed")
    undecided = case_view(str(uuid4()), "HK-G16-26-000001-C5", decisions=[])
    commands = [command for command, _ in tour(seen(undecided, decided))]
    assert commands[:4] == [
        "haukiem queue",
        "haukiem case HK-G16-26-000001-C2",
        "haukiem pilot HK-G16-26-000001",
        f"haukiem replay {UUID(DECISION)}",
    ]


def test_an_open_case_goes_before_a_closed_one_and_none_is_no_place_to_go() -> None:
    closed = case_view(str(uuid4()), "HK-G16-26-000001-C2", state="closed")
    still_open = case_view(str(uuid4()), "HK-G16-26-000001-C1")
    assert "haukiem case HK-G16-26-000001-C1" in dict(tour(seen(closed, still_open)))
    assert not [command for command, _ in tour(seen()) if command.startswith(("haukiem case", "haukiem replay"))]
    assert not [command for command, _ in tour(seen(closed)) if "<" in command]


def test_the_screen_says_once_whose_season_it_is_and_when_it_is_played() -> None:
    first, second = beginning(script.load(), "demo")
    assert "season 2007/2008, played on the calendar of 2026/2027" in first
    assert "»" in second


def test_what_the_narrator_has_words_for_is_known_by_its_name_in_the_log() -> None:
    assert {kind.type_name() for kind in Narrator.KINDS} <= set(BY_TYPE)
