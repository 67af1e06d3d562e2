"""Proposals from draft to decision."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.decisions.core import evidence, proposals, table
from services.decisions.core.chain import Chain
from services.decisions.core.evidence import Fact
from services.decisions.core.life import Content
from services.decisions.core.model import Book
from services.decisions.handlers import showing
from services.decisions.handlers.desk import Desk, actor_of, pilot_of_case, pilot_of_proposal
from services.decisions.store import cases, decisions
from shared.contracts.events.decisions import VerdictOnFinding
from shared.contracts.http import decisions as http
from shared.platform.access import Grant
from shared.platform.db import Tx
from shared.platform.ids import uuid7

Facts = dict[UUID, Fact]


async def draft(
    desk: Desk, tx: Tx, grant: Grant, case_id: UUID, sent: http.ProposalWrite, now: datetime
) -> http.ProposalView:
    actor, proposal_id = actor_of(grant), uuid7()
    pilot_id = await pilot_of_case(tx, grant, case_id)
    content = await _content(tx, pilot_id, sent)
    before, at = await desk.open(tx, pilot_id, now, case_id=case_id, names=(*sent.items, *content.about))
    content = replace(content, caps=table.whole_caps(before.pilot.envelope, sent.caps))
    after, events = proposals.draft(before, actor, proposal_id, content, at, desk.calendar)
    await desk.books.save(tx, before, after, events)
    return showing.proposal(after.proposals[proposal_id], after.pilot.rules)


async def edit(
    desk: Desk, tx: Tx, grant: Grant, proposal_id: UUID, sent: http.ProposalWrite, now: datetime
) -> http.ProposalView:
    actor = actor_of(grant)
    pilot_id = await pilot_of_proposal(tx, grant, proposal_id)
    content = await _content(tx, pilot_id, sent)
    before, at = await desk.open(tx, pilot_id, now, names=(*sent.items, *content.about, proposal_id))
    content = replace(content, caps=table.whole_caps(before.pilot.envelope, sent.caps))
    after, events = proposals.edit(before, actor, proposal_id, content, at, desk.calendar)
    await desk.books.save(tx, before, after, events)
    return showing.proposal(after.proposals[proposal_id], after.pilot.rules)


async def submit(
    desk: Desk, tx: Tx, grant: Grant, proposal_id: UUID, sent: http.SubmitRequest, now: datetime
) -> http.ProposalView:
    actor = actor_of(grant)
    return await _issuing(
        desk,
        tx,
        grant,
        proposal_id,
        sent.together,
        now,
        lambda book, facts, chain, at: proposals.submit(
            book, actor, proposal_id, sent.together, facts, chain, at, desk.calendar
        ),
    )


async def sign(desk: Desk, tx: Tx, grant: Grant, proposal_id: UUID, now: datetime) -> http.ProposalView:
    actor = actor_of(grant)
    return await _issuing(
        desk,
        tx,
        grant,
        proposal_id,
        (),
        now,
        lambda book, facts, chain, at: proposals.sign(book, actor, proposal_id, facts, chain, at, desk.calendar),
    )


async def send_back(
    desk: Desk, tx: Tx, grant: Grant, proposal_id: UUID, sent: http.ReturnRequest, now: datetime
) -> http.ProposalView:
    actor = actor_of(grant)
    pilot_id = await pilot_of_proposal(tx, grant, proposal_id)
    after = await desk.act(
        tx,
        pilot_id,
        now,
        lambda book, at: proposals.send_back(book, actor, proposal_id, sent.reason, at, desk.calendar),
        names=(proposal_id,),
    )
    return showing.proposal(after.proposals[proposal_id], after.pilot.rules)


async def withdraw(
    desk: Desk, tx: Tx, grant: Grant, proposal_id: UUID, sent: http.WithdrawRequest, now: datetime
) -> http.ProposalView:
    actor = actor_of(grant)
    pilot_id = await pilot_of_proposal(tx, grant, proposal_id)
    after = await desk.act(
        tx,
        pilot_id,
        now,
        lambda book, at: proposals.withdraw(book, actor, proposal_id, sent.reason, at, desk.calendar),
        names=(proposal_id,),
    )
    return showing.proposal(after.proposals[proposal_id], after.pilot.rules)


async def show(desk: Desk, tx: Tx, grant: Grant, proposal_id: UUID) -> http.ProposalView:
    pilot_id = await pilot_of_proposal(tx, grant, proposal_id)
    rules = await desk.books.rules_of(tx, pilot_id)
    assert rules is not None, "a proposal has a pilot"
    return showing.proposal(await cases.proposal(tx, pilot_id, proposal_id), rules)


async def _issuing(
    desk: Desk,
    tx: Tx,
    grant: Grant,
    proposal_id: UUID,
    together: Collection[UUID],
    now: datetime,
    act: Callable[[Book, Facts, Chain, datetime], proposals.Issue],
) -> http.ProposalView:
    """What may issue: the pilot's lock first, then the authority's chain, so that decisions of one authority follow one another."""
    actor = actor_of(grant)
    pilot_id = await pilot_of_proposal(tx, grant, proposal_id)
    before, at = await desk.open(tx, pilot_id, now, names=(proposal_id, *together))
    bound = {ref.event_id for one in before.proposals.values() for ref in one.content.evidence}
    facts = await cases.facts(tx, pilot_id, bound)
    chain = await decisions.lock_chain(tx, actor.authority)
    after, events, chain_after = act(before, facts, chain, at)
    await desk.books.save(tx, before, after, events)
    if chain_after != chain:
        await decisions.save_chain(tx, chain_after)
    return showing.proposal(after.proposals[proposal_id], after.pilot.rules)


async def _content(tx: Tx, pilot_id: UUID, sent: http.ProposalWrite) -> Content:
    """What is proposed, but for its caps: they follow from the envelope, which is known once the pilot is locked."""
    facts = await cases.facts(tx, pilot_id, sent.evidence)
    bound = evidence.bind(sent.evidence, facts, pilot_id)
    return Content(
        kind=sent.kind,
        items=sent.items,
        reasons=sent.reasons,
        public_reasons=sent.public_reasons,
        legal_bases=sent.legal_bases,
        evidence=tuple(fact.ref for fact in bound),
        about=evidence.subjects(bound),
        verdicts=tuple(VerdictOnFinding(finding_id=v.finding_id, verdict=v.verdict) for v in sent.verdicts),
        remedy_text=sent.remedy_text,
        gate=sent.gate,
        measure_id=sent.measure_id,
        lifts=sent.lifts,
    )
