"""Interim measures: confirm, lift, lapse, whichever is first; remedies; reports; acts inside a case; pauses."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.decisions.core import cases, clocks, remedies, reports
from services.decisions.core.model import Actor, CaseState, Item, MeasureState, RemedyState
from shared.contracts.errors import NotFound, Refused
from shared.contracts.events import decisions as d
from shared.contracts.events.decisions import ItemKind
from shared.contracts.pilot import Severity
from shared.contracts.rules import ClockUnit, Pause, SupplementClock
from shared.reference.calendar import VIETNAM, PauseSpan
from tests.decisions_kit import (
    CULTURE,
    HOA,
    LAN,
    MINH,
    MINISTRY,
    TAM,
    Office,
    at,
    breached,
    calendar,
    due,
    ended,
    final_filed,
    finding_opened,
    gate,
    names,
    of_kind,
    periodic_filed,
    registered,
    reply_filed,
    rules,
    running,
)

TUESDAY = at("2026-07-21 10:00")


def refused(code: str) -> pytest.RaisesExc[Refused]:
    return pytest.RaisesExc(Refused, check=lambda error: error.code == code)


# Measures


def test_a_measure_that_nobody_confirms_lapses_at_its_due_instant() -> None:
    office, _, taken = breached()
    told = office.fire_until(at("2026-07-23 00:00"))
    (lapsed,) = of_kind(told, d.MeasureLapsed)
    assert (lapsed.at, lapsed.measure_id) == (at("2026-07-23 00:00"), taken.measure_id)
    assert ("measure", "measure_lapsed") in {(r.kind.value, r.reason) for r in of_kind(told, d.ItemResolved)}
    assert office.book.measures[taken.measure_id].state is MeasureState.LAPSED


def test_after_the_due_instant_nobody_confirms_even_if_no_sweep_came_by() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "confirm_measure", office.item("measure"))
    office.submit(TUESDAY, proposal)
    with refused("measure_lapsed"):
        office.sign(at("2026-07-23 00:00"), proposal)
    office.fire_until(at("2026-07-23 00:00"))
    assert office.now_of(proposal).closed_reason == "item_resolved"


def test_a_confirmed_measure_does_not_lapse_and_stays_in_sight_until_it_is_lifted() -> None:
    office, opened, taken = breached()
    office.decide(TUESDAY, "confirm_measure", office.item("measure"))
    assert office.fire_until(at("2026-07-23 00:00")) == ()
    item = office.item("measure", "confirmed")
    assert (item.subject_id, item.due) == (taken.measure_id, None)
    with refused("measure_already_confirmed"):
        office.draft(TUESDAY, "confirm_measure", item)
    office.decide(at("2026-09-03 10:00"), "lift_measure", item)
    (lifted,) = of_kind(office.told, d.MeasureLifted)
    assert (lifted.reason, lifted.finding_id) == ("decision", opened.finding_id)


def test_the_measure_moves_before_the_decision_and_the_items_after_it() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "confirm_measure", office.item("measure"))
    office.submit(TUESDAY, proposal)
    assert names(office.sign(TUESDAY, proposal)) == ["MeasureConfirmed", "DecisionIssued", "ItemResolved", "ItemOpened"]


def test_a_lapse_that_fires_after_the_decision_does_nothing() -> None:
    office, _, taken = breached()
    (deadline,) = [x for x in office.deadlines() if x.kind == "measure_confirm"]
    office.decide(TUESDAY, "lift_measure", office.item("measure"))
    assert office.fire(deadline) == ()
    assert office.book.measures[taken.measure_id].state is MeasureState.LIFTED


def test_a_measure_that_is_out_of_force_cannot_be_decided_upon() -> None:
    office, _, taken = breached()
    measure = office.book.measures[taken.measure_id]
    item = office.item("measure")
    office.book = replace(
        office.book, measures={taken.measure_id: replace(measure, state=MeasureState.LIFTED, ended_at=TUESDAY)}
    )
    with refused("measure_not_in_force"):
        office.draft(TUESDAY, "lift_measure", item)


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


# Reports


def test_a_report_in_time_is_read_and_that_is_all() -> None:
    office = running()
    filed = periodic_filed(office.pilot_id, at("2027-01-13 23:59"))
    office.hear(filed)
    item = office.item("report")
    assert (item.subject, item.subject_id, item.clock, item.late) == ("report/1", filed.report_id, "case_minor", False)
    assert [x.kind for x in office.deadlines() if x.kind == "periodic_report"] == []
    told = office.keep(reports.review(office.book, LAN, item.item_id, "Đạt", 0, at("2027-01-20 09:00"), calendar()))
    assert names(told) == ["ReportReviewed", "ItemResolved", "CaseClosed"]


def test_a_missing_report_opens_an_item_and_the_late_one_resolves_it() -> None:
    office = running()
    told = office.fire_until(at("2027-01-14 00:00"))
    assert names(told) == ["CaseOpened", "ItemOpened"]
    item = office.item("report", "report/1/missing")
    with refused("report_not_filed"):
        reports.review(office.book, LAN, item.item_id, "x", 0, at("2027-01-15 09:00"), calendar())
    office.hear(periodic_filed(office.pilot_id, at("2027-01-14 00:00")))
    assert office.item("report", "report/1").late
    assert office.book.open_item(ItemKind.REPORT, subject="report/1/missing") is None


def test_a_report_in_time_that_arrives_late_is_not_late() -> None:
    office = running()
    office.fire_until(at("2027-01-14 00:00"))
    office.hear(periodic_filed(office.pilot_id, at("2027-01-13 23:59")))
    assert not office.item("report", "report/1").late


def test_a_report_nobody_owed_is_read_all_the_same_and_after_the_end_nobody_needs_to() -> None:
    office = running()
    office.hear(periodic_filed(office.pilot_id, at("2027-01-10 10:00"), number=7))
    assert not office.item("report", "report/7").late
    office.hear(periodic_filed(office.pilot_id, at("2027-01-10 11:00"), number=1))
    office.hear(periodic_filed(office.pilot_id, at("2027-01-11 11:00"), number=1))
    office.hear(ended(office.pilot_id, at("2027-01-12 10:00")))
    office.hear(periodic_filed(office.pilot_id, at("2027-01-12 11:00"), number=2))
    office.hear(final_filed(office.pilot_id, at("2027-01-12 11:00")))
    assert office.book.open_items == ()


def test_a_second_final_report_takes_the_place_of_the_first() -> None:
    office = running()
    office.hear(final_filed(office.pilot_id, at("2027-06-20 10:00")))
    second = final_filed(office.pilot_id, at("2027-06-21 10:00"))
    office.hear(second)
    assert office.item("final_report").subject_id == second.report_id


def test_a_final_report_before_the_start_was_known_is_kept() -> None:
    office = Office.of(registered())
    office.hear(final_filed(office.pilot_id, at("2026-07-10 10:00")))
    assert office.book.pilot.final is None


def test_a_clock_of_a_report_that_is_no_longer_owed_does_nothing() -> None:
    office = running()
    dues = {x.kind.value: x for x in office.deadlines()}
    office.hear(periodic_filed(office.pilot_id, at("2027-01-10 10:00")))
    office.hear(final_filed(office.pilot_id, at("2027-01-10 10:00")))
    assert office.fire(dues["periodic_report"]) == ()
    assert office.fire(dues["final_report"]) == ()


def test_reading_the_final_report_does_not_decide_upon_it() -> None:
    office = running()
    office.hear(final_filed(office.pilot_id, at("2027-06-20 10:00")))
    item = office.item("final_report")
    told = office.keep(reports.review(office.book, LAN, item.item_id, "Đã đọc", 1, at("2027-06-21 10:00"), calendar()))
    (reviewed,) = of_kind(told, d.ReportReviewed)
    assert (reviewed.final, reviewed.confirmed_findings, reviewed.officer) == (True, 1, "lan")
    assert office.item("final_report").open


def test_what_is_no_report_or_not_ones_own_is_not_reviewed() -> None:
    office, _, _ = breached()
    filed = periodic_filed(office.pilot_id, TUESDAY)
    office.hear(filed)
    report = office.item("report")
    with pytest.raises(NotFound):
        reports.review(office.book, LAN, uuid4(), "x", 0, TUESDAY, calendar())
    with refused("item_not_a_report"):
        reports.review(office.book, LAN, office.item("measure").item_id, "x", 0, TUESDAY, calendar())
    with refused("item_of_other_authority"):
        reports.review(office.book, TAM, report.item_id, "x", 0, TUESDAY, calendar())
    office.keep(reports.review(office.book, LAN, report.item_id, "x", 0, TUESDAY, calendar()))
    with refused("item_resolved"):
        reports.review(office.book, LAN, report.item_id, "x", 0, TUESDAY, calendar())
    office.book = replace(office.book, case=None, items={report.item_id: report})
    assert reports.review(office.book, LAN, report.item_id, "x", 0, TUESDAY, calendar())[1]


# Acts inside a case


def test_a_claim_is_one_officers_until_released_and_a_supervisor_may_take_over() -> None:
    office, _, _ = breached()
    office.keep(cases.claim(office.book, LAN, TUESDAY, calendar()))
    office.keep(cases.claim(office.book, LAN, TUESDAY, calendar()))
    assert office.book.case is not None
    assert (office.book.case.state, dict(office.book.case.claims)) == (CaseState.CLAIMED, {CULTURE: "lan"})
    for act in (cases.claim, cases.release):
        with refused("claimed_by_another"):
            act(office.book, MINH, TUESDAY, calendar())
    office.keep(cases.claim(office.book, HOA, TUESDAY, calendar()))
    assert dict(office.book.case.claims) == {CULTURE: "hoa"}
    office.keep(cases.release(office.book, HOA, TUESDAY, calendar()))
    assert office.book.case.state is CaseState.OPEN
    with refused("not_claimed"):
        cases.release(office.book, HOA, TUESDAY, calendar())


def test_each_authority_claims_its_own_part() -> None:
    office = Office.of(registered(gates=(gate("permit", due_at=due("2026-07-30 00:00")),)))
    now = at("2026-07-07 10:00")
    office.keep(cases.claim(office.book, LAN, now, calendar()))
    office.keep(cases.claim(office.book, TAM, now, calendar()))
    office.keep(cases.release(office.book, LAN, now, calendar()))
    assert office.book.case is not None
    assert (office.book.case.state, dict(office.book.case.claims)) == (CaseState.CLAIMED, {MINISTRY: "tam"})


def test_a_snooze_ends_within_the_rules_days_and_hides_no_clock() -> None:
    office = running()
    office.hear(finding_opened(office.pilot_id, at("2026-07-20 10:00"), severity=Severity.MINOR))

    def snooze(until: datetime, by: Actor = LAN) -> None:
        office.keep(cases.snooze(office.book, by, until, "Chờ", TUESDAY, calendar()))

    with refused("snooze_past"):
        snooze(TUESDAY)
    with refused("snooze_too_long"):
        snooze(at("2026-08-05 00:01"))
    office.hear(finding_opened(office.pilot_id, TUESDAY, subject="y", severity=Severity.CRITICAL))
    with refused("snooze_hides_clock"):
        snooze(at("2026-07-25 00:01"))
    snooze(at("2026-07-24 00:00"))
    assert office.book.case is not None and office.book.case.snooze_reason == "Chờ"
    office.fire_until(at("2026-07-24 00:00"))
    assert office.book.case.snoozed_until is None
    assert cases.wake(office.book, TUESDAY, calendar())[1] == ()


def test_a_case_without_a_running_clock_may_be_snoozed_too() -> None:
    office = running()
    office.hear(final_filed(office.pilot_id, at("2026-07-20 10:00")))
    office.keep(cases.snooze(office.book, LAN, at("2026-07-23 10:00"), "Chờ", TUESDAY, calendar()))
    office.keep(cases.wake(office.book, at("2026-07-22 10:00"), calendar()))
    assert office.book.case is not None and office.book.case.snoozed_until is not None, "not before its time"


def test_a_supplement_is_asked_for_once_and_stops_the_clocks_of_the_case_and_of_what_opens_meanwhile() -> None:
    office, _, _ = breached()
    request_id = uuid4()
    told = office.keep(cases.ask_supplement(office.book, LAN, request_id, "Sơ đồ", TUESDAY, calendar()))
    (asked,) = of_kind(told, d.CaseSupplementRequested)
    assert asked.due == due("2026-08-21 00:00")
    office.hear(finding_opened(office.pilot_id, at("2026-07-22 10:00"), subject="y", severity=Severity.MINOR))
    held = {(i.kind.value, i.subject): bool(i.holds) for i in office.book.open_items}
    assert held == {
        ("finding", "cap_exceeded/crowd_peak/concurrent"): True,
        ("finding", "cap_exceeded/y"): True,
        ("measure", "restrict_intake"): False,
    }
    with refused("supplement_asked"):
        cases.ask_supplement(office.book, LAN, uuid4(), "x", TUESDAY, calendar())
    office.hear(reply_filed(office.pilot_id, at("2026-07-24 10:00"), request_id))
    assert not any(i.holds for i in office.book.open_items)
    assert office.book.case is not None and office.book.case.supplement is not None
    assert office.book.case.supplement.answered_at == at("2026-07-24 10:00")
    assert [x for x in office.deadlines() if x.kind == "supplement_answer"] == []


def test_a_supplement_that_does_not_come_lets_the_clocks_run_again_at_its_due_instant() -> None:
    office = running()
    office.hear(finding_opened(office.pilot_id, at("2026-07-20 10:00"), severity=Severity.MINOR))
    request_id = uuid4()
    office.keep(cases.ask_supplement(office.book, LAN, request_id, "Sơ đồ", TUESDAY, calendar()))
    (deadline,) = [x for x in office.deadlines() if x.kind == "supplement_answer"]
    office.fire(deadline)
    item = office.item("finding")
    # Asked on day 1 of 20 (the 21st does not count): all 20 working days are left after Thursday 20 August.
    assert item.due == calendar().due_working_days(at("2026-08-20 12:00"), 20)
    office.hear(reply_filed(office.pilot_id, at("2026-08-21 00:00"), request_id))
    assert office.book.case is not None and office.book.case.supplement is not None
    assert office.book.case.supplement.answered_at is None
    assert office.fire(deadline) == ()


def test_a_supplement_may_restart_a_clock_where_the_row_says_so() -> None:
    policy = rules().policy.model_copy(update={"supplement_clock": SupplementClock.RESTART})
    office = Office.of(registered(standstill=False, permit=True, frozen=rules().model_copy(update={"policy": policy})))
    request_id = uuid4()
    office.keep(cases.ask_supplement(office.book, LAN, request_id, "x", at("2026-07-09 10:00"), calendar()))
    office.hear(reply_filed(office.pilot_id, at("2026-07-15 10:00"), request_id))
    assert office.item("permit").due == calendar().due_working_days(at("2026-07-15 10:00"), 10)


def test_a_closed_case_and_an_ended_pilot_take_no_act() -> None:
    office, _, _ = breached()
    office.hear(ended(office.pilot_id, TUESDAY))
    with refused("pilot_ended"):
        cases.ask_supplement(office.book, LAN, uuid4(), "x", TUESDAY, calendar())
    office.decide(TUESDAY, "continue", office.item("finding"))
    for by in (LAN, HOA):
        with refused("case_closed"):
            cases.claim(office.book, by, TUESDAY, calendar())
    with refused("no_part_in_case"):
        cases.claim(office.book, TAM, TUESDAY, calendar())


# Pauses, against the calendar's own count


def _item(start: datetime, n: int) -> Item:
    return Item(
        item_id=uuid4(),
        case_id=uuid4(),
        pilot_id=uuid4(),
        kind=ItemKind.FINDING,
        subject="x",
        authority=CULTURE,
        opened_at=start,
        clock="case_minor",
        clock_from=start,
        due=calendar().due_working_days(start, n),
    )


@given(
    start=st.integers(0, 24 * 300),
    n=st.integers(1, 30),
    gaps=st.lists(st.tuples(st.integers(0, 24 * 12), st.integers(0, 24 * 12)), min_size=1, max_size=4),
)
def test_pauses_one_after_another_give_the_day_that_counting_without_their_days_gives(
    start: int, n: int, gaps: list[tuple[int, int]]
) -> None:
    begun = datetime(2026, 7, 1, tzinfo=VIETNAM) + timedelta(hours=start)
    item, now, spans = _item(begun, n), begun, []
    for wait, length in gaps:
        asked = now + timedelta(hours=wait)
        assert item.due is not None
        if asked >= item.due.instant:
            break
        answered = asked + timedelta(hours=length)
        ref = uuid4()
        item = clocks.release(clocks.hold(item, ref, asked), ref, answered, rules(), calendar(), why=Pause.REPLY)
        spans.append(PauseSpan(asked, answered))
        now = answered
    expected = calendar().due_working_days(begun, n, spans)
    assert item.due is not None and item.due.instant == expected.instant
    assert item.due.provisional or not expected.provisional
    assert item.pauses == tuple(spans)


def test_two_reasons_to_wait_are_one_pause_from_the_first_to_the_last() -> None:
    item = _item(at("2026-07-20 10:00"), 10)
    one, two = uuid4(), uuid4()
    item = clocks.hold(clocks.hold(item, one, at("2026-07-21 10:00")), two, at("2026-07-22 10:00"))
    item = clocks.release(item, one, at("2026-07-23 10:00"), rules(), calendar(), why=Pause.REPLY)
    assert item.holds and item.running_due is None
    item = clocks.release(item, two, at("2026-07-24 10:00"), rules(), calendar(), why=Pause.SUPPLEMENT)
    assert item.pauses == (PauseSpan(at("2026-07-21 10:00"), at("2026-07-24 10:00")),)
    assert clocks.release(item, two, at("2026-07-25 10:00"), rules(), calendar(), why=Pause.REPLY) == item


def test_a_late_fact_of_a_time_before_the_question_shortens_no_limit() -> None:
    item = _item(at("2026-07-20 10:00"), 10)
    ref = uuid4()
    held = clocks.hold(item, ref, at("2026-07-27 10:00"))
    freed = clocks.release(held, ref, at("2026-07-22 10:00"), rules(), calendar(), why=Pause.REPLY)
    assert freed.due == calendar().due_working_days(
        at("2026-07-20 10:00"), 10, [PauseSpan(at("2026-07-27 10:00"), at("2026-07-27 10:00"))]
    )


def test_only_the_lead_moves_the_whole_case_and_who_decides_something_in_it_may_ask() -> None:
    office = Office.of(registered(gates=(gate("permit", due_at=due("2026-07-30 00:00")),)))
    now = at("2026-07-07 10:00")
    with refused("not_the_lead_authority"):
        cases.snooze(office.book, TAM, at("2026-07-08 10:00"), "x", now, calendar())
    assert cases.ask_supplement(office.book, TAM, uuid4(), "x", now, calendar())[1]
    office.decide(now, "permit", office.item("permit"), by=TAM, second=Actor("chief", MINISTRY, supervisor=True))
    with refused("not_the_lead_authority"):
        cases.ask_supplement(office.book, TAM, uuid4(), "x", now, calendar())


def test_a_pause_that_begins_when_all_time_was_used_up_moves_nothing() -> None:
    item = replace(_item(at("2026-07-20 10:00"), 1), overdue=True)
    ref = uuid4()
    item = clocks.hold(item, ref, at("2026-07-25 10:00"))
    item = clocks.release(item, ref, at("2026-07-28 10:00"), rules(), calendar(), why=Pause.REPLY)
    assert (item.due, item.overdue) == (due("2026-07-22 00:00"), True)


def test_a_clock_without_a_length_of_its_own_belongs_to_no_item() -> None:
    with pytest.raises(ValueError, match="info"):
        clocks.case_clock(Severity.INFO)
    frozen = rules()
    row = frozen.clocks["takedown"].model_copy(update={"unit": ClockUnit.MONTH})
    frozen = frozen.model_copy(update={"clocks": {**frozen.clocks, "takedown": row}})
    with pytest.raises(ValueError, match="month"):
        clocks.due_by_clock(frozen, "takedown", TUESDAY, calendar())
    assert clocks.due_by_clock(rules(), "takedown", TUESDAY, calendar()) == due("2026-07-22 10:00")
