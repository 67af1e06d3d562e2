"""Ordered remedies: due, verified, or back one severity higher."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.decisions.core import remedies, table
from services.decisions.core.model import CaseState, RemedyState
from shared.contracts.errors import NotFound
from shared.contracts.events import decisions as d
from shared.contracts.events import monitoring as m
from shared.contracts.pilot import Severity
from tests.decisions_kit import (
    CULTURE,
    LAN,
    MINH,
    TAM,
    TUESDAY,
    Office,
    at,
    calendar,
    due,
    finding_escalated,
    finding_opened,
    names,
    not_applied,
    of_kind,
    refused,
    running,
)

# Remedies


def ordered(kind: str = "order_takedown") -> tuple[Office, d.DecisionIssued]:
    office = running()
    office.hear(finding_opened(office.pilot_id, at("2026-07-20 10:00"), severity=Severity.MAJOR))
    office.decide(TUESDAY, kind, office.item("finding"), remedy_text="Sắp xếp lại lối đi.")
    return office, of_kind(office.told, d.DecisionIssued)[-1]


def test_a_takedown_is_due_by_the_hour_and_a_correction_by_working_days_from_the_decision() -> None:
    _, takedown = ordered()
    assert takedown.remedy is not None and takedown.remedy.due == due("2026-07-22 10:00")
    _, correction = ordered("order_correction")
    assert correction.at == at("2026-07-29 00:00")
    assert correction.remedy is not None and correction.remedy.due == due("2026-08-13 00:00")


def test_at_the_due_instant_a_check_opens_that_an_officer_must_make() -> None:
    office, decision = ordered()
    assert office.book.case is not None and office.book.case.state is CaseState.CLOSED
    told = office.fire_until(at("2026-07-22 10:00"))
    assert names(told) == ["CaseOpened", "ItemOpened"]
    check = office.item("check", "remedy")
    assert (check.subject_id, check.clock, check.due) == (
        decision.decision_id,
        "remedy_verify",
        due("2026-07-30 00:00"),
    )


def test_a_remedy_that_was_done_may_be_verified_before_it_is_due() -> None:
    office, decision = ordered()
    told = office.keep(remedies.verify(office.book, MINH, decision.decision_id, True, "Đã xem", TUESDAY, calendar()))
    assert names(told) == ["RemedyVerified"]
    assert office.fire_until(at("2026-12-01 00:00")) == ()
    with refused("remedy_verified"):
        remedies.verify(office.book, MINH, decision.decision_id, True, "x", TUESDAY, calendar())


def test_what_was_not_done_comes_back_one_severity_higher() -> None:
    office, decision = ordered()
    with refused("remedy_not_due"):
        remedies.verify(office.book, MINH, decision.decision_id, False, "x", TUESDAY, calendar())
    now = at("2026-07-23 10:00")
    office.fire_until(now)
    told = office.keep(remedies.verify(office.book, MINH, decision.decision_id, False, "Chưa", now, calendar()))
    assert names(told) == ["RemedyVerified", "ItemOpened", "ItemResolved"]
    back = office.item("finding")
    assert (back.severity, back.clock) == (Severity.CRITICAL, "case_critical")
    assert office.book.findings[back.subject_id].judged_by is None  # type: ignore[index]
    assert office.book.remedies[decision.decision_id].state is RemedyState.NOT_DONE


def test_a_remedy_is_verified_by_the_authority_that_ordered_it() -> None:
    office, decision = ordered()
    with refused("item_of_other_authority"):
        remedies.verify(office.book, TAM, decision.decision_id, True, "x", TUESDAY, calendar())
    with pytest.raises(NotFound):
        remedies.verify(office.book, MINH, uuid4(), True, "x", TUESDAY, calendar())


@pytest.mark.parametrize(("kind", "state"), [("continue", RemedyState.DONE), ("refer_sanction", RemedyState.NOT_DONE)])
def test_a_decision_about_the_check_settles_the_remedy(kind: str, state: RemedyState) -> None:
    office, decision = ordered()
    office.fire_until(at("2026-07-22 10:00"))
    office.decide(at("2026-07-23 10:00"), kind, office.item("check"))
    assert office.book.remedies[decision.decision_id].state is state


def test_a_correction_ordered_upon_a_check_carries_its_severity_and_not_done_brings_the_check_back() -> None:
    office, first = ordered()
    office.fire_until(at("2026-07-22 10:00"))
    office.decide(at("2026-07-23 10:00"), "order_correction", office.item("check"), remedy_text="Làm ngay.")
    second = of_kind(office.told, d.DecisionIssued)[-1]
    assert office.book.remedies[second.decision_id].severity is Severity.MAJOR
    later = at("2026-09-01 10:00")
    office.fire_until(later)
    office.keep(remedies.verify(office.book, LAN, second.decision_id, False, "Chưa", later, calendar()))
    assert office.item("check", "remedy").subject_id == first.decision_id
    assert office.item("check", "remedy").severity is Severity.CRITICAL


def test_a_remedys_clock_fires_once() -> None:
    office, decision = ordered()
    (deadline,) = [x for x in office.deadlines() if x.kind == "remedy"]
    office.fire(deadline)
    assert office.fire(deadline) == ()
    assert office.book.remedies[decision.decision_id].state is RemedyState.TO_VERIFY


@pytest.mark.parametrize(
    ("grown", "now"), [(Severity.MAJOR, Severity.CRITICAL), (Severity.CRITICAL, Severity.CRITICAL)]
)
def test_what_was_not_done_raises_the_item_that_its_finding_has_opened_again(grown: Severity, now: Severity) -> None:
    """Not a second item about one thing; and what was proposed without knowing it is withdrawn where the item rises."""
    office = running()
    opened = finding_opened(office.pilot_id, at("2026-07-20 10:00"), severity=Severity.MAJOR)
    office.hear(opened)
    office.decide(TUESDAY, "order_takedown", office.item("finding"), remedy_text="Sắp xếp lại lối đi.")
    decision = of_kind(office.told, d.DecisionIssued)[-1]
    looked = at("2026-07-23 10:00")
    office.fire_until(looked)
    office.hear(finding_escalated(opened, looked, grown))
    standing = office.item("finding")
    draft = office.draft(looked, "warn", standing)
    told = office.keep(remedies.verify(office.book, MINH, decision.decision_id, False, "Chưa", looked, calendar()))
    assert names(told) == ["RemedyVerified", "ItemResolved"]
    back = office.item("finding")
    assert (back.item_id, back.severity) == (standing.item_id, now)
    assert office.now_of(draft).live is (grown is now)


# A takedown that was not done

TOLD = [m.RuleCode.TIP, m.RuleCode.REFERRAL, m.RuleCode.CAP_EXCEEDED]


def taken_down_not(rule: m.RuleCode) -> tuple[Office, d.DecisionIssued]:
    """A takedown ordered upon a minor finding of this rule, and its time over."""
    office = running()
    opened = finding_opened(office.pilot_id, at("2026-07-20 10:00"), severity=Severity.MINOR, rule=rule, subject="x")
    office.hear(opened)
    office.decide(TUESDAY, "order_takedown", office.book.open_items[0], remedy_text="Gỡ bài đăng.")
    office.fire_until(at("2026-07-22 10:00"))
    return office, of_kind(office.told, d.DecisionIssued)[-1]


def not_done(office: Office, decision: d.DecisionIssued) -> None:
    now = at("2026-07-22 11:00")
    office.keep(remedies.verify(office.book, MINH, decision.decision_id, False, "Vẫn còn", now, calendar()))


@pytest.mark.parametrize("rule", TOLD)
def test_a_takedown_that_was_not_done_is_critical_and_may_lead_to_suspension_whoever_had_told_of_it(
    rule: m.RuleCode,
) -> None:
    office, decision = taken_down_not(rule)
    not_done(office, decision)
    (back,) = office.book.open_items
    assert (back.severity, back.clock, back.due) == (Severity.CRITICAL, "case_critical", due("2026-07-28 00:00"))
    offered = {row.code for row, items in table.options(office.book, CULTURE) if back in items}
    assert {"suspend", "refer_sanction"} <= offered
    office.decide(at("2026-07-22 12:00"), "suspend", back)
    (finding,) = office.book.findings.values()
    assert finding.verdict == "confirmed"


@pytest.mark.parametrize("rule", TOLD)
def test_a_takedown_that_was_not_done_leaves_one_item_where_its_matter_stood_open_again(rule: m.RuleCode) -> None:
    office, decision = taken_down_not(rule)
    office.hear(not_applied(office.pilot_id, at("2026-07-22 10:30"), decision.decision_id, "order_takedown"))
    standing = next(i for i in office.book.open_items if i.subject_id != decision.decision_id)
    draft = office.draft(at("2026-07-22 10:40"), "warn", standing)
    not_done(office, decision)
    (back,) = office.book.open_items
    assert (back.kind, back.severity, back.subject_id) == ("finding", Severity.CRITICAL, standing.subject_id)
    assert not office.now_of(draft).live
