"""A decision comes into force: sealed into the authority's chain, its measures moved, its items resolved, what follows opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid5

from services.decisions.core import measures, table
from services.decisions.core.chain import GENESIS, Chain, next_number, seal
from services.decisions.core.change import Change
from services.decisions.core.clocks import due_by_clock
from services.decisions.core.evidence import evidence_hash
from services.decisions.core.life import Content, Proposal, ProposalState
from services.decisions.core.model import (
    OBJECTION,
    STANDSTILL,
    SUSPENSION,
    Book,
    Issued,
    Item,
    OrderedRemedy,
    RemedyState,
)
from services.decisions.core.reopening import reopen
from shared.contracts.base import Due, Event
from shared.contracts.events.applications import DecisionApplied, DecisionNotApplied
from shared.contracts.events.decisions import DecisionIssued, ItemKind, LegalBasisRef, MadeUpon, Remedy
from shared.contracts.pilot import PilotState, Severity
from shared.contracts.rules import FrozenRules
from shared.reference.calendar import Calendar, last_day, local_day


def decision_id_of(proposal_id: UUID) -> UUID:
    """A proposal is issued once, so its decision's id follows from its own."""
    return uuid5(proposal_id, "decision")


def issue(
    change: Change, bundle: Sequence[Proposal], second: str | None, chain: Chain
) -> tuple[Book, tuple[Event, ...], Chain]:
    """Issue every proposal of the bundle in its order. The caller has checked each of them in this same state."""
    for proposal in bundle:
        chain = _issue(change, proposal, second, chain)
    book, events = change.done()
    return book, events, chain


def _issue(change: Change, proposal: Proposal, second: str | None, chain: Chain) -> Chain:
    content = proposal.content
    decision_id = decision_id_of(proposal.proposal_id)
    items = tuple(change.book.items[i] for i in content.items)
    signer = second if change.rules.needs_second_signer(content.kind) else None
    remedy = _remedy(change, content)
    chain, number = next_number(chain, change.now)
    chain, decision = seal(chain, _decision(change, proposal, decision_id, number, items, signer, remedy))
    change.move(proposal, ProposalState.ISSUED, submitted_at=change.now, decision_id=decision_id, closed_reason=None)
    change.decision(
        Issued(
            decision_id=decision_id,
            pilot_id=proposal.pilot_id,
            case_id=proposal.case_id,
            proposal_id=proposal.proposal_id,
            kind=content.kind,
            authority=proposal.authority,
            items=decision.items,
            issued_at=change.now,
            chain_position=chain.length,
        )
    )
    if content.kind == "confirm_measure":
        measures.confirm(change, _measure_id(content), decision_id)
    if content.kind == "lift_measure":
        measures.lift(change, change.book.measures[_measure_id(content)], "decision", decision_id)
    change.tell(decision)
    _judge(change, content, decision_id)
    for item in items:
        change.resolve(change.book.items[item.item_id], "decided", decision_id=decision_id)
        _settle_remedy(change, item, content.kind)
    _follow_up(change, proposal, decision, items)
    return chain


def _decision(
    change: Change,
    proposal: Proposal,
    decision_id: UUID,
    number: str,
    items: Sequence[Item],
    signer: str | None,
    remedy: Remedy | None,
) -> DecisionIssued:
    content = proposal.content
    pilot, rules, now = change.book.pilot, change.rules, change.now
    appeal_days = rules.decision_types[content.kind].appeal_days
    return DecisionIssued(
        at=now,
        pilot_id=pilot.pilot_id,
        case_id=proposal.case_id,
        decision_id=decision_id,
        number=number,
        kind=content.kind,
        authority=proposal.authority,
        items=tuple(item.ref for item in items),
        reasons=content.reasons,
        public_reasons=content.public_reasons,
        legal_bases=_legal_bases(rules, content),
        evidence=content.evidence,
        evidence_hash=evidence_hash(content.evidence),
        findings=content.verdicts,
        caps=content.caps,
        gate=content.gate,
        measure_id=content.measure_id,
        lifts=content.lifts,
        remedy=remedy,
        reply_by=proposal.asked.reply_by if proposal.asked is not None else None,
        reply_id=proposal.reply_id,
        appeal_by=change.calendar.due_calendar_days(now, appeal_days) if appeal_days else None,
        rule_set=rules.rule_set,
        proposer=proposal.proposer,
        second_signer=signer,
        made_upon=MadeUpon(state=pilot.state, causes=pilot.causes, envelope_version=pilot.envelope.version),
        previous_hash=GENESIS,
        hash=GENESIS,
    )


def _legal_bases(rules: FrozenRules, content: Content) -> tuple[LegalBasisRef, ...]:
    found = (rules.legal_bases[code] for code in content.legal_bases)
    return tuple(
        LegalBasisRef(code=b.code, number=b.number, status=b.status, effective_from=b.effective_from) for b in found
    )


def _remedy(change: Change, content: Content) -> Remedy | None:
    clock = table.REMEDY_CLOCKS.get(content.kind)
    if clock is None or content.remedy_text is None:
        return None
    return Remedy(text=content.remedy_text, due=due_by_clock(change.rules, clock, change.now, change.calendar))


def _measure_id(content: Content) -> UUID:
    assert content.measure_id is not None, "filled() took it from the item"
    return content.measure_id


def _judge(change: Change, content: Content, decision_id: UUID) -> None:
    for verdict in content.verdicts:
        finding = change.book.findings[verdict.finding_id]
        change.finding(replace(finding, judged_by=decision_id, verdict=verdict.verdict))


def _settle_remedy(change: Change, item: Item, kind: str) -> None:
    """A decision about the check of a remedy says what is held of it: nobody needs to verify it any more."""
    remedy = change.book.remedies.get(item.subject_id) if item.kind is ItemKind.CHECK and item.subject_id else None
    if remedy is not None and remedy.open:
        change.remedy(replace(remedy, state=RemedyState.DONE if kind == "continue" else RemedyState.NOT_DONE))


def _follow_up(change: Change, proposal: Proposal, decision: DecisionIssued, items: Sequence[Item]) -> None:
    """What a decision leaves to be looked at: a confirmed measure, a suspension, an objection, a remedy."""
    content = proposal.content
    match content.kind:
        case "confirm_measure":
            measures.keep_in_sight(change, _measure_id(content), proposal.authority)
        case "suspend":
            change.open_item(
                ItemKind.SUSPENSION, SUSPENSION, subject_id=decision.decision_id, authority=proposal.authority
            )
        case "object":
            change.open_item(
                ItemKind.PERMIT,
                OBJECTION,
                subject_id=decision.decision_id,
                clock="permit",
                clock_from=change.now,
                due=_objection_due(change, items[0]),
                authority=proposal.authority,
            )
        case _:
            pass
    if decision.remedy is not None:
        change.remedy(
            OrderedRemedy(
                decision_id=decision.decision_id,
                pilot_id=proposal.pilot_id,
                case_id=proposal.case_id,
                authority=proposal.authority,
                clock=table.REMEDY_CLOCKS[content.kind],
                due=decision.remedy.due,
                items=decision.items,
                severity=_severity(change, items),
            )
        )


def _severity(change: Change, items: Sequence[Item]) -> Severity:
    """The gravest of what a remedy was ordered for; a check carries that of the remedy before it."""
    return max((i.severity for i in items if i.severity is not None), key=lambda s: s.rank, default=Severity.MINOR)


def _objection_due(change: Change, item: Item) -> Due:
    """An objection is decided within the row's standstill days; where the wait was a gate's, within the gate's."""
    days = change.rules.policy.standstill_working_days
    if item.subject != STANDSTILL and not days and item.due is not None and item.clock_from is not None:
        days = change.calendar.working_days_between(local_day(item.clock_from), last_day(item.due.instant))
    return change.calendar.due_working_days(change.now, days)


# What the pilot answered


def applied(book: Book, event: DecisionApplied) -> Book:
    """The decision took its effect."""
    issued = book.decisions[event.decision_id]
    done = replace(issued, effect="applied", effect_at=event.at)
    return replace(book, decisions={**book.decisions, event.decision_id: done})


def not_applied(book: Book, event: DecisionNotApplied, calendar: Calendar) -> tuple[Book, tuple[Event, ...]]:
    """The pilot had moved on. Unless it has ended, what the decision was about stands before an officer again, as new items."""
    change = Change(book, event.at, calendar)
    issued = book.decisions[event.decision_id]
    change.decision(replace(issued, effect="without_effect", effect_at=event.at, why=event.why))
    for item in change.book.open_items:
        if item.subject_id == event.decision_id and item.kind in (ItemKind.SUSPENSION, ItemKind.PERMIT):
            change.resolve(item, "ended")
    if PilotState.ENDED in (event.state_found, book.pilot.state):
        return change.done()
    for finding in tuple(book.findings.values()):
        if finding.judged_by == event.decision_id:
            change.finding(replace(finding, judged_by=None, verdict=None))
    for ref in issued.items:
        reopen(change, book.items[ref.item_id])
    return change.done()
