"""Ordered remedies: when their time is over an officer looks; what was not done comes back graver."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.decisions.core.change import Change, Step
from services.decisions.core.clocks import case_clock
from services.decisions.core.findings import FINDING_KINDS
from services.decisions.core.model import REMEDY, TAKEDOWN, Actor, Book, Item, OrderedRemedy, RemedyState
from shared.contracts.errors import NotFound, Refused
from shared.contracts.events.decisions import ItemKind, ItemRef, RemedyVerified
from shared.contracts.pilot import Severity
from shared.reference.calendar import Calendar


def due(book: Book, decision_id: UUID, now: datetime, calendar: Calendar) -> Step:
    """The remedy's time is over, and nobody has looked yet: a check opens."""
    change = Change(book, now, calendar)
    remedy = book.remedies[decision_id]
    if remedy.state is RemedyState.ORDERED:
        change.remedy(replace(remedy, state=RemedyState.TO_VERIFY))
        change.open_item(
            ItemKind.CHECK,
            REMEDY,
            subject_id=decision_id,
            severity=remedy.severity,
            clock="remedy_verify",
            authority=remedy.authority,
        )
    return change.done()


def verify(
    book: Book, actor: Actor, decision_id: UUID, done: bool, note: str, now: datetime, calendar: Calendar
) -> Step:
    """An officer looked. Done may be said at any time; not done only once its time is over."""
    remedy = book.remedies.get(decision_id)
    if remedy is None:
        raise NotFound("remedy")
    if remedy.authority != actor.authority:
        raise Refused("item_of_other_authority", authority=remedy.authority)
    if not remedy.open:
        raise Refused("remedy_verified", state=remedy.state)
    if not done and now < remedy.due.instant:
        raise Refused("remedy_not_due", due=remedy.due.instant)
    change = Change(book, now, calendar)
    change.remedy(replace(remedy, state=RemedyState.DONE if done else RemedyState.NOT_DONE))
    change.tell(
        RemedyVerified(
            at=now,
            pilot_id=remedy.pilot_id,
            case_id=remedy.case_id,
            decision_id=decision_id,
            done=done,
            officer=actor.sub,
            note=note,
        )
    )
    if not done:
        _come_back(change, remedy)
    check = book.open_item(ItemKind.CHECK, subject=REMEDY, subject_id=decision_id)
    if check is not None:
        change.resolve(check, "verified")
    return change.done()


def _come_back(change: Change, remedy: OrderedRemedy) -> None:
    """One severity higher; of a takedown as critical, and as something that a suspension can be about."""
    severity = Severity.CRITICAL if remedy.clock == TAKEDOWN else remedy.severity.higher()
    for ref in remedy.items:
        finding = change.book.findings.get(ref.subject_id) if ref.subject_id is not None else None
        if finding is not None and ref.kind in FINDING_KINDS:
            change.finding(replace(finding, judged_by=None, verdict=None))
        # What a tip or a referral told is a finding of ours by now: an order about it was not followed.
        of_ours = remedy.clock == TAKEDOWN and ref.kind in FINDING_KINDS
        risen = ref.model_copy(update={"kind": ItemKind.FINDING}) if of_ours else ref
        standing = change.standing(ref) or change.standing(risen)
        if standing is None or standing.kind is not risen.kind:
            _open(change, remedy, risen, severity, standing)
        elif standing.severity is None or severity.rank > standing.severity.rank:
            # What was proposed meanwhile did not know that nothing had been mended.
            change.withdraw_naming((standing.item_id,), "evidence_changed")
            change.escalate(change.book.items[standing.item_id], severity)


def _open(change: Change, remedy: OrderedRemedy, ref: ItemRef, severity: Severity, instead_of: Item | None) -> None:
    if instead_of is not None:
        change.resolve(instead_of, "verified")
    change.open_item(
        ref.kind,
        ref.subject,
        subject_id=ref.subject_id,
        severity=severity,
        clock=case_clock(severity),
        authority=remedy.authority,
        reply_id=None if instead_of is None else instead_of.reply_id,
    )
