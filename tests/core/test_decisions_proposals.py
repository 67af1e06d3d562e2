"""Proposals: their life, the reply window, who signs, what a decision needs, and what it leaves behind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from services.decisions.core import cases, proposals, replies, signing, table
from services.decisions.core.model import MOVES, Actor, ProposalState
from shared.contracts.errors import Refused
from shared.contracts.events import decisions as d
from shared.contracts.events import monitoring as m
from shared.contracts.events.decisions import VerdictOnFinding
from shared.contracts.pilot import Cap, PilotState, Severity, Window
from shared.contracts.rules import FrozenRules
from tests.decisions_kit import (
    BASIS,
    CULTURE,
    HOA,
    HOUR,
    LAN,
    MINH,
    MINISTRY,
    START,
    TAM,
    Office,
    applied,
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
    not_applied,
    of_kind,
    registered,
    reply_filed,
    rules,
    running,
    started,
    state_changed,
    winding_down,
)

TUESDAY = at("2026-07-21 10:00")
CROWD = Cap(metric="crowd_peak", window=Window.CONCURRENT, limit=1240, critical=True, reported=True)


def refused(code: str) -> pytest.RaisesExc[Refused]:
    return pytest.RaisesExc(Refused, check=lambda error: error.code == code)


# One signature, two, and whose


def test_one_signature_is_enough_where_the_row_does_not_ask_for_two() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "continue", office.item("finding"))
    told = office.submit(TUESDAY, proposal)
    assert office.now_of(proposal).state is ProposalState.ISSUED
    (issued,) = of_kind(told, d.DecisionIssued)
    assert (issued.proposer, issued.second_signer, issued.number) == ("lan", None, "1/QĐ-HK")


def test_a_second_officer_of_the_same_authority_issues_what_two_must_sign() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "confirm_measure", office.item("measure"))
    assert names(office.submit(TUESDAY, proposal)) == []
    assert office.now_of(proposal).state is ProposalState.AWAITING_SECOND
    (issued,) = of_kind(office.sign(TUESDAY, proposal, MINH), d.DecisionIssued)
    assert (issued.proposer, issued.second_signer, issued.authority) == ("lan", "minh", CULTURE)


def test_every_reading_of_four_eyes_that_does_not_hold_is_refused_with_its_own_code() -> None:
    office, _, _ = breached()
    finding = office.item("finding")
    draft = office.draft(TUESDAY, "confirm_measure", office.item("measure"))
    with refused("proposal_not_awaiting_second"):
        office.sign(TUESDAY, draft, MINH)
    office.submit(TUESDAY, draft)
    with refused("second_signer_drafted"):
        office.sign(TUESDAY, draft, LAN)
    with refused("second_signer_drafted"):
        office.sign(TUESDAY, draft, Actor("lan", CULTURE, supervisor=True))
    with refused("second_signer_of_other_authority"):
        office.sign(TUESDAY, draft, TAM)
    sanction = office.draft(TUESDAY, "refer_sanction", finding)
    office.submit(TUESDAY, sanction)
    with refused("second_signer_not_supervisor"):
        office.sign(TUESDAY, sanction, MINH)
    office.sign(TUESDAY, sanction, HOA)
    with refused("proposal_not_awaiting_second"):
        office.sign(TUESDAY, sanction, HOA)


@pytest.mark.parametrize("kind", sorted(set(rules().decision_types) - table.NOT_OFFERED))
@pytest.mark.parametrize("tier", [1, 2, 3])
def test_who_signs_follows_from_the_rows_that_bind_the_pilot(kind: str, tier: int) -> None:
    frozen = rules("performing_arts", tier)
    row = frozen.decision_types[kind]
    two = row.four_eyes != "row" or kind in frozen.policy.four_eyes
    assert signing.signer_of(frozen, kind) == (row.second_signer if two else None)


def test_only_the_proposer_moves_a_proposal() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "continue", office.item("finding"))
    for act in (
        lambda: office.submit(TUESDAY, proposal, by=MINH),
        lambda: office.edit(TUESDAY, proposal, proposal.content, by=MINH),
        lambda: office.keep(proposals.withdraw(office.book, MINH, proposal.proposal_id, "x", TUESDAY, calendar())),
    ):
        with refused("not_the_proposer"):
            act()
    with refused("proposal_of_other_authority"):
        office.submit(TUESDAY, proposal, by=Actor("lan", MINISTRY))


def test_who_has_no_part_in_the_case_drafts_nothing() -> None:
    office, _, _ = breached()
    with refused("no_part_in_case"):
        office.draft(TUESDAY, "continue", office.item("finding"), by=TAM)


def test_an_item_is_decided_by_the_authority_that_it_lies_with() -> None:
    event = registered(gates=(gate("permit", due_at=due("2026-07-30 00:00")),))
    office = Office.of(event)
    with refused("item_of_other_authority"):
        office.draft(at("2026-07-07 10:00"), "permit", office.item("permit"))
    proposal = office.decide(at("2026-07-07 10:00"), "permit", office.item("permit"), by=TAM)
    (issued,) = of_kind(office.told, d.DecisionIssued)
    assert (issued.gate, issued.authority) == (f"show_live_other/{MINISTRY}", MINISTRY)
    assert issued.decision_id == office.now_of(proposal).decision_id


def test_a_claimed_case_is_its_holders_to_propose_in() -> None:
    office, _, _ = breached()
    office.keep(cases.claim(office.book, MINH, TUESDAY, calendar()))
    with refused("claimed_by_another"):
        office.draft(TUESDAY, "continue", office.item("finding"))
    office.draft(TUESDAY, "continue", office.item("finding"), by=HOA)


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


def test_a_reply_in_time_that_arrives_after_the_decision_reopens_the_item() -> None:
    office, opened, _ = breached()
    proposal = office.decide(TUESDAY, "suspend", office.item("finding"))
    told = office.hear(reply_filed(office.pilot_id, at("2026-07-28 12:00"), proposal.proposal_id))
    (again,) = of_kind(told, d.ItemOpened)
    assert (again.kind, again.subject_id, again.clock) == ("finding", opened.finding_id, "case_critical")


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


# Together


def test_what_is_issued_together_is_issued_in_one_act_each_sealed_after_the_other() -> None:
    office, opened, taken = breached()
    lift = office.draft(TUESDAY, "lift_measure", office.item("measure"))
    proposal = office.draft(TUESDAY, "continue", office.item("finding"))
    told = office.submit(TUESDAY, proposal, together=[lift])
    first, second = of_kind(told, d.DecisionIssued)
    assert (first.kind, second.kind, second.previous_hash) == ("continue", "lift_measure", first.hash)
    assert (first.number, second.number) == ("1/QĐ-HK", "2/QĐ-HK")
    assert names(told) == [
        "DecisionIssued",
        "ItemResolved",
        "MeasureLifted",
        "DecisionIssued",
        "ItemResolved",
        "CaseClosed",
    ]
    assert of_kind(told, d.MeasureLifted)[0].measure_id == taken.measure_id
    assert first.findings == (VerdictOnFinding(finding_id=opened.finding_id, verdict="rejected"),)


def test_one_that_needs_a_second_signature_holds_all_and_one_signature_issues_all() -> None:
    office, _, _ = breached()
    lift = office.draft(TUESDAY, "lift_measure", office.item("measure"))
    proposal = office.draft(TUESDAY, "refer_sanction", office.item("finding"))
    assert names(office.submit(TUESDAY, lift, together=[proposal])) == []
    assert {office.now_of(p).state for p in (lift, proposal)} == {ProposalState.AWAITING_SECOND}
    with refused("second_signer_not_supervisor"):
        office.sign(TUESDAY, lift, MINH)
    told = of_kind(office.sign(TUESDAY, lift, HOA), d.DecisionIssued)
    assert [(i.kind, i.second_signer) for i in told] == [("lift_measure", None), ("refer_sanction", "hoa")]


def test_what_cannot_be_issued_together_is_refused() -> None:
    office, _, _ = breached()
    finding = office.item("finding")
    one = office.draft(TUESDAY, "continue", finding)
    other = office.draft(TUESDAY, "warn", finding)
    with refused("together_same_item"):
        office.submit(TUESDAY, one, together=[other])
    with refused("together_twice"):
        office.submit(TUESDAY, one, together=[one])
    with refused("together_unknown"):
        office.submit(TUESDAY, one, together=[replace(other, proposal_id=uuid4())])
    office.submit(TUESDAY, one)
    assert office.now_of(other).closed_reason == "item_resolved"
    with refused("proposal_not_to_submit"):
        office.submit(TUESDAY, one)


def test_when_one_of_them_falls_away_the_others_go_back_to_the_proposer() -> None:
    office, opened, _ = breached()
    lift = office.draft(TUESDAY, "lift_measure", office.item("measure"))
    sanction = office.draft(TUESDAY, "refer_sanction", office.item("finding"))
    office.submit(TUESDAY, sanction, together=[lift])
    office.keep(proposals.withdraw(office.book, LAN, lift.proposal_id, "x", TUESDAY, calendar()))
    assert (office.now_of(sanction).state, office.now_of(sanction).together) == (ProposalState.RETURNED, ())
    with refused("proposal_closed"):
        office.keep(proposals.withdraw(office.book, LAN, lift.proposal_id, "x", TUESDAY, calendar()))
    assert opened.finding_id in office.book.findings


def test_a_draft_that_waits_with_another_is_freed_when_that_one_is_taken_elsewhere() -> None:
    office, _, _ = breached()
    office.hear(finding_opened(office.pilot_id, TUESDAY, subject="shows/total", severity=Severity.MAJOR))
    adjust = office.draft(
        TUESDAY, "adjust", office.item("finding", "cap_exceeded/crowd_peak/concurrent"), caps=(CROWD,)
    )
    lift = office.draft(TUESDAY, "lift_measure", office.item("measure"))
    other = office.draft(TUESDAY, "continue", office.item("finding", "cap_exceeded/shows/total"))
    office.submit(TUESDAY, adjust, together=[lift])
    assert office.now_of(lift).together == (adjust.proposal_id,)
    office.submit(TUESDAY, other, together=[lift])
    assert office.now_of(adjust).together == ()
    assert office.now_of(lift).state is ProposalState.ISSUED


def test_one_that_falls_away_while_another_waits_for_a_reply_leaves_that_one_waiting() -> None:
    office, _, _ = breached()
    adjust = office.draft(TUESDAY, "adjust", office.item("finding"), caps=(CROWD,))
    lift = office.draft(TUESDAY, "lift_measure", office.item("measure"))
    office.submit(TUESDAY, adjust, together=[lift])
    office.keep(proposals.withdraw(office.book, LAN, lift.proposal_id, "x", TUESDAY, calendar()))
    assert (office.now_of(adjust).state, office.now_of(adjust).together) == (ProposalState.AWAITING_REPLY, ())


def test_the_second_signature_covers_those_that_need_none_of_their_own() -> None:
    office, _, _ = breached()
    lift = office.draft(TUESDAY, "lift_measure", office.item("measure"))
    sanction = office.draft(TUESDAY, "refer_sanction", office.item("finding"))
    office.submit(TUESDAY, sanction, together=[lift])
    told = of_kind(office.sign(TUESDAY, sanction, HOA), d.DecisionIssued)
    assert [(i.kind, i.second_signer) for i in told] == [("refer_sanction", "hoa"), ("lift_measure", None)]


# Evidence


def test_a_decision_without_evidence_where_evidence_is_required_is_refused() -> None:
    office, _, _ = breached()
    for kind in ("warn", "suspend", "terminate", "refer_sanction"):
        proposal = office.draft(TUESDAY, kind, office.item("finding"), evidence=())
        with refused("evidence_required"):
            office.submit(TUESDAY, proposal)
    proposal = office.draft(TUESDAY, "continue", office.item("finding"), evidence=())
    office.submit(TUESDAY, proposal)


def test_new_evidence_about_the_finding_withdraws_what_rested_on_the_old() -> None:
    office, opened, _ = breached()
    about_finding = office.draft(TUESDAY, "warn", office.item("finding"))
    about_measure = office.draft(TUESDAY, "confirm_measure", office.item("measure"))
    office.submit(TUESDAY, about_measure)
    office.hear(finding_escalated(opened, at("2026-07-21 12:00"), Severity.CRITICAL))
    for proposal in (about_finding, about_measure):
        assert office.now_of(proposal).closed_reason == "evidence_changed"
    with refused("proposal_not_awaiting_second"):
        office.sign(TUESDAY, about_measure)


def test_a_finding_that_clears_withdraws_what_was_proposed_about_it() -> None:
    office, opened, _ = breached()
    proposal = office.draft(TUESDAY, "warn", office.item("finding"))
    office.hear(finding_cleared(opened, at("2026-07-21 12:00")))
    assert office.now_of(proposal).state is ProposalState.WITHDRAWN


def test_bytes_that_are_no_longer_what_was_bound_are_refused_at_the_signature() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "confirm_measure", office.item("measure"))
    office.submit(TUESDAY, proposal)
    bound = proposal.content.evidence[0].event_id
    office.facts[bound] = replace(office.facts[bound], sha256="0" * 64)
    with refused("evidence_changed"):
        office.sign(TUESDAY, proposal)
    del office.facts[bound]
    with refused("evidence_changed"):
        office.sign(TUESDAY, proposal)


# What each kind needs: one row a flaw


def _with(frozen: FrozenRules, basis: str, **changes: object) -> FrozenRules:
    bases = {**frozen.legal_bases, basis: frozen.legal_bases[basis].model_copy(update=changes)}
    return frozen.model_copy(update={"legal_bases": bases})


@pytest.mark.parametrize(
    ("kind", "about", "more", "code", "pointer", "status"),
    [
        ("bless", "finding", {}, "kind_unknown", "/kind", 422),
        ("extend", "finding", {}, "kind_not_offered", "/kind", 422),
        ("permit", "finding", {}, "item_not_resolved_by", "/items/0", 422),
        ("complete", "finding", {}, "item_not_resolved_by", "/items/0", 422),
        ("warn", "finding", {"items": (uuid4(),)}, "item_unknown", "/items/0", 422),
        ("warn", "finding", {"legal_bases": ("law-0-0",)}, "legal_basis_unknown", "/legal_bases/0", 422),
        ("warn", "finding", {"verdict": "rejected"}, "verdict_contradicts", "/verdicts", 422),
        ("warn", "finding", {"verdicts": ()}, "verdict_missing", "/verdicts", 422),
        (
            "warn",
            "finding",
            {"verdicts": (VerdictOnFinding(finding_id=uuid4(), verdict="confirmed"),)},
            "verdict_foreign",
            "/verdicts/0/finding_id",
            422,
        ),
        ("warn", "finding", {"caps": (CROWD,)}, "caps_not_expected", "/caps", 422),
        ("warn", "finding", {"remedy_text": "x"}, "remedy_not_expected", "/remedy_text", 422),
        ("adjust", "finding", {}, "caps_required", "/caps", 422),
        ("adjust", "finding", {"caps": (CROWD, CROWD)}, "cap_changed_twice", "/caps/1", 422),
        (
            "adjust",
            "finding",
            {"caps": (CROWD.model_copy(update={"metric": "no_such"}),)},
            "cap_metric_unknown",
            "/caps/0/metric",
            422,
        ),
        (
            "adjust",
            "finding",
            {"caps": (CROWD.model_copy(update={"window": Window.TOTAL}),)},
            "cap_window_unfit",
            "/caps/0/window",
            422,
        ),
        ("order_correction", "finding", {}, "remedy_required", "/remedy_text", 422),
        ("confirm_measure", "measure", {"gate": "x"}, "follows_from_item", "/gate", 422),
        ("confirm_measure", "measure", {"measure_id": uuid4()}, "follows_from_item", "/measure_id", 422),
        ("confirm_measure", "measure", {"lifts": uuid4()}, "follows_from_item", "/lifts", 422),
        ("lift_suspension", "measure", {}, "item_not_resolved_by", "/items/0", 422),
    ],
)
def test_what_a_proposal_lacks_or_says_wrong_is_named_with_its_place(
    kind: str, about: str, more: dict[str, Any], code: str, pointer: str, status: int
) -> None:
    office, _, _ = breached()
    with pytest.raises(Refused) as caught:
        proposal = office.draft(TUESDAY, kind, office.item(about), **more)
        office.submit(TUESDAY, proposal)
    found = {(p.code, p.pointer) for p in caught.value.problems}
    assert (code, pointer) in found
    assert caught.value.status == status


def test_every_flaw_is_said_at_once() -> None:
    office, _, _ = breached()
    with pytest.raises(Refused) as caught:
        office.draft(TUESDAY, "warn", office.item("finding"), caps=(CROWD,), remedy_text="x", legal_bases=("a", "b"))
    assert [p.code for p in caught.value.problems] == [
        "legal_basis_unknown",
        "legal_basis_unknown",
        "caps_not_expected",
        "remedy_not_expected",
    ]


def test_one_thing_at_a_time_where_the_effect_is_on_one_thing() -> None:
    office, opened, _ = breached()
    second = finding_opened(office.pilot_id, TUESDAY, subject="y", severity=Severity.CRITICAL)
    office.hear(second)
    office.hear(measure_taken(second))
    items = [i for i in office.book.open_items if i.kind == "measure"]
    with refused("one_item_only"):
        office.draft(TUESDAY, "lift_measure", *items)
    with refused("verdict_twice"):
        verdict = VerdictOnFinding(finding_id=opened.finding_id, verdict="confirmed")
        item = office.item("finding", "cap_exceeded/crowd_peak/concurrent")
        office.draft(TUESDAY, "warn", item, verdicts=(verdict, verdict))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "superseded"},
        {"effective_from": at("2026-08-01 00:00").date()},
        {"effective_to": at("2026-07-20 00:00").date()},
    ],
)
def test_an_act_that_is_not_in_force_is_no_basis(changes: dict[str, object]) -> None:
    event = registered(frozen=_with(rules(), BASIS, **changes))
    office = Office.of(event)
    office.hear(started(event.pilot_id))
    office.hear(finding_opened(event.pilot_id, at("2026-07-20 10:00")))
    with refused("legal_basis_not_in_force"):
        office.draft(TUESDAY, "continue", office.item("finding"))


def test_an_item_that_was_resolved_meanwhile_is_refused() -> None:
    office, opened, _ = breached()
    finding = office.item("finding")
    office.draft(TUESDAY, "lift_measure", office.item("measure"))
    office.hear(finding_cleared(opened, TUESDAY))
    with refused("item_resolved"):
        office.draft(TUESDAY, "continue", finding)


def test_a_closed_case_takes_no_proposal() -> None:
    office, _, _ = breached()
    finding, measure = office.item("finding"), office.item("measure")
    office.decide(TUESDAY, "continue", finding)
    office.decide(TUESDAY, "lift_measure", measure)
    with refused("case_closed"):
        office.draft(TUESDAY, "continue", finding)


def test_a_proposal_on_its_way_is_not_edited() -> None:
    office, _, _ = breached()
    proposal = office.draft(TUESDAY, "confirm_measure", office.item("measure"))
    office.submit(TUESDAY, proposal)
    with refused("proposal_not_editable"):
        office.edit(TUESDAY, proposal, proposal.content)


# States of the pilot


@pytest.mark.parametrize("kind", sorted(set(rules().decision_types) - table.NOT_OFFERED))
def test_about_an_ended_pilot_only_three_kinds_remain(kind: str) -> None:
    office, _, _ = breached()
    office.hear(ended(office.pilot_id, at("2026-07-20 12:00")))
    row = rules().decision_types[kind]
    if kind in table.AFTER_THE_END:
        office.decide(TUESDAY, kind, office.item("finding"))
        return
    if "finding" in row.resolves:
        with refused("pilot_ended"):
            more: dict[str, Any] = {"caps": (CROWD,)} if kind == "adjust" else {}
            office.draft(TUESDAY, kind, office.item("finding"), **more)
    assert kind not in {found.code for found, _ in table.options(office.book, CULTURE)}


def test_what_was_proposed_before_the_end_and_has_no_object_after_it_is_withdrawn() -> None:
    office, _, _ = breached()
    warn = office.draft(TUESDAY, "warn", office.item("finding"))
    suspend = office.draft(TUESDAY, "suspend", office.item("finding"))
    office.hear(ended(office.pilot_id, at("2026-07-21 12:00")))
    assert office.now_of(warn).state is ProposalState.DRAFT
    assert (office.now_of(suspend).state, office.now_of(suspend).closed_reason) == (
        ProposalState.WITHDRAWN,
        "pilot_ended",
    )


def test_a_pending_pilot_is_not_suspended() -> None:
    office = Office.of(registered())
    office.hear(finding_opened(office.pilot_id, at("2026-07-07 10:00"), rule=m.RuleCode.INCIDENT))
    with refused("pilot_state"):
        office.draft(at("2026-07-07 11:00"), "suspend", office.item("finding"))


def test_an_objection_counts_only_before_the_standstill_ends_even_if_no_sweep_came_by() -> None:
    office = Office.of(registered())
    item = office.item("standstill")
    proposal = office.draft(at("2026-07-13 23:59"), "object", item)
    with refused("standstill_over"):
        office.submit(START, proposal)
    office.submit(at("2026-07-13 23:59"), proposal)
    with refused("standstill_over"):
        office.sign(START, proposal)


def test_an_objection_opens_a_permit_with_the_rows_standstill_days_and_the_permit_ends_it() -> None:
    office = Office.of(registered())
    now = at("2026-07-08 10:00")
    office.decide(now, "object", office.item("standstill"), second=MINH)
    permit = office.item("permit", "objection")
    assert (permit.clock, permit.due) == ("permit", due("2026-07-16 00:00"))
    proposal = office.decide(at("2026-07-10 11:00"), "permit", permit, gate="objection")
    assert of_kind(office.told, d.DecisionIssued)[-1].gate == "objection"
    assert office.now_of(proposal).state is ProposalState.ISSUED


def test_an_objection_to_a_gates_silence_has_the_gates_days_where_the_row_has_none() -> None:
    frozen = rules().model_copy(update={"policy": rules().policy.model_copy(update={"standstill_working_days": 0})})
    silence = gate("notice_silence", due_at=due("2026-07-16 00:00"), queue=CULTURE)
    other = gate("notice_silence", due_at=due("2026-07-17 00:00"), queue=CULTURE).model_copy(
        update={"gate": "other_gate"}
    )
    office = Office.of(registered(frozen=frozen, standstill=False, gates=(silence, other)))
    office.decide(at("2026-07-08 10:00"), "object", office.item("standstill", silence.subject), second=MINH)
    # 7 to 15 July are seven working days; seven working days from 8 July end with the 17th.
    assert office.item("permit", "objection").due == due("2026-07-18 00:00")
    office.decide(at("2026-07-08 11:00"), "object", office.item("standstill", other.subject), second=MINH)
    assert len([i for i in office.book.open_items if i.subject == "objection"]) == 1


def test_a_refusal_names_the_gate_that_it_refuses() -> None:
    office = Office.of(registered(standstill=False, permit=True))
    office.decide(at("2026-07-07 10:00"), "refuse", office.item("permit", "pilot"))
    assert of_kind(office.told, d.DecisionIssued)[-1].gate == "pilot"


def test_completion_is_decided_upon_a_filed_report_of_a_pilot_that_winds_down() -> None:
    office = running()
    office.fire_until(at("2027-06-29 00:00"))
    with pytest.raises(Refused) as caught:
        office.draft(at("2027-06-29 09:00"), "complete", office.item("final_report"))
    assert [p.code for p in caught.value.problems] == ["final_report_missing", "pilot_state"]
    office.hear(winding_down(office.pilot_id, at("2027-07-14 00:00")))
    with refused("final_report_missing"):
        office.draft(at("2027-07-14 09:00"), "complete", office.item("final_report"))
    office.hear(final_filed(office.pilot_id, at("2027-07-15 09:00")))
    assert office.item("final_report").late
    office.decide(at("2027-07-15 10:00"), "complete", office.item("final_report"))
    assert of_kind(office.told, d.DecisionIssued)[-1].kind == "complete"


def test_the_options_of_a_case_are_what_could_be_proposed_now() -> None:
    office, _, _ = breached()
    mine = {row.code: {i.kind.value for i in items} for row, items in table.options(office.book, CULTURE)}
    assert mine["confirm_measure"] == {"measure"} and mine["warn"] == {"finding"}
    assert "permit" not in mine and "extend" not in mine and "complete" not in mine
    assert table.options(office.book, MINISTRY) == []
    assert {row.code for row, _ in table.options(office.book, None)} == set(mine)


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
