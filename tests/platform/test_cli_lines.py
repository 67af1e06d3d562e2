"""What the command line says of a case and a pilot: facts with figures and hashes, ids to go on with, words instead of codes."""

from __future__ import annotations

from decimal import Decimal

import pytest

from deploy.cli import lines
from shared.contracts.events.monitoring import Evidence
from shared.contracts.http.applications import PilotView
from shared.contracts.http.decisions import CaseView
from tests.platform.cli_answers import DECISION, EVIDENCE, OPENED, PILOT, REQUEST, case_view, pilot_view


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture
def case() -> CaseView:
    return CaseView.model_validate(case_view(PILOT, "HK-G16-26-000001-C2"))


@pytest.fixture
def pilot() -> PilotView:
    return PilotView.model_validate(pilot_view())


def test_a_decision_lists_the_facts_that_it_rests_on_and_how_to_replay_it(case: CaseView) -> None:
    assert list(lines.decision_lines(case)) == [
        "5/QĐ-HK confirm the interim measure · 2026-07-21 15:00 · lan and minh · applied",
        "    Vượt số chỗ.",
        "    rests on 1 fact:",
        "      2026-07-19 23:00  Finding, critical.",
        f"        event {OPENED} · sha256 f21a1d4416a8…",
        f"    haukiem replay {DECISION}",
    ]


def test_a_finding_shows_its_values_limit_and_window(case: CaseView) -> None:
    assert list(lines.item_lines(case)) == [
        "finding: over the cap, crowd_peak, at one time (critical) · open · since 2026-07-19 23:00 · overdue since 2026-07-23 00:00",
        "    crowd_peak 1,232, limit 1,222 · at one time · sample of 2026-07-19 23:00 · envelope 1",
        f"    FindingOpened of 2026-07-19 23:00 · event {OPENED} · sha256 f21a1d4416a8…",
    ]


def test_a_silence_shows_the_period_and_a_threshold_its_two_sums() -> None:
    silence = {"period_start": "2026-07-20T00:00:00+07:00", "period_end": "2026-07-27T00:00:00+07:00", "misses": 2}
    assert lines.evidence(Evidence.model_validate({"rule_version": "1", **silence})) == (
        "nothing for 2026-07-20 00:00 to 2026-07-27 00:00 · 2 periods in a row"
    )
    sums = {"numerator": "12", "denominator": "1000", "limit": "0.01", "window_hours": 168}
    said = lines.evidence(Evidence.model_validate({"rule_version": "1", **sums}))
    assert said == "12 of 1,000, limit 0.01 · over 168 hours"


def test_a_case_says_who_holds_it_and_what_it_waits_for() -> None:
    found = CaseView.model_validate(case_view(PILOT, "C1", awaiting=["second_signer"]))
    assert list(lines.case_head(found))[2:] == ["claimed by lan (prov_79_culture)", "waits for: second signer"]


def test_a_pilot_shows_what_its_enterprise_has_to_answer_with_the_id_to_answer_by(pilot: PilotView) -> None:
    asked, text, how = lines.request_lines(pilot.pilot_id, pilot.requests)
    assert asked == "reply to: adjust the envelope · asked 2026-07-19 23:00 · due 2026-07-23 00:00"
    assert (text.strip(), REQUEST in how) == ("Giới hạn mới.", True)
    answered = pilot.requests[0].model_copy(update={"answered_at": pilot.received_at})
    withdrawn = pilot.requests[0].model_copy(update={"withdrawn_at": pilot.received_at})
    assert list(lines.request_lines(pilot.pilot_id, [answered, withdrawn])) == []


def test_a_pilot_shows_each_cap_and_decision_whole_and_nothing_hangs_in_the_air(pilot: PilotView) -> None:
    assert list(lines.cap_lines(pilot.caps)) == [
        "revenue_vnd, in total: 1,489,888,450,000 of 1,460,574,675,000 · 29,313,775,000 over",
        "crowd_peak, at one time: 1,100 of 1,222 · 122 left",
        "participants_active, at one time: nothing reported, limit 1,222",
    ]
    assert list(lines.pilot_head(pilot))[-1] == "next: The enterprise replies. (the enterprise)"
    assert list(lines.pilot_decision_lines(pilot.decisions)) == [
        "2026-07-21 15:00  5/QĐ-HK confirm the interim measure: Vượt số chỗ.",
        f"    haukiem replay {DECISION}",
    ]
    assert list(lines.finding_lines(pilot.findings)) == [
        "2026-07-19 23:00  critical: over the cap, crowd_peak, at one time · open"
    ]


def test_in_vietnamese_words_dates_and_figures_are_vietnamese(monkeypatch: pytest.MonkeyPatch, case: CaseView) -> None:
    monkeypatch.setenv("LC_ALL", "vi_VN.UTF-8")
    assert next(lines.item_lines(case)).startswith("phát hiện: vượt giới hạn, crowd_peak, cùng một lúc (nghiêm trọng)")
    assert lines.when(case.opened_at) == "19/07/2026 23:00"
    assert lines.figure(Decimal("1234567.5")) == "1.234.567,5"
    assert lines.evidence(Evidence.model_validate(EVIDENCE)).startswith("crowd_peak 1.232")
