"""A change while it is worked out: one pilot's book and the events so far. It lives within one call; what comes out is a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID, uuid5

from services.decisions.core import clocks
from services.decisions.core.life import MOVES, Proposal, ProposalState
from services.decisions.core.model import (
    Book,
    Case,
    CaseState,
    Finding,
    Issued,
    Item,
    ItemState,
    Measure,
    OrderedRemedy,
    Resolution,
)
from shared.contracts.base import Due, Event
from shared.contracts.events.decisions import (
    CaseClosed,
    CaseOpened,
    ItemKind,
    ItemOpened,
    ItemRef,
    ItemResolved,
    RequestWithdrawn,
)
from shared.contracts.pilot import Severity
from shared.contracts.rules import FrozenRules, Pause
from shared.reference.calendar import Calendar

NoLongerAsked = Literal["proposal_withdrawn", "case_closed"]
Step = tuple[Book, tuple[Event, ...]]
"""What every public function of this core returns: the book after, and what happened."""


class Change:
    """Gathers what one fact or act does. ``now`` is its instant: of the fact, of the officer's act, or the due instant that fired."""

    def __init__(self, book: Book, now: datetime, calendar: Calendar) -> None:
        self.book = book
        self.now = now
        self.calendar = calendar
        self._events: list[Event] = []

    @property
    def rules(self) -> FrozenRules:
        return self.book.pilot.rules

    def tell(self, *events: Event) -> None:
        self._events.extend(events)

    def done(self) -> Step:
        """Close the case if nothing is open in it, and give what came out."""
        case = self.book.case
        if case is not None and case.state is not CaseState.CLOSED and not self.book.open_items:
            at = max(self.now, case.opened_at)
            if case.supplement is not None and not case.supplement.over:
                self.case(supplement=replace(case.supplement, over=True))
                self._ask_no_more(case.supplement.request_id, case.case_id, at, "case_closed")
            self.case(state=CaseState.CLOSED, closed_at=at, snoozed_until=None, snooze_reason=None)
            self.tell(CaseClosed(at=at, pilot_id=case.pilot_id, case_id=case.case_id))
        told_at = max((event.at for event in self._events), default=self.book.pilot.told_at)
        if told_at > self.book.pilot.told_at:
            self.pilot(told_at=told_at)
        return self.book, tuple(self._events)

    # The pilot and its case

    def pilot(self, **changes: Any) -> None:
        self.book = replace(self.book, pilot=replace(self.book.pilot, **changes))

    def case(self, **changes: Any) -> None:
        assert self.book.case is not None
        self.book = replace(self.book, case=replace(self.book.case, **changes))

    def ensure_case(self) -> Case:
        """The open case; opens one when there is none."""
        case = self.book.case
        if case is not None and case.state is not CaseState.CLOSED:
            return case
        pilot = self.book.pilot
        n = pilot.cases + 1
        case = Case(
            case_id=uuid5(pilot.pilot_id, f"case/{n}"),
            pilot_id=pilot.pilot_id,
            code=f"{pilot.code}-C{n}",
            state=CaseState.OPEN,
            opened_at=self.now,
        )
        self.pilot(cases=n)
        self.book = replace(self.book, case=case)
        self.tell(
            CaseOpened(
                at=self.now,
                pilot_id=pilot.pilot_id,
                case_id=case.case_id,
                code=case.code,
                lead_authority=pilot.lead_authority,
                authorities=pilot.authorities,
            )
        )
        return case

    # Items

    def put(self, item: Item) -> None:
        """Every change of an item goes through here: a snooze hides no clock, so one that runs out first ends the snooze."""
        self.book = replace(self.book, items={**self.book.items, item.item_id: item})
        case = self.book.case
        snoozed_until = None if case is None else case.snoozed_until
        if snoozed_until is not None and item.running_due is not None and item.running_due < snoozed_until:
            self.case(snoozed_until=None, snooze_reason=None)

    def open_item(
        self,
        kind: ItemKind,
        subject: str,
        *,
        subject_id: UUID | None = None,
        severity: Severity | None = None,
        clock: str | None = None,
        clock_from: datetime | None = None,
        due: Due | None = None,
        authority: str | None = None,
        late: bool = False,
        reply_id: UUID | None = None,
    ) -> Item:
        """Open an item, and the case where there is none. A clock without a ``due`` runs from now by the pilot's rules.

        A new item wakes a snoozed case, and waits with the others while a supplement is awaited. ``reply_id``: the unheard reply that
        brought it back.
        """
        case = self.ensure_case()
        if clock is not None and due is None:
            clock_from = clock_from or self.now
            due = clocks.due_by_clock(self.rules, clock, clock_from, self.calendar)
        item = Item(
            item_id=uuid5(case.case_id, f"item/{case.items + 1}"),
            case_id=case.case_id,
            pilot_id=case.pilot_id,
            kind=kind,
            subject=subject,
            subject_id=subject_id,
            severity=severity,
            clock=clock,
            clock_from=clock_from,
            due=due,
            authority=authority or self.book.pilot.lead_authority,
            opened_at=self.now,
            late=late,
            reply_id=reply_id,
        )
        self.case(items=case.items + 1, snoozed_until=None, snooze_reason=None)
        supplement = case.supplement
        if supplement is not None and not supplement.over and clocks.pauses_for(item, self.rules, Pause.SUPPLEMENT):
            item = clocks.hold(item, supplement.request_id, self.now)
        self.put(item)
        self.tell(
            ItemOpened(
                at=self.now,
                pilot_id=item.pilot_id,
                case_id=item.case_id,
                item_id=item.item_id,
                kind=kind,
                subject=subject,
                subject_id=subject_id,
                severity=severity,
                clock=clock,
                due=due,
                authority=item.authority,
                reply_id=reply_id,
            )
        )
        return item

    def standing(self, ref: Item | ItemRef) -> Item | None:
        """The open item about the very thing that ``ref`` was about: brought back already, by another way."""
        return self.book.open_item(ref.kind, subject=ref.subject, subject_id=ref.subject_id)

    def escalate(self, item: Item, severity: Severity) -> None:
        """An open item rises: the clock of its severity runs anew from now, and a snoozed case wakes."""
        clock = clocks.case_clock(severity)
        due = clocks.due_by_clock(self.rules, clock, self.now, self.calendar)
        risen = replace(item, severity=severity, clock=clock, clock_from=self.now, due=due, pauses=(), overdue=False)
        self.put(risen)
        self.case(snoozed_until=None, snooze_reason=None)

    def resolve(self, item: Item, resolution: Resolution, *, decision_id: UUID | None = None) -> None:
        """Resolve an open item. Live proposals that name it have lost their object and are withdrawn.

        A fact that comes late may tell of a time before the item was opened: it is resolved when it opened, not before.
        """
        at = max(self.now, item.opened_at)
        self.put(
            replace(
                item,
                state=ItemState.RESOLVED,
                holds=(),
                resolved_at=at,
                resolution=resolution,
                decision_id=decision_id,
            )
        )
        self.tell(
            ItemResolved(
                at=at,
                pilot_id=item.pilot_id,
                case_id=item.case_id,
                item_id=item.item_id,
                kind=item.kind,
                reason=resolution,
                decision_id=decision_id,
            )
        )
        self.withdraw_naming((item.item_id,), "item_resolved")

    def hold(self, items: Iterable[UUID], ref: UUID, why: Pause) -> None:
        """Stop the clocks of those of ``items`` that stand still while ``why`` lasts."""
        for item_id in items:
            item = self.book.items[item_id]
            if item.open and clocks.pauses_for(item, self.rules, why):
                self.put(clocks.hold(item, ref, self.now))

    def release(self, ref: UUID, answered: datetime, why: Pause) -> None:
        """Let the clocks run again that ``ref`` had stopped, from ``answered`` on."""
        for item in self.book.open_items:
            if any(h.ref == ref for h in item.holds):
                self.put(clocks.release(item, ref, answered, self.rules, self.calendar, why=why))

    # Proposals

    def propose(self, proposal: Proposal) -> None:
        self.book = replace(self.book, proposals={**self.book.proposals, proposal.proposal_id: proposal})

    def move(self, proposal: Proposal, to: ProposalState, **changes: Any) -> Proposal:
        """Move a proposal along :data:`MOVES`."""
        assert to in MOVES[proposal.state], f"{proposal.state} -> {to}"
        moved = replace(proposal, state=to, **changes)
        self.propose(moved)
        return moved

    def withdraw(self, proposal: Proposal, reason: str) -> None:
        """Withdraw a live proposal; the clocks that waited for its reply run again, and the enterprise need not reply any more.

        What was to be issued together with it is no longer what was put before the second signer: it goes back to the proposer.
        """
        self.move(proposal, ProposalState.WITHDRAWN, closed_reason=reason)
        if proposal.awaits_reply:
            self._ask_no_more(proposal.proposal_id, proposal.case_id, self.now, "proposal_withdrawn")
        self.release(proposal.proposal_id, self.now, Pause.REPLY)
        for other in tuple(self.book.proposals.values()):
            if other.live and proposal.proposal_id in other.together:
                left = replace(other, together=tuple(p for p in other.together if p != proposal.proposal_id))
                self.propose(left)
                if other.state is ProposalState.AWAITING_SECOND:
                    self.move(left, ProposalState.RETURNED, closed_reason="together_changed")

    def _ask_no_more(self, request_id: UUID, case_id: UUID, at: datetime, reason: NoLongerAsked) -> None:
        pilot_id = self.book.pilot.pilot_id
        self.tell(RequestWithdrawn(at=at, pilot_id=pilot_id, case_id=case_id, request_id=request_id, reason=reason))

    def withdraw_naming(self, items: Iterable[UUID], reason: str, *, resting_on: UUID | None = None) -> None:
        """Withdraw the live proposals that name one of ``items``, or whose evidence tells of ``resting_on``."""
        named = set(items)
        for proposal_id in tuple(self.book.proposals):
            proposal = self.book.proposals[proposal_id]
            if proposal.live and (named & set(proposal.content.items) or resting_on in proposal.content.about):
                self.withdraw(proposal, reason)

    # The rest

    def measure(self, measure: Measure) -> None:
        self.book = replace(self.book, measures={**self.book.measures, measure.measure_id: measure})

    def finding(self, finding: Finding) -> None:
        self.book = replace(self.book, findings={**self.book.findings, finding.finding_id: finding})

    def remedy(self, remedy: OrderedRemedy) -> None:
        self.book = replace(self.book, remedies={**self.book.remedies, remedy.decision_id: remedy})

    def decision(self, decision: Issued) -> None:
        self.book = replace(self.book, decisions={**self.book.decisions, decision.decision_id: decision})
