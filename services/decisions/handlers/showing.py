"""What is shown of cases, proposals and decisions: from rows and core values to the models of the contract."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.decisions.core import evidence, queue, replies, signing, table
from services.decisions.core.evidence import Fact
from services.decisions.core.life import Proposal
from services.decisions.core.model import Book, Item, Pilot, RemedyState
from services.decisions.handlers.desk import Desk
from services.decisions.handlers.words import told
from services.decisions.store import cases, decisions
from shared.contracts.errors import NotFound
from shared.contracts.events.applications import ReplyFiled
from shared.contracts.events.decisions import DecisionIssued
from shared.contracts.http import decisions as http
from shared.contracts.rules import FrozenRules
from shared.platform.access import Grant
from shared.platform.db import Tx

_REMEDIES: dict[str, str] = {RemedyState.DONE: "done", RemedyState.NOT_DONE: "not_done"}


async def case(desk: Desk, tx: Tx, grant: Grant, pilot_id: UUID, case_id: UUID, now: datetime) -> http.CaseView:
    """A case with everything that an officer decides upon. The caller has been let in."""
    book = await desk.books.load(tx, pilot_id, lock=False, case_id=case_id)
    if book is None or book.case is None:
        raise NotFound("case")
    found = book.case
    items = await cases.items_in(tx, pilot_id, case_id)
    proposals = await cases.proposals_in(tx, pilot_id, case_id)
    facts = await cases.listed_facts(tx, pilot_id)
    supplement = found.supplement
    open_case = found.closed_at is None
    return http.CaseView(
        case_id=case_id,
        code=found.code,
        state=found.state.value,
        opened_at=found.opened_at,
        closed_at=found.closed_at,
        claims=dict(found.claims),
        awaiting=queue.awaiting(found, proposals) if open_case else (),
        snoozed_until=found.snoozed_until,
        snooze_reason=found.snooze_reason,
        supplement=None
        if supplement is None
        else http.Supplement(
            request_id=supplement.request_id,
            text=supplement.text,
            asked_at=supplement.asked_at,
            due=supplement.due,
            answered_at=supplement.answered_at,
        ),
        pilot=brief(book.pilot),
        items=tuple(item(one, found.claims, now) for one in items),
        measures=tuple(
            http.MeasureView(
                measure_id=m.measure_id,
                finding_id=m.finding_id,
                state=m.state.value,
                taken_at=m.taken_at,
                due=m.due,
                ended_at=m.ended_at,
                decision_id=m.decision_id,
            )
            for m in await cases.measures_of(tx, pilot_id)
        ),
        proposals=tuple(proposal(one, book.pilot.rules) for one in proposals),
        decisions=tuple(issued(row) for row in await decisions.in_case(tx, pilot_id, case_id)),
        replies=_replies(book, proposals, facts),
        facts=tuple(fact(one, data) for one, data in facts),
        timeline=tuple(_entry(one, data) for one, data in facts if one.bindable),
        record=await _record(tx, book.pilot),
        options=_options(book, grant) if open_case else (),
        legal_bases=table.citable(book.pilot.rules, now) if open_case else (),
    )


def item(one: Item, claims: Mapping[str, str], now: datetime) -> http.ItemView:
    due = one.running_due
    return http.ItemView(
        item_id=one.item_id,
        kind=one.kind,
        subject=one.subject,
        subject_id=one.subject_id,
        severity=one.severity,
        clock=one.clock,
        due=None if one.holds else one.due,
        paused=bool(one.holds),
        overdue=one.overdue or (due is not None and due <= now),
        late=one.late,
        holder="startup" if one.holds else "officer",
        authority=one.authority,
        assignee=claims.get(one.authority) if one.open else None,
        state=one.state.value,
        opened_at=one.opened_at,
        resolved_at=one.resolved_at,
        resolution=one.resolution,
        decision_id=one.decision_id,
        reply_id=one.reply_id,
    )


def proposal(one: Proposal, rules: FrozenRules) -> http.ProposalView:
    content = one.content
    signer = signing.signer_of(rules, content.kind)
    return http.ProposalView(
        proposal_id=one.proposal_id,
        case_id=one.case_id,
        pilot_id=one.pilot_id,
        kind=content.kind,
        state=one.state.value,
        authority=one.authority,
        proposer=one.proposer,
        drafted_at=one.drafted_at,
        submitted_at=one.submitted_at,
        items=content.items,
        reasons=content.reasons,
        public_reasons=content.public_reasons,
        legal_bases=content.legal_bases,
        evidence=content.evidence,
        evidence_hash=evidence.evidence_hash(content.evidence),
        verdicts=content.verdicts,
        caps=content.caps,
        remedy_text=content.remedy_text,
        gate=content.gate,
        measure_id=content.measure_id,
        lifts=content.lifts,
        reply_by=one.asked.reply_by if one.asked is not None else None,
        reply_over=one.reply_over,
        reply_id=one.reply_id,
        together=one.together,
        needs_second=signer is not None,
        signer=signer.value if signer is not None else None,
        closed_reason=one.closed_reason,
        decision_id=one.decision_id,
    )


async def decision(tx: Tx, pilot_id: UUID, decision_id: UUID) -> http.DecisionView:
    row = await decisions.one(tx, pilot_id, decision_id)
    if row is None:
        raise NotFound("decision")
    return issued(row)


def issued(row: Mapping[str, Any]) -> http.DecisionView:
    """A decision from its row, with what the pilot answered."""
    remedy = row["remedy_state"]
    return http.DecisionView.model_validate(
        {
            "decision": DecisionIssued.model_validate_json(row["data"]),
            "event_id": row["event_id"],
            "sha256": row["sha256"],
            "effect": row["effect"],
            "effect_at": row["effect_at"],
            "why": row["why"],
            "remedy_state": None if remedy is None else _REMEDIES.get(remedy, "ordered"),
        }
    )


def fact(one: Fact, data: bytes | None) -> http.FactView:
    return http.FactView(
        event_id=one.event_id,
        type=one.kind,
        at=one.at,
        sha256=one.sha256,
        about=one.about,
        bindable=one.bindable,
        data=None if data is None else json.loads(data),
    )


def brief(pilot: Pilot) -> http.PilotBrief:
    return http.PilotBrief(
        pilot_id=pilot.pilot_id,
        code=pilot.code,
        title=pilot.title,
        organisation=pilot.organisation,
        sector=pilot.sector,
        tier=pilot.tier,
        provinces=pilot.provinces,
        lead_authority=pilot.lead_authority,
        authorities=pilot.authorities,
        state=pilot.state,
        causes=pilot.causes,
        envelope_version=pilot.envelope.version,
        start_at=pilot.start_at,
        end_at=pilot.end_at,
        outcome=pilot.outcome,
        risk=pilot.risk,
        risk_band=pilot.risk_band,
    )


def _entry(one: Fact, data: bytes | None) -> http.TimelineEntry:
    vi, en = told(one.kind, {} if data is None else json.loads(data))
    return http.TimelineEntry(at=one.at, event_id=one.event_id, what=one.kind, vi=vi, en=en)


def _replies(book: Book, proposals: list[Proposal], facts: list[tuple[Fact, bytes | None]]) -> tuple[http.Reply, ...]:
    """The enterprise's answers to what was asked in this case."""
    asked = {one.proposal_id: one for one in proposals}
    known = Book(pilot=book.pilot, case=book.case, proposals=asked)
    requests = (
        {book.case.supplement.request_id} if book.case is not None and book.case.supplement is not None else set()
    )
    filed = (
        ReplyFiled.model_validate_json(data)
        for one, data in facts
        if data is not None and one.kind == ReplyFiled.__name__ and one.about in asked.keys() | requests
    )
    return tuple(
        http.Reply(
            reply_id=reply.reply_id,
            answers=reply.answers,
            at=reply.at,
            in_time=replies.in_time(known, reply),
            text=reply.text,
        )
        for reply in filed
    )


async def _record(tx: Tx, pilot: Pilot) -> http.EnterpriseRecord:
    found = await cases.record_of(tx, pilot.organisation.tax_code)
    return http.EnterpriseRecord.model_validate({"organisation": pilot.organisation, **found})


def _options(book: Book, grant: Grant) -> tuple[http.DecisionOption, ...]:
    rules = book.pilot.rules
    found = []
    for row, items in table.options(book, grant.authority):
        signer = signing.signer_of(rules, row.code)
        found.append(
            http.DecisionOption(
                kind=row.code,
                name_vi=row.name_vi,
                name_en=row.name_en,
                items=tuple(one.item_id for one in items),
                evidence=row.evidence,
                reply_working_days=row.reply_working_days,
                needs_second=signer is not None,
                signer=signer.value if signer is not None else None,
            )
        )
    return tuple(found)
