"""The reply window: the enterprise is asked first, and its answer counts by its own time."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from services.decisions.core import cases, proposals, queue, replies
from services.decisions.core.life import ProposalState
from shared.contracts.events import decisions as d
from shared.contracts.pilot import PilotState, Severity
from tests.decisions_kit import (
    CROWD,
    HOA,
    HOUR,
    LAN,
    MINH,
    TUESDAY,
    at,
    breached,
    calendar,
    due,
    ended,
    finding_cleared,
    finding_escalated,
    finding_opened,
    names,
    of_kind,
    reply_filed,
    running,
    state_changed,
)

# The reply window


def test_the_enterprise_is_asked_first_and_the_clocks_that_the_rules_name_stand_still() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "adjust", office.item("finding"), caps=(CROWD,))
    (asked,) = of_kind(office.submit(TUESDAY, proposal), d.ReplyRequested)
    assert asked.reply_by == due("2026-07-29 00:00")
    assert office.item("finding").holds and office.item("finding").running_due is None
    assert not office.item("measure").holds, "no clock of a measure pauses"
    assert names(office.submit(at("2026-07-22 10:00"), proposal)) == [], "it waits, and is asked once"


def test_a_reply_in_time_lets_it_move_on_and_the_clocks_run_again() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "adjust", office.item("finding"), caps=(CROWD,))
    office.submit(TUESDAY, proposal)
    reply = reply_filed(office.pilot_id, at("2026-07-23 14:00"), proposal.proposal_id)
    office.hear(reply)
    # Due 22 July: the 20th was counted; the 21st to the 23rd do not count; 24 and 27 July are the two days that were left.
    assert office.item("finding").due == due("2026-07-28 00:00")
    office.submit(at("2026-07-24 10:00"), proposal)
    (issued,) = of_kind(office.sign(at("2026-07-24 11:00"), proposal), d.DecisionIssued)
    assert (issued.reply_id, issued.caps) == (reply.reply_id, (CROWD,))


def test_when_the_window_is_over_it_may_move_on_without_a_reply() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "adjust", office.item("finding"), caps=(CROWD,))
    office.submit(TUESDAY, proposal)
    office.fire_until(at("2026-07-29 00:00"))
    assert office.now_of(proposal).reply_over
    assert office.item("finding").due == due("2026-07-31 00:00")
    office.submit(at("2026-07-29 09:00"), proposal)
    assert office.now_of(proposal).state is ProposalState.AWAITING_SECOND


def test_a_reply_that_is_too_late_stays_a_fact_and_moves_nothing() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "adjust", office.item("finding"), caps=(CROWD,))
    office.submit(TUESDAY, proposal)
    office.fire_until(at("2026-07-29 00:00"))
    office.hear(reply_filed(office.pilot_id, at("2026-07-29 00:00"), proposal.proposal_id))
    assert office.now_of(proposal).reply_id is None


def test_a_reply_to_what_was_asked_before_does_not_answer_what_is_asked_now() -> None:
    office, _, _ = breached()
    asked_at = at("2026-07-20 10:00")
    proposal = office.draft(asked_at, "suspend", office.item("finding"))
    office.submit(asked_at, proposal)
    first = office.now_of(proposal).asked
    assert first is not None
    over = first.reply_by.instant
    office.fire_until(over)
    office.submit(over, proposal)
    office.keep(proposals.send_back(office.book, HOA, proposal.proposal_id, "Sửa lại.", over, calendar()))
    office.edit(over, proposal, replace(office.now_of(proposal).content, public_reasons="Lý do khác."))
    office.submit(over + HOUR, proposal)
    office.hear(reply_filed(office.pilot_id, over - HOUR, proposal.proposal_id))
    now = office.now_of(proposal)
    assert (now.state, now.reply_over, now.reply_id) == (ProposalState.AWAITING_REPLY, False, None)


def test_a_reply_in_time_that_arrives_after_it_had_moved_on_brings_it_back_to_the_proposer() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "adjust", office.item("finding"), caps=(CROWD,))
    lift = office.draft(TUESDAY, "lift_measure", office.item("measure"))
    office.submit(TUESDAY, proposal, together=[lift])
    office.hear(state_changed(office.pilot_id, TUESDAY, PilotState.RESTRICTED))
    office.keep(replies.reply_due(office.book, proposal.proposal_id, at("2026-07-29 00:00"), calendar()))
    office.submit(at("2026-07-22 09:00"), proposal)
    assert office.now_of(lift).state is ProposalState.AWAITING_SECOND
    office.hear(reply_filed(office.pilot_id, at("2026-07-28 23:00"), proposal.proposal_id))
    assert office.now_of(proposal).state is ProposalState.RETURNED
    assert office.now_of(lift).state is ProposalState.RETURNED
    assert office.now_of(proposal).closed_reason == "reply_in_time_arrived"
    # What was put to the enterprise has not changed: it need not be asked again.
    assert names(office.submit(at("2026-07-22 10:00"), proposal)) == []
    assert office.now_of(proposal).state is ProposalState.AWAITING_SECOND


def test_a_reply_in_time_that_arrives_after_the_decision_brings_the_item_back_and_is_its_cause() -> None:
    office, opened, _ = breached()
    proposal = office.decide(TUESDAY, "suspend", office.item("finding"))
    reply = reply_filed(office.pilot_id, at("2026-07-28 12:00"), proposal.proposal_id)
    (again,) = of_kind(office.hear(reply), d.ItemOpened)
    assert (again.kind, again.subject_id, again.clock) == ("finding", opened.finding_id, "case_critical")
    assert again.reply_id == office.item("finding").reply_id == office.now_of(proposal).reply_id == reply.reply_id


def test_only_the_first_unheard_reply_brings_anything_back() -> None:
    office, _, _ = breached()
    proposal = office.decide(TUESDAY, "suspend", office.item("finding"))
    reply = reply_filed(office.pilot_id, at("2026-07-28 12:00"), proposal.proposal_id)
    office.hear(reply)
    after = office.book
    for again in (reply, reply_filed(office.pilot_id, at("2026-07-28 13:00"), proposal.proposal_id)):
        assert office.hear(again) == ()
        assert office.book == after


def test_an_unheard_reply_about_what_stands_open_again_is_named_there() -> None:
    office, opened, _ = breached(severity=Severity.MAJOR)
    proposal = office.decide(TUESDAY, "suspend", office.item("finding"))
    office.hear(finding_escalated(opened, at("2026-07-30 10:00"), Severity.CRITICAL))
    standing = office.item("finding")
    office.keep(cases.snooze(office.book, LAN, at("2026-07-30 12:00"), "Chờ", at("2026-07-30 11:00"), calendar()))
    reply = reply_filed(office.pilot_id, at("2026-07-28 12:00"), proposal.proposal_id)
    assert office.hear(reply) == ()
    assert office.item("finding") == replace(standing, reply_id=reply.reply_id)
    assert office.book.case is not None and office.book.case.snoozed_until is None


def test_the_first_answer_to_a_supplement_counts() -> None:
    office, _, _ = breached()
    request = uuid4()
    office.keep(cases.ask_supplement(office.book, LAN, request, "Sơ đồ", TUESDAY, calendar()))
    office.hear(reply_filed(office.pilot_id, at("2026-07-22 12:00"), request))
    after = office.book
    assert office.hear(reply_filed(office.pilot_id, at("2026-07-23 12:00"), request)) == ()
    assert office.book == after
    assert after.case is not None and after.case.supplement is not None
    assert after.case.supplement.answered_at == at("2026-07-22 12:00")


def test_after_the_end_an_unheard_reply_reopens_nothing() -> None:
    office, _, _ = breached()
    proposal = office.decide(TUESDAY, "suspend", office.item("finding"))
    office.hear(ended(office.pilot_id, at("2026-07-30 10:00")))
    assert names(office.hear(reply_filed(office.pilot_id, at("2026-07-28 12:00"), proposal.proposal_id))) == []


def test_a_reply_to_a_proposal_that_was_withdrawn_is_kept_with_it() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "adjust", office.item("finding"), caps=(CROWD,))
    office.submit(TUESDAY, proposal)
    office.keep(proposals.withdraw(office.book, LAN, proposal.proposal_id, "Nhầm", TUESDAY, calendar()))
    assert not office.item("finding").holds
    reply = reply_filed(office.pilot_id, at("2026-07-23 12:00"), proposal.proposal_id)
    office.hear(reply)
    office.hear(reply_filed(office.pilot_id, at("2026-07-23 13:00"), proposal.proposal_id))
    assert office.now_of(proposal).reply_id == reply.reply_id, "the first one counts"


def test_whether_a_reply_was_in_time_is_told_by_its_own_time() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "adjust", office.item("finding"), caps=(CROWD,))
    request = uuid4()
    pilot = office.pilot_id
    assert not replies.in_time(office.book, reply_filed(pilot, TUESDAY, proposal.proposal_id)), "it was not asked yet"
    office.submit(TUESDAY, proposal)
    office.keep(cases.ask_supplement(office.book, LAN, request, "x", TUESDAY, calendar()))
    for answers, last in ((proposal.proposal_id, "2026-07-29 00:00"), (request, "2026-08-21 00:00")):
        assert not replies.in_time(office.book, reply_filed(pilot, at(last), answers))
        assert replies.in_time(office.book, reply_filed(pilot, at(last) - HOUR, answers))
    assert not replies.in_time(office.book, reply_filed(pilot, TUESDAY, uuid4()))
    assert not replies.in_time(replace(office.book, case=None), reply_filed(pilot, TUESDAY, request))


def test_a_reply_window_that_ends_after_the_proposal_went_another_way_does_nothing() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "adjust", office.item("finding"), caps=(CROWD,))
    office.submit(TUESDAY, proposal)
    (deadline,) = [x for x in office.deadlines() if x.kind == "reply"]
    office.keep(proposals.withdraw(office.book, LAN, proposal.proposal_id, "x", TUESDAY, calendar()))
    assert office.fire(deadline) == ()


def test_what_was_changed_since_is_put_to_the_enterprise_again() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "adjust", office.item("finding"), caps=(CROWD,))
    office.submit(TUESDAY, proposal)
    office.hear(reply_filed(office.pilot_id, at("2026-07-22 12:00"), proposal.proposal_id))
    office.submit(at("2026-07-23 10:00"), proposal)
    office.keep(
        proposals.send_back(
            office.book, MINH, proposal.proposal_id, "Giảm giới hạn", at("2026-07-23 11:00"), calendar()
        )
    )
    assert office.now_of(proposal).closed_reason == "Giảm giới hạn"
    lower = CROWD.model_copy(update={"limit": 1230})
    office.edit(at("2026-07-23 12:00"), proposal, replace(proposal.content, caps=(lower,)))
    assert names(office.submit(at("2026-07-23 13:00"), proposal)) == ["ReplyRequested"]


# What is no longer asked


def test_a_proposal_that_is_withdrawn_while_its_reply_is_awaited_withdraws_the_request() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "suspend", office.item("finding"))
    office.submit(TUESDAY, proposal)
    now = at("2026-07-22 10:00")
    told = office.keep(proposals.withdraw(office.book, LAN, proposal.proposal_id, "Nội bộ.", now, calendar()))
    (gone,) = told
    assert isinstance(gone, d.RequestWithdrawn)
    assert (gone.request_id, gone.reason, gone.at) == (proposal.proposal_id, "proposal_withdrawn", now)
    assert "Nội bộ" not in gone.model_dump_json(), "why an officer took it back is of the file alone"


def test_a_finding_that_clears_withdraws_what_was_asked_about_it() -> None:
    office, opened, _ = breached()
    proposal = office.draft(TUESDAY, "suspend", office.item("finding"))
    office.submit(TUESDAY, proposal)
    told = office.hear(finding_cleared(opened, at("2026-07-22 10:00")))
    assert [gone.request_id for gone in of_kind(told, d.RequestWithdrawn)] == [proposal.proposal_id]


def test_what_was_answered_or_never_asked_is_not_withdrawn() -> None:
    office, opened, _ = breached()
    asked = office.draft(TUESDAY, "suspend", office.item("finding"))
    office.draft(TUESDAY, "terminate", office.item("finding"))
    office.submit(TUESDAY, asked)
    office.hear(reply_filed(office.pilot_id, at("2026-07-21 12:00"), asked.proposal_id))
    told = office.hear(finding_cleared(opened, at("2026-07-22 10:00")))
    assert of_kind(told, d.RequestWithdrawn) == []


def test_a_case_that_closes_asks_for_no_supplement_any_more() -> None:
    office = running()
    opened = finding_opened(office.pilot_id, at("2026-07-20 10:00"))
    office.hear(opened)
    request_id = uuid4()
    office.keep(cases.ask_supplement(office.book, LAN, request_id, "Gửi sơ đồ.", TUESDAY, calendar()))
    now = at("2026-07-22 10:00")
    told = office.hear(finding_cleared(opened, now))
    assert names(told) == ["ItemResolved", "RequestWithdrawn", "CaseClosed"]
    (gone,) = of_kind(told, d.RequestWithdrawn)
    assert (gone.request_id, gone.reason, gone.at) == (request_id, "case_closed", now)
    assert office.book.case is not None and queue.awaiting(office.book.case, ()) == ()


@pytest.mark.parametrize("answered", [True, False])
def test_a_supplement_that_came_or_whose_time_is_over_is_not_withdrawn(answered: bool) -> None:
    office = running()
    opened = finding_opened(office.pilot_id, at("2026-07-20 10:00"))
    office.hear(opened)
    request_id = uuid4()
    office.keep(cases.ask_supplement(office.book, LAN, request_id, "Gửi sơ đồ.", TUESDAY, calendar()))
    if answered:
        office.hear(reply_filed(office.pilot_id, at("2026-07-22 10:00"), request_id))
    else:
        office.fire_until(at("2026-12-01 00:00"))
    told = office.hear(finding_cleared(opened, at("2026-12-01 10:00")))
    assert names(told) == ["ItemResolved", "CaseClosed"]
