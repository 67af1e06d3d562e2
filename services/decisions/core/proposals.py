"""The life of a proposal: drafted, put to the enterprise where a reply window is due, put to a second signer, issued, returned, withdrawn."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.decisions.core import evidence, issuing, signing, table
from services.decisions.core.chain import Chain, canonical
from services.decisions.core.change import Change, Step
from services.decisions.core.clocks import due_by_clock
from services.decisions.core.evidence import Fact
from services.decisions.core.life import EDITABLE, Asked, Content, Proposal, ProposalState
from services.decisions.core.model import Actor, Book, Case, CaseState
from shared.contracts.base import Event
from shared.contracts.errors import Refused
from shared.contracts.events.decisions import ReplyRequested
from shared.contracts.rules import Pause
from shared.reference.calendar import Calendar

Facts = Mapping[UUID, Fact]
Issue = tuple[Book, tuple[Event, ...], Chain]


def draft(book: Book, actor: Actor, proposal_id: UUID, content: Content, now: datetime, calendar: Calendar) -> Step:
    """A new draft. What it lacks may come later; what it says must already fit the items and the rules."""
    case = _open_case(book)
    signing.check_part(book.pilot, actor)
    signing.check_claim(case, actor)
    content = table.filled(book, content)
    table.check(book, case, content, actor.authority, now, complete=False)
    change = Change(book, now, calendar)
    change.propose(
        Proposal(
            proposal_id=proposal_id,
            case_id=case.case_id,
            pilot_id=book.pilot.pilot_id,
            authority=actor.authority,
            proposer=actor.sub,
            drafted_at=now,
            content=content,
        )
    )
    return change.done()


def edit(book: Book, actor: Actor, proposal_id: UUID, content: Content, now: datetime, calendar: Calendar) -> Step:
    """The proposer writes a draft, or a proposal that came back, anew."""
    proposal = _mine(book, actor, proposal_id)
    if proposal.state not in EDITABLE:
        raise Refused("proposal_not_editable", state=proposal.state)
    content = table.filled(book, content)
    table.check(book, _open_case(book), content, actor.authority, now, complete=False)
    change = Change(book, now, calendar)
    change.propose(replace(proposal, content=content))
    return change.done()


def submit(
    book: Book,
    actor: Actor,
    proposal_id: UUID,
    together: Sequence[UUID],
    facts: Facts,
    chain: Chain,
    now: datetime,
    calendar: Calendar,
) -> Issue:
    """Move a proposal on, with those that are to be issued with it.

    Those that owe the enterprise a reply window are put to it; while one waits, none moves further. Then all go to the second signer
    when one of them needs a second signature, and into force at once when none does.
    """
    bundle = _bundle(book, actor, proposal_id, together)
    change = Change(book, now, calendar)
    for proposal in bundle:
        table.check(book, _open_case(book), proposal.content, proposal.authority, now, complete=True)
        evidence.check_unchanged(proposal.content.evidence, facts)
    bundle = _bound_together(change, bundle)
    unasked = tuple(p for p in bundle if _owes_reply_window(book, p))
    for proposal in unasked:
        _ask(change, proposal)
    if unasked or any(p.awaits_reply for p in bundle):
        return *change.done(), chain
    rules = book.pilot.rules
    if not any(rules.needs_second_signer(p.content.kind) for p in bundle):
        return issuing.issue(change, bundle, None, chain)
    for proposal in bundle:
        change.move(proposal, ProposalState.AWAITING_SECOND, submitted_at=now, closed_reason=None)
    return *change.done(), chain


def sign(
    book: Book, actor: Actor, proposal_id: UUID, facts: Facts, chain: Chain, now: datetime, calendar: Calendar
) -> Issue:
    """The second signature: the proposal, and all that was put forward together with it, comes into force."""
    proposal = _known(book, proposal_id)
    signing.check_second(proposal, book.pilot.rules, actor)
    bundle = (proposal, *(_known(book, other) for other in proposal.together))
    for one in bundle:
        if book.pilot.rules.needs_second_signer(one.content.kind):
            signing.check_second(one, book.pilot.rules, actor)
        table.check(book, _open_case(book), one.content, one.authority, now, complete=True)
        evidence.check_unchanged(one.content.evidence, facts)
    return issuing.issue(Change(book, now, calendar), bundle, actor.sub, chain)


def send_back(book: Book, actor: Actor, proposal_id: UUID, reason: str, now: datetime, calendar: Calendar) -> Step:
    """The second signer does not sign: it goes back to the proposer, with what was put forward together with it."""
    proposal = _known(book, proposal_id)
    signing.check_second(proposal, book.pilot.rules, actor)
    change = Change(book, now, calendar)
    for one in (proposal, *(_known(book, other) for other in proposal.together)):
        change.move(one, ProposalState.RETURNED, closed_reason=reason)
    return change.done()


def withdraw(book: Book, actor: Actor, proposal_id: UUID, reason: str, now: datetime, calendar: Calendar) -> Step:
    """The proposer takes it back."""
    proposal = _mine(book, actor, proposal_id)
    if not proposal.live:
        raise Refused("proposal_closed", state=proposal.state)
    change = Change(book, now, calendar)
    change.withdraw(proposal, reason)
    return change.done()


def put_to_enterprise(content: Content) -> str:
    """A digest of what the enterprise is asked to reply to; reasons for the file alone are no part of it."""
    shown = {
        "kind": content.kind,
        "items": sorted(str(i) for i in content.items),
        "public_reasons": content.public_reasons,
        "caps": [cap.model_dump(mode="json") for cap in content.caps],
        "remedy": content.remedy_text,
    }
    return hashlib.sha256(canonical(shown)).hexdigest()


def _bundle(book: Book, actor: Actor, proposal_id: UUID, together: Sequence[UUID]) -> tuple[Proposal, ...]:
    lead = _mine(book, actor, proposal_id)
    others = tuple(together) or lead.together
    if len({proposal_id, *others}) != len(others) + 1:
        raise Refused("together_twice", "/together", status=422)
    bundle = [lead]
    for n, other in enumerate(others):
        found = book.proposals.get(other)
        if found is None or found.case_id != lead.case_id:
            raise Refused("together_unknown", f"/together/{n}", status=422, proposal_id=other)
        bundle.append(_mine(book, actor, other))
    items: set[UUID] = set()
    for proposal in bundle:
        if proposal.state not in EDITABLE and proposal.state is not ProposalState.AWAITING_REPLY:
            raise Refused("proposal_not_to_submit", state=proposal.state)
        if items & set(proposal.content.items):
            raise Refused("together_same_item", "/together", status=422)
        items |= set(proposal.content.items)
    return tuple(bundle)


def _bound_together(change: Change, bundle: tuple[Proposal, ...]) -> tuple[Proposal, ...]:
    """Each of the bundle names all the others, and nothing outside names any of them."""
    ids = [p.proposal_id for p in bundle]
    for other in change.book.proposals.values():
        if other.live and other.proposal_id not in ids:
            change.propose(replace(other, together=tuple(i for i in other.together if i not in ids)))
    bound = tuple(replace(p, together=tuple(i for i in ids if i != p.proposal_id)) for p in bundle)
    for proposal in bound:
        change.propose(proposal)
    return bound


def _owes_reply_window(book: Book, proposal: Proposal) -> bool:
    if not book.pilot.rules.decision_types[proposal.content.kind].reply_working_days:
        return False
    return proposal.asked is None or proposal.asked.digest != put_to_enterprise(proposal.content)


def _ask(change: Change, proposal: Proposal) -> None:
    """Ask the enterprise to reply; the clocks of the items that the rules name stand still until it does."""
    content = proposal.content
    reply_by = due_by_clock(change.rules, "reply", change.now, change.calendar, decision=content.kind)
    change.move(
        proposal,
        ProposalState.AWAITING_REPLY,
        submitted_at=change.now,
        asked=Asked(digest=put_to_enterprise(content), at=change.now, reply_by=reply_by),
        reply_over=False,
        reply_id=None,
        closed_reason=None,
    )
    change.hold(content.items, proposal.proposal_id, Pause.REPLY)
    change.tell(
        ReplyRequested(
            at=change.now,
            pilot_id=proposal.pilot_id,
            case_id=proposal.case_id,
            proposal_id=proposal.proposal_id,
            kind=content.kind,
            public_reasons=content.public_reasons,
            reply_by=reply_by,
        )
    )


def _open_case(book: Book) -> Case:
    if book.case is None or book.case.state is CaseState.CLOSED:
        raise Refused("case_closed")
    return book.case


def _known(book: Book, proposal_id: UUID) -> Proposal:
    return book.proposals[proposal_id]


def _mine(book: Book, actor: Actor, proposal_id: UUID) -> Proposal:
    proposal = _known(book, proposal_id)
    signing.check_proposer(proposal, actor)
    return proposal
