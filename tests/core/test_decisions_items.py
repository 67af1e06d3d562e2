"""Items: what opens them, what resolves them by themselves, and how cases open and close with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.decisions.core import cases, queue, reports
from services.decisions.core.clocks import due_by_clock
from services.decisions.core.model import CaseState
from shared.contracts.errors import Poison
from shared.contracts.events import applications as a
from shared.contracts.events import decisions as d
from shared.contracts.events import monitoring as m
from shared.contracts.pilot import Outcome, PilotState, Severity
from tests.decisions_kit import (
    CULTURE,
    LAN,
    MINH,
    MINISTRY,
    RECEIVED,
    START,
    TUESDAY,
    Office,
    at,
    breached,
    calendar,
    due,
    ended,
    final_filed,
    finding_cleared,
    finding_escalated,
    finding_opened,
    gate,
    measure_taken,
    names,
    of_kind,
    periodic_filed,
    registered,
    reply_filed,
    rules,
    running,
    started,
    winding_down,
)


def shape(office: Office) -> list[tuple[str, str, str | None, str]]:
    return [(i.kind.value, i.subject, i.clock, i.authority) for i in office.book.open_items]


def test_a_registered_pilot_stands_still_before_the_lead_authority_until_its_due_instant() -> None:
    office = Office.of(registered())
    assert shape(office) == [("standstill", "standstill", "standstill", CULTURE)]
    assert names(office.told) == ["CaseOpened", "ItemOpened"]
    assert office.item("standstill").due == due("2026-07-14 00:00")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (gate("notice_silence", due_at=due("2026-07-20 00:00")), [("standstill", "standstill", MINISTRY)]),
        (gate("notice_silence", held=True), []),
        (gate("notice_only"), []),
        (gate("permit", due_at=due("2026-07-30 00:00")), [("permit", "permit", MINISTRY)]),
        (gate("permit"), [("permit", None, MINISTRY)]),
        (gate("permit", held=True), []),
        (gate("permit", phase="exit"), []),
        (gate("notice_silence", phase="exit"), []),
    ],
)
def test_a_gate_stands_before_the_authority_whose_queue_it_names(made: object, expected: list[object]) -> None:
    office = Office.of(registered(gates=(made,), standstill=False))  # type: ignore[arg-type]
    found = [(i.kind.value, i.clock, i.authority) for i in office.book.open_items]
    assert found == expected
    assert (office.book.case is None) is (expected == [])


def test_a_row_that_asks_for_a_permit_opens_one_about_the_pilot() -> None:
    office = Office.of(registered(standstill=False, permit=True))
    assert shape(office) == [("permit", "pilot", "permit", CULTURE)]


def test_the_standstill_is_over_by_itself_at_its_due_instant_and_the_case_closes() -> None:
    office = Office.of(registered())
    told = office.fire_until(START)
    assert names(told) == ["ItemResolved", "CaseClosed"]
    assert told[0].at == START
    assert office.book.case is not None and office.book.case.state is CaseState.CLOSED
    assert office.hear(started(office.pilot_id)) == ()


def test_the_start_ends_the_standstill_when_it_is_heard_of_first() -> None:
    office = Office.of(registered())
    assert names(office.hear(started(office.pilot_id))) == ["ItemResolved", "CaseClosed"]
    assert [x for x in office.deadlines() if x.kind == "standstill"] == []


def test_reports_fall_due_every_six_months_none_at_the_end_and_the_final_report_fifteen_days_before() -> None:
    office = running()
    assert [(x.kind.value, x.due) for x in office.deadlines()] == [
        ("periodic_report", at("2027-01-14 00:00")),
        ("final_report", at("2027-06-29 00:00")),
    ]


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        (m.RuleCode.CAP_EXCEEDED, "finding"),
        (m.RuleCode.SILENCE, "finding"),
        (m.RuleCode.INCIDENT, "finding"),
        (m.RuleCode.TIP, "tip"),
        (m.RuleCode.REFERRAL, "referral"),
    ],
)
@pytest.mark.parametrize(
    ("severity", "last_day"),
    [
        (Severity.CRITICAL, "2026-07-24 00:00"),
        (Severity.MAJOR, "2026-08-04 00:00"),
        (Severity.MINOR, "2026-08-18 00:00"),
    ],
)
def test_a_finding_opens_an_item_with_the_clock_of_its_severity(
    rule: m.RuleCode, kind: str, severity: Severity, last_day: str
) -> None:
    office = running()
    office.hear(finding_opened(office.pilot_id, at("2026-07-20 10:00"), severity=severity, rule=rule, subject="x"))
    item = office.item(kind)
    assert (item.severity, item.clock, item.subject) == (severity, f"case_{severity}", f"{rule}/x")
    # 3, 10 and 20 working days from Monday 20 July.
    assert item.due == due(
        {"critical": "2026-07-24", "major": "2026-08-04", "minor": "2026-08-18"}[severity] + " 00:00"
    )
    assert last_day.startswith(str(item.due.instant.date()))


def test_info_is_known_and_opens_nothing() -> None:
    office = running()
    opened = finding_opened(office.pilot_id, at("2026-07-20 10:00"), severity=Severity.INFO)
    assert office.hear(opened) == ()
    assert opened.finding_id in office.book.findings


def test_an_escalation_raises_the_open_item_and_its_clock_runs_from_then() -> None:
    office = running()
    opened = finding_opened(office.pilot_id, at("2026-07-20 10:00"), severity=Severity.MINOR)
    office.hear(opened)
    before = office.item("finding")
    assert office.hear(finding_escalated(opened, at("2026-07-27 10:00"), Severity.MAJOR)) == ()
    after = office.item("finding")
    assert after.item_id == before.item_id
    assert (after.severity, after.clock, after.due) == (Severity.MAJOR, "case_major", due("2026-08-11 00:00"))


def test_an_escalation_of_a_judged_finding_opens_a_new_item() -> None:
    office = running()
    opened = finding_opened(office.pilot_id, at("2026-07-20 10:00"), severity=Severity.MINOR)
    office.hear(opened)
    office.decide(at("2026-07-21 10:00"), "continue", office.item("finding"))
    assert office.book.findings[opened.finding_id].verdict == "rejected"
    told = office.hear(finding_escalated(opened, at("2026-07-27 10:00"), Severity.MAJOR))
    assert names(told) == ["CaseOpened", "ItemOpened"]
    assert office.book.findings[opened.finding_id].verdict is None
    assert office.book.case is not None and office.book.case.code.endswith("-C3")


def test_a_cleared_finding_resolves_its_item() -> None:
    office, opened, _ = breached()
    (resolved,) = of_kind(office.hear(finding_cleared(opened, at("2026-08-02 23:00"))), d.ItemResolved)
    assert (resolved.kind, resolved.reason) == ("finding", "cleared")


@pytest.mark.parametrize("reason", ["pilot_ended", "judged"])
def test_a_finding_that_monitoring_closes_after_the_fact_still_waits_for_its_verdict(reason: str) -> None:
    office, opened, _ = breached()
    assert office.hear(finding_cleared(opened, at("2027-08-13 00:00"), reason)) == ()  # type: ignore[arg-type]
    assert office.item("finding").open


def test_a_cleared_finding_without_an_open_item_changes_nothing() -> None:
    office, opened, _ = breached()
    office.decide(at("2026-07-20 09:00"), "continue", office.item("finding"))
    assert office.hear(finding_cleared(opened, at("2026-08-02 23:00"))) == ()


@pytest.mark.parametrize("event", [finding_escalated, finding_cleared])
def test_a_fact_about_a_finding_that_was_never_opened_is_poison(event: object) -> None:
    office = running()
    opened = finding_opened(office.pilot_id, at("2026-07-20 10:00"))
    made = (
        finding_cleared(opened, opened.at)
        if event is finding_cleared
        else finding_escalated(opened, opened.at, Severity.CRITICAL)
    )
    with pytest.raises(Poison):
        office.hear(made)


def test_the_end_of_a_pilot_lifts_its_measures_and_leaves_its_findings_to_be_judged() -> None:
    office, _, _ = breached()
    office.decide(at("2026-07-20 10:00"), "suspend", office.item("finding"))
    office.hear(finding_opened(office.pilot_id, at("2026-07-27 10:00"), subject="shows/total", severity=Severity.MAJOR))
    told = office.hear(ended(office.pilot_id, at("2026-08-01 10:00")))
    assert of_kind(told, d.MeasureLifted) == [], "the measure had lapsed while the reply was awaited"
    reasons = {(r.kind.value, r.reason) for r in of_kind(told, d.ItemResolved)}
    assert ("suspension", "ended") in reasons
    assert [i.kind.value for i in office.book.open_items] == ["finding"]
    assert office.book.pilot.outcome is Outcome.EXPIRED


def test_the_end_lifts_a_measure_that_nobody_had_decided_upon() -> None:
    office, _, taken = breached()
    told = office.hear(ended(office.pilot_id, at("2026-07-20 10:00")))
    (lifted,) = of_kind(told, d.MeasureLifted)
    assert (lifted.measure_id, lifted.reason, lifted.decision_id) == (taken.measure_id, "pilot_ended", None)
    assert ("measure", "measure_ended") in {(r.kind.value, r.reason) for r in of_kind(told, d.ItemResolved)}


def test_a_measure_that_arrives_after_the_end_is_lifted_at_once() -> None:
    office = running()
    opened = finding_opened(office.pilot_id, at("2026-07-19 23:00"), severity=Severity.INFO)
    office.hear(opened)
    office.hear(ended(office.pilot_id, at("2026-07-20 10:00")))
    told = office.hear(measure_taken(opened))
    assert names(told) == ["MeasureLifted"]
    assert told[0].at == at("2026-07-20 10:00")


def test_an_early_end_takes_away_what_would_have_fallen_due_later() -> None:
    office = running()
    office.hear(winding_down(office.pilot_id, at("2026-09-01 10:00"), cause=Outcome.WITHDRAWN))
    assert office.deadlines() == []


@pytest.mark.parametrize("how", [winding_down, ended])
def test_a_report_that_fell_due_after_the_end_was_told_of_is_no_longer_charged(how: Callable[..., Any]) -> None:
    """The sweep came by before the withdrawal was read: what falls due at an instant is judged on what was true before it."""
    office = running()
    due_at = at("2027-01-14 00:00")
    office.fire_until(due_at)
    missing = office.item("report", "report/1/missing")
    draft = office.draft(due_at, "continue", missing)
    told = office.hear(how(office.pilot_id, at("2027-01-13 10:00")))
    assert [(r.item_id, r.reason) for r in of_kind(told, d.ItemResolved)] == [(missing.item_id, "not_owed")]
    assert office.now_of(draft).closed_reason == "item_resolved"
    (closed,) = of_kind(told, d.CaseClosed)
    assert closed.at == due_at, "no case closes before it opened"
    assert office.deadlines() == []


@pytest.mark.parametrize("how", [winding_down, ended])
def test_a_final_report_that_fell_due_after_the_end_was_told_of_is_no_longer_charged(how: Callable[..., Any]) -> None:
    office = running()
    office.hear(periodic_filed(office.pilot_id, at("2027-01-10 10:00")))
    office.fire_until(at("2027-06-29 00:00"))
    missing = office.item("final_report", "final/missing")
    told = office.hear(how(office.pilot_id, at("2027-06-28 10:00")))
    assert [(r.item_id, r.reason) for r in of_kind(told, d.ItemResolved)] == [(missing.item_id, "not_owed")]


@pytest.mark.parametrize("swept_first", [True, False])
def test_a_report_that_was_missing_when_the_pilot_ended_is_charged_whenever_the_sweep_comes_by(
    swept_first: bool,
) -> None:
    office = running()
    withdrawn = winding_down(office.pilot_id, at("2027-01-15 10:00"), cause=Outcome.WITHDRAWN)
    over = ended(office.pilot_id, at("2027-02-15 10:00"), outcome=Outcome.WITHDRAWN)
    if swept_first:
        office.fire_until(withdrawn.at)
    office.hear(withdrawn)
    office.hear(over)
    office.fire_until(over.at)
    assert office.item("report", "report/1/missing").severity is Severity.MINOR
    office.decide(at("2027-02-16 10:00"), "continue", office.item("report"))
    assert office.book.case is not None and office.book.case.state is CaseState.CLOSED


def test_the_end_leaves_a_report_to_be_read_and_a_final_one_without_object() -> None:
    office = running()
    office.hear(periodic_filed(office.pilot_id, at("2027-01-10 10:00")))
    office.hear(final_filed(office.pilot_id, at("2027-06-20 10:00")))
    told = office.hear(ended(office.pilot_id, at("2027-08-20 00:00")))
    assert [(r.kind, r.reason) for r in of_kind(told, d.ItemResolved)] == [("final_report", "ended")]
    now = at("2027-08-21 10:00")
    office.keep(reports.review(office.book, LAN, office.item("report").item_id, "Đã đọc.", 0, now, calendar()))
    assert office.book.open_items == ()


def test_the_completion_clock_of_a_filed_final_report_starts_when_the_pilot_winds_down() -> None:
    office = running()
    office.hear(periodic_filed(office.pilot_id, at("2027-01-10 10:00")))
    office.hear(final_filed(office.pilot_id, at("2027-06-20 10:00")))
    assert (office.item("final_report").clock, office.item("final_report").due) == (None, None)
    office.hear(winding_down(office.pilot_id, at("2027-07-14 00:00")))
    item = office.item("final_report")
    assert (item.clock, item.due) == ("completion", due("2027-08-05 00:00"))
    assert office.book.pilot.final is not None and office.book.pilot.final.filed_at == at("2027-06-20 10:00")


def test_a_snoozed_case_wakes_when_something_new_opens() -> None:
    office = running()
    office.hear(finding_opened(office.pilot_id, at("2026-07-20 10:00"), severity=Severity.MINOR))
    office.keep(
        cases.snooze(office.book, LAN, at("2026-07-29 10:00"), "Chờ số liệu", at("2026-07-21 10:00"), calendar())
    )
    assert office.book.case is not None and office.book.case.snoozed_until is not None
    office.hear(finding_opened(office.pilot_id, at("2026-07-22 10:00"), subject="y", severity=Severity.MINOR))
    assert office.book.case.snoozed_until is None


def test_a_clock_that_runs_again_and_out_before_the_snooze_does_wakes_the_case() -> None:
    """A snooze may be longer than a clock that stands still; it hides none that runs."""
    office = running()
    office.hear(finding_opened(office.pilot_id, at("2026-07-20 10:00"), severity=Severity.CRITICAL))
    proposal = office.draft(TUESDAY, "suspend", office.item("finding"))
    office.submit(TUESDAY, proposal)
    office.keep(cases.snooze(office.book, LAN, at("2026-08-03 00:00"), "Chờ trả lời", TUESDAY, calendar()))
    office.hear(reply_filed(office.pilot_id, at("2026-07-22 10:00"), proposal.proposal_id))
    assert office.item("finding").running_due == at("2026-07-28 00:00")
    assert office.book.case is not None and office.book.case.snoozed_until is None
    assert {one.lane for one in queue.entries(office.book)} == {"active"}


def test_a_clock_that_begins_only_when_the_pilot_winds_down_wakes_the_case_too() -> None:
    office = running()
    office.hear(final_filed(office.pilot_id, at("2027-06-20 10:00")))
    now = at("2027-07-13 10:00")
    longest = due_by_clock(office.book.pilot.rules, "snooze_max", now, calendar()).instant
    frozen = office.book.pilot.rules
    clock = frozen.clocks["completion"].model_copy(update={"amount": 1})
    hurried = frozen.model_copy(update={"clocks": {**frozen.clocks, "completion": clock}})
    office.book = replace(office.book, pilot=replace(office.book.pilot, rules=hurried))
    office.keep(cases.snooze(office.book, LAN, longest, "Chờ kết thúc", now, calendar()))
    office.hear(winding_down(office.pilot_id, at("2027-07-14 00:00")))
    due_at = office.item("final_report").running_due
    assert due_at is not None and due_at < longest
    assert office.book.case is not None and office.book.case.snoozed_until is None


def test_the_state_is_what_the_pilots_events_say() -> None:
    office, _, taken = breached()
    assert office.book.pilot.state is PilotState.RESTRICTED
    assert [c.ref for c in office.book.pilot.causes] == [taken.measure_id]


def test_a_pilot_whose_row_asks_for_no_periodic_report_owes_none() -> None:
    frozen = rules().model_copy(update={"policy": rules().policy.model_copy(update={"report_every_months": 0})})
    office = Office.of(registered(frozen=frozen))
    office.hear(started(office.pilot_id))
    assert [x.kind.value for x in office.deadlines()] == ["final_report"]


def test_an_overdue_item_is_counted_once() -> None:
    office = running()
    office.hear(finding_opened(office.pilot_id, at("2026-07-20 10:00")))
    (deadline,) = [x for x in office.deadlines() if x.kind == "overdue"]
    office.fire_until(deadline.due)
    assert office.item("finding").overdue
    assert [x for x in office.deadlines() if x.kind == "overdue"] == []
    # A clock that fires for what is gone does nothing.
    for kind in ("overdue", "standstill"):
        gone = type(deadline)(
            kind=type(deadline.kind)(kind), subject=str(uuid4()), due=deadline.due + timedelta(days=1)
        )
        assert office.fire(gone) == ()


def test_received_at_orders_the_standstill_not_the_registration() -> None:
    assert Office.of(registered()).item("standstill").clock_from == RECEIVED


def test_an_objection_made_in_time_still_waits_for_its_permit_when_the_start_is_heard_of() -> None:
    office = Office.of(registered())
    office.decide(at("2026-07-13 10:00"), "object", office.item("standstill"), second=MINH)
    assert office.hear(started(office.pilot_id)) == ()
    assert office.item("permit", "objection").open


def test_a_new_envelope_is_the_pilots_from_then_on() -> None:
    office = running()
    envelope = office.book.pilot.envelope.model_copy(update={"version": 2})
    office.hear(
        a.PilotAmended(
            at=at("2026-08-10 15:00"),
            pilot_id=office.pilot_id,
            state_after=PilotState.ACTIVE,
            causes=(),
            envelope=envelope,
            decision_id=uuid4(),
        )
    )
    assert office.book.pilot.envelope.version == 2


def test_a_lapse_without_its_item_still_lapses() -> None:
    office, _, taken = breached()
    office.book = replace(office.book, items={}, case=None)
    assert names(office.fire_until(at("2026-07-23 00:00"))) == ["MeasureLapsed"]
    assert office.book.measures[taken.measure_id].ended_at == at("2026-07-23 00:00")


def test_an_officers_act_is_not_told_behind_what_was_told_of_the_pilot() -> None:
    office, _, _ = breached()
    told_at = office.book.pilot.told_at
    assert told_at == max(event.at for event in office.told)
    assert office.book.pilot.not_before(told_at - timedelta(milliseconds=10)) == told_at
    later = told_at + timedelta(milliseconds=10)
    assert office.book.pilot.not_before(later) == later
