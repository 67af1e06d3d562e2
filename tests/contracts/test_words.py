"""Every code that stands in a sentence of a queue, a case or a timeline has words, in both languages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

import pytest

from services.decisions.core.queue import Reason
from services.decisions.handlers.words import ranked, told
from shared.contracts.events import applications as a
from shared.contracts.events import decisions as d
from shared.contracts.events import monitoring as m
from shared.contracts.messages.words import WORDS, item_words, word
from shared.contracts.pilot import CauseKind, Outcome, PilotState, Severity, Window
from shared.reference.load import load
from tests.decisions_kit import at

ITEM = {"kind": "finding", "subject": "cap_exceeded/revenue_vnd/total", "clock": "case_major"}


def reasons_of(*kinds: type) -> Iterable[str]:
    for kind in kinds:
        yield from get_args(kind.model_fields["reason"].annotation)  # type: ignore[attr-defined]


ENUMS = (CauseKind, Outcome, PilotState, Severity, Window, d.ItemKind, m.RuleCode)
CODES = {
    *(one.value for enum in ENUMS for one in enum),
    *reasons_of(a.PilotStateChanged, d.ItemResolved, d.RequestWithdrawn, d.MeasureLifted, m.FindingCleared),
    *get_args(m.RiskAssessed.model_fields["band"].annotation),
    *(one.row.code for one in load().dated.decision_types),
    *(one.row.code for one in load().dated.clocks if one.row.owner == "decisions"),
}


def test_every_code_has_words_in_both_languages() -> None:
    assert len(CODES) > 80
    assert sorted(CODES - set(WORDS)) == []
    assert [code for code, text in WORDS.items() if not text.vi.strip() or not text.en.strip() or "_" in text.en] == []


def test_a_code_without_words_stands_for_itself() -> None:
    assert word("crowd_peak") == ("crowd_peak", "crowd_peak")


@pytest.mark.parametrize(
    ("kind", "subject", "clock", "en"),
    [
        ("standstill", "standstill", "standstill", "standstill"),
        ("final_report", "final", None, "final report"),
        ("report", "report/1/missing", "case_minor", "periodic report: 1, missing (time to act on a minor matter)"),
        (*ITEM.values(), "finding: over the cap, revenue_vnd, in total (time to act on a major matter)"),
    ],
)
def test_an_item_says_nothing_twice(kind: str, subject: str, clock: str | None, en: str) -> None:
    assert item_words(kind, subject, clock).en == en


def test_a_rank_is_said_in_words_with_the_dates_of_its_language() -> None:
    found = ranked(Reason("rank_overdue", {**ITEM, "due": at("2027-06-26 00:00")}))
    assert found.en == (
        "Overdue since 2027-06-26 00:00: finding: over the cap, revenue_vnd, in total (time to act on a major matter)."
    )
    assert found.vi == (
        "Quá hạn từ 26/06/2027 00:00: phát hiện: vượt giới hạn, revenue_vnd, cộng dồn (thời hạn xử lý việc nặng)."
    )


def test_a_timeline_is_told_in_words_and_keeps_what_people_wrote() -> None:
    assert told("ItemOpened", ITEM)[1] == "Item opened, finding: over the cap, revenue_vnd, in total."
    assert told("PilotWindingDown", {"cause": "expired"}) == (
        "Bắt đầu giai đoạn kết thúc (hết thời hạn).",
        "Winding down began (expired).",
    )
    assert told("IncidentReported", {"kind": "Ngã/va chạm"})[1] == "The enterprise reported an incident: Ngã/va chạm."
