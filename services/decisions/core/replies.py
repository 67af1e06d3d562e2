"""The enterprise answers, or does not: to a proposal before it is issued, to a supplement request. An answer counts by its own time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.decisions.core.change import Change, Step
from services.decisions.core.clocks import end_of_window
from services.decisions.core.life import Proposal, ProposalState
from services.decisions.core.model import Book, SupplementAsked
from services.decisions.core.reopening import reopen
from shared.contracts.events.applications import ReplyFiled
from shared.contracts.rules import Pause
from shared.reference.calendar import Calendar


def filed(book: Book, event: ReplyFiled, calendar: Calendar) -> Step:
    """A reply. One that came too late stays a fact of the file and stops nothing; of those in time, the first one counts."""
    change = Change(book, event.at, calendar)
    proposal = _proposal(book, event)
    if proposal is not None and proposal.reply_id is None:
        _to_proposal(change, proposal, event)
    supplement = _supplement(book, event)
    if supplement is not None and supplement.answered_at is None:
        change.case(supplement=replace(supplement, answered_at=event.at, over=True))
        change.release(supplement.request_id, event.at, Pause.SUPPLEMENT)
    return change.done()


def in_time(book: Book, event: ReplyFiled) -> bool:
    """Whether a reply was made in its window, however late it arrived."""
    return _proposal(book, event) is not None or _supplement(book, event) is not None


def _proposal(book: Book, event: ReplyFiled) -> Proposal | None:
    """The proposal in whose window the reply was made: not too late, nor to what the proposal said before it was changed and put to the
    enterprise again."""
    proposal = book.proposals.get(event.answers)
    if proposal is None or proposal.asked is None:
        return None
    return proposal if proposal.asked.at <= event.at < proposal.asked.reply_by.instant else None


def _supplement(book: Book, event: ReplyFiled) -> SupplementAsked | None:
    """The request for a supplement in whose window the answer was made."""
    supplement = book.case.supplement if book.case is not None else None
    if supplement is None or supplement.request_id != event.answers:
        return None
    return supplement if event.at < supplement.due.instant else None


def _to_proposal(change: Change, proposal: Proposal, event: ReplyFiled) -> None:
    heard = replace(proposal, reply_id=event.reply_id, reply_over=True)
    match proposal.state:
        case ProposalState.AWAITING_REPLY:
            change.propose(heard)
            change.release(proposal.proposal_id, event.at, Pause.REPLY)
        case ProposalState.AWAITING_SECOND:
            # It had gone on as if nobody had replied: the proposer must read the reply first.
            change.propose(heard)
            for one in (heard, *(change.book.proposals[other] for other in heard.together)):
                change.move(one, ProposalState.RETURNED, closed_reason="reply_in_time_arrived")
        case ProposalState.ISSUED:
            change.propose(heard)
            _reopen_unheard(change, heard)
        case _:
            change.propose(heard)


def _reopen_unheard(change: Change, proposal: Proposal) -> None:
    """The decision stands, and so does its effect; that a reply in time was not heard is a matter for an officer, with a clock of its own.

    What it was about comes back as one item that names the reply, the very item where it stands open again already. Only the first reply
    does so: the proposal has it from now on.
    """
    if change.book.pilot.ended:
        return
    for item_id in proposal.content.items:
        reopen(change, change.book.items[item_id], proposal.reply_id)


def reply_due(book: Book, proposal_id: UUID, now: datetime, calendar: Calendar) -> Step:
    """The reply window is over: the proposal may be submitted on without a reply, and the clocks run again."""
    change = Change(book, now, calendar)
    proposal = book.proposals.get(proposal_id)
    if proposal is not None and proposal.state is ProposalState.AWAITING_REPLY and proposal.asked is not None:
        change.propose(replace(proposal, reply_over=True))
        change.release(proposal_id, end_of_window(proposal.asked.reply_by), Pause.REPLY)
    return change.done()


def supplement_due(book: Book, request_id: UUID, now: datetime, calendar: Calendar) -> Step:
    """The supplement did not come: the clocks run again."""
    change = Change(book, now, calendar)
    supplement = book.case.supplement if book.case is not None else None
    if supplement is not None and supplement.request_id == request_id and not supplement.over:
        change.case(supplement=replace(supplement, over=True))
        change.release(request_id, end_of_window(supplement.due), Pause.SUPPLEMENT)
    return change.done()
