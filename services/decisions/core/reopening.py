"""What a decision was about stands before an officer again: the decision was without effect, or a reply in time was not heard in it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from services.decisions.core.change import Change
from services.decisions.core.clocks import case_clock
from services.decisions.core.model import Item
from shared.contracts.events.decisions import ItemKind


def reopen(change: Change, item: Item, unheard: UUID | None = None) -> None:
    """As a new item, unless the same thing stands open already (its finding escalated meanwhile) or is no more: nobody could decide about it.

    ``unheard`` is the reply that is its cause. The item names it, also one that stands open already, and has a clock of its own. Without
    one the decision never was: clocks of the law go on as they ran.
    """
    standing = change.standing(item) or _in_sight(change, item)
    if standing is not None:
        if unheard is not None:
            change.put(replace(standing, reply_id=standing.reply_id or unheard))
            change.case(snoozed_until=None, snooze_reason=None)
        return
    if _is_gone(change, item):
        return
    fresh = item.clock is not None and item.clock.startswith("case_")
    if unheard is not None:
        clock, fresh = None if item.severity is None else case_clock(item.severity), True
    else:
        clock = item.clock
    change.open_item(
        item.kind,
        item.subject,
        subject_id=item.subject_id,
        severity=item.severity,
        clock=clock,
        clock_from=None if fresh else item.clock_from,
        due=None if fresh else item.due,
        authority=item.authority,
        late=item.late and unheard is None,
        reply_id=unheard,
    )


def _in_sight(change: Change, item: Item) -> Item | None:
    """A confirmed measure is in sight as an item of another subject."""
    if item.kind is not ItemKind.MEASURE or item.subject_id not in change.book.measures:
        return None
    return change.book.open_item(ItemKind.MEASURE, subject_id=item.subject_id)


def _is_gone(change: Change, item: Item) -> bool:
    """A standstill that is over, a measure that is not in force."""
    if item.kind is ItemKind.STANDSTILL:
        return item.due is not None and change.now >= item.due.instant
    measure = change.book.measures.get(item.subject_id) if item.kind is ItemKind.MEASURE and item.subject_id else None
    return measure is not None and not measure.in_force
