"""Proposals: who drafts, who moves them, who signs them."""

from __future__ import annotations

import pytest

from services.decisions.core import cases, proposals, signing, table
from services.decisions.core.life import ProposalState
from services.decisions.core.model import Actor
from shared.contracts.events import decisions as d
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
    gate,
    names,
    of_kind,
    refused,
    registered,
    rules,
)

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
