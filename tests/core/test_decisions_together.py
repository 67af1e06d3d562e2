"""What is issued together, and what withdraws a proposal before it is issued."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from services.decisions.core import proposals
from services.decisions.core.life import ProposalState
from shared.contracts.events import decisions as d
from shared.contracts.events.decisions import VerdictOnFinding
from shared.contracts.pilot import Severity
from tests.decisions_kit import (
    CROWD,
    HOA,
    LAN,
    MINH,
    TUESDAY,
    at,
    breached,
    calendar,
    finding_cleared,
    finding_escalated,
    finding_opened,
    names,
    of_kind,
    refused,
)

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


@pytest.mark.parametrize("grows", [True, False])
def test_a_finding_that_changes_withdraws_what_rests_on_it_though_it_is_about_another(grows: bool) -> None:
    office, opened, taken = breached()
    other = finding_opened(office.pilot_id, TUESDAY, subject="y", severity=Severity.MAJOR)
    office.hear(other)
    item = office.item("finding", "cap_exceeded/crowd_peak/concurrent")
    end = office.draft(TUESDAY, "terminate", item)
    alone = office.draft(TUESDAY, "terminate", item, evidence=office.telling(opened, taken))
    asked = office.submit(TUESDAY, end)
    assert names(asked) == ["ReplyRequested"]
    now = at("2026-07-21 12:00")
    office.hear(finding_escalated(other, now, Severity.CRITICAL) if grows else finding_cleared(other, now))
    assert office.now_of(end).closed_reason == "evidence_changed"
    assert office.now_of(alone).live


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
