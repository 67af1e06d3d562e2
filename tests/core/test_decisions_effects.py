"""What the pilot answered to a decision, and what that does to its items."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

from services.decisions.core import proposals
from services.decisions.core.change import Change
from services.decisions.core.life import MOVES, ProposalState
from services.decisions.core.model import Item
from services.decisions.core.reopening import reopen
from shared.contracts.events import decisions as d
from shared.contracts.pilot import PilotState, Severity
from tests.decisions_kit import (
    MINH,
    TUESDAY,
    Office,
    applied,
    at,
    breached,
    calendar,
    due,
    finding_escalated,
    names,
    not_applied,
    of_kind,
    refused,
    registered,
)

# What the pilot answered


def test_a_decision_that_was_applied_says_so() -> None:
    office, _, _ = breached()
    proposal = office.decide(TUESDAY, "suspend", office.item("finding"))
    decision_id = office.now_of(proposal).decision_id
    assert decision_id is not None
    office.hear(applied(office.pilot_id, at("2026-07-29 10:00"), decision_id, "suspend", PilotState.SUSPENDED))
    assert office.book.decisions[decision_id].effect == "applied"
    assert office.book.pilot.state is PilotState.SUSPENDED
    office.decide(at("2026-07-30 10:00"), "lift_suspension", office.item("suspension"))
    assert of_kind(office.told, d.DecisionIssued)[-1].lifts == decision_id


def test_a_decision_without_effect_brings_its_items_back_and_takes_what_it_had_opened_away() -> None:
    office, opened, _ = breached()
    proposal = office.decide(TUESDAY, "suspend", office.item("finding"))
    decision_id = office.now_of(proposal).decision_id
    assert decision_id is not None
    told = office.hear(not_applied(office.pilot_id, at("2026-07-29 10:00"), decision_id, "suspend"))
    assert office.book.decisions[decision_id].effect == "without_effect"
    assert office.item("finding").subject_id == opened.finding_id
    assert office.item("finding").clock_from == at("2026-07-29 10:00")
    assert office.book.open_item(d.ItemKind.SUSPENSION) is None
    assert office.book.findings[opened.finding_id].judged_by is None
    assert names(told) == ["ItemResolved", "ItemOpened"] or "ItemOpened" in names(told)


def test_what_stands_open_again_already_does_not_come_back_twice() -> None:
    office, opened, _ = breached(severity=Severity.MAJOR)
    proposal = office.decide(TUESDAY, "suspend", office.item("finding"))
    office.hear(finding_escalated(opened, at("2026-07-30 10:00"), Severity.CRITICAL))
    decision_id = office.now_of(proposal).decision_id
    assert decision_id is not None
    told = office.hear(not_applied(office.pilot_id, at("2026-07-30 12:00"), decision_id, "suspend"))
    assert names(told) == ["ItemResolved"], "the suspension that never was; the finding stands already"
    assert office.item("finding").severity is Severity.CRITICAL


def test_without_effect_on_an_ended_pilot_reopens_nothing() -> None:
    office, _, _ = breached()
    proposal = office.decide(TUESDAY, "suspend", office.item("finding"))
    decision_id = office.now_of(proposal).decision_id
    assert decision_id is not None
    office.hear(not_applied(office.pilot_id, TUESDAY, decision_id, "suspend", PilotState.ENDED))
    assert office.book.open_item(d.ItemKind.FINDING) is None


def test_a_standstill_that_is_over_and_a_measure_that_is_gone_do_not_come_back() -> None:
    office = Office.of(registered())
    proposal = office.decide(at("2026-07-08 10:00"), "object", office.item("standstill"), second=MINH)
    decision_id = office.now_of(proposal).decision_id
    assert decision_id is not None
    office.hear(not_applied(office.pilot_id, at("2026-07-09 10:00"), decision_id, "object"))
    assert office.item("standstill").due == due("2026-07-14 00:00"), "the due instant is the one that was carried"
    proposal = office.decide(at("2026-07-09 11:00"), "object", office.item("standstill"), second=MINH)
    decision_id = office.now_of(proposal).decision_id
    assert decision_id is not None
    office.hear(not_applied(office.pilot_id, at("2026-07-15 10:00"), decision_id, "object"))
    assert office.book.open_items == ()

    office, _, _ = breached()
    proposal = office.decide(TUESDAY, "lift_measure", office.item("measure"))
    decision_id = office.now_of(proposal).decision_id
    assert decision_id is not None
    office.hear(not_applied(office.pilot_id, at("2026-07-22 10:00"), decision_id, "lift_measure"))
    assert office.book.open_item(d.ItemKind.MEASURE) is None


def test_an_unheard_reply_brings_back_no_standstill_that_is_over_and_no_measure_that_is_gone() -> None:
    """Nobody could decide about them any more: their items would stay open for ever. While they last, they come back with its name."""
    reply = uuid4()

    def brought_back(office: Office, item: Item, now: str) -> list[UUID | None]:
        change = Change(replace(office.book, items={}), at(now), calendar())
        reopen(change, item, reply)
        return [one.reply_id for one in of_kind(change.done()[1], d.ItemOpened)]

    office = Office.of(registered())
    item = office.item("standstill")
    assert brought_back(office, item, "2026-07-13 23:59") == [reply]
    assert brought_back(office, item, "2026-07-14 00:00") == []

    office, _, _ = breached()
    item = office.item("measure")
    assert brought_back(office, item, "2026-07-21 12:00") == [reply]
    office.decide(TUESDAY, "lift_measure", item)
    assert brought_back(office, item, "2026-07-21 12:00") == []


def test_a_confirmed_measure_stays_in_sight_once_even_when_its_decision_was_without_effect() -> None:
    office, _, taken = breached()
    proposal = office.decide(TUESDAY, "confirm_measure", office.item("measure"))
    decision_id = office.now_of(proposal).decision_id
    assert decision_id is not None
    office.hear(not_applied(office.pilot_id, at("2026-07-21 12:00"), decision_id, "confirm_measure"))
    assert [i.subject for i in office.book.open_items if i.kind == "measure"] == ["confirmed"]
    assert office.book.measures[taken.measure_id].in_force


def test_nothing_leaves_the_end_of_a_proposals_life() -> None:
    assert {state for state, to in MOVES.items() if not to} == {ProposalState.ISSUED, ProposalState.WITHDRAWN}
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "confirm_measure", office.item("measure"))
    with refused("proposal_not_awaiting_second"):
        office.keep(proposals.send_back(office.book, MINH, proposal.proposal_id, "x", TUESDAY, calendar()))
