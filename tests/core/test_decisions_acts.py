"""Acts inside a case: claim, release, snooze, the one supplement request."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from services.decisions.core import cases
from services.decisions.core.model import Actor, CaseState
from shared.contracts.events import decisions as d
from shared.contracts.pilot import Severity
from shared.contracts.rules import SupplementClock
from tests.decisions_kit import (
    CULTURE,
    HOA,
    LAN,
    MINH,
    MINISTRY,
    TAM,
    TUESDAY,
    Office,
    at,
    breached,
    calendar,
    due,
    ended,
    final_filed,
    finding_opened,
    gate,
    of_kind,
    refused,
    registered,
    reply_filed,
    rules,
    running,
)

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
