"""Clocks of items: when they fall due, how a pause moves that, and which deadlines of a book the sweep must fire."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.decisions.core.life import Proposal
from services.decisions.core.model import Book, Case, Hold, Item, MeasureState, OrderedRemedy, RemedyState
from shared.contracts.base import Due
from shared.contracts.pilot import Severity
from shared.contracts.rules import ClockUnit, FrozenRules, Pause, SupplementClock
from shared.reference.calendar import Calendar, PauseSpan, last_day, local_day

SUPPLEMENT = "supplement"
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)

OVERDUE_CLOCKS = frozenset({"case_critical", "case_major", "case_minor", "permit", "remedy_verify", "completion"})
"""Clocks whose end changes nothing but that the item is overdue, shown and counted."""


class DeadlineKind(StrEnum):
    """What the sweep fires. The subject is an item's, proposal's, measure's … id, or a report's number."""

    STANDSTILL = "standstill"
    OVERDUE = "overdue"
    MEASURE_CONFIRM = "measure_confirm"
    PERIODIC_REPORT = "periodic_report"
    FINAL_REPORT = "final_report"
    REMEDY = "remedy"
    REPLY = "reply"
    SUPPLEMENT = "supplement_answer"
    SNOOZE = "snooze"


@dataclass(frozen=True)
class Deadline:
    kind: DeadlineKind
    subject: str
    due: datetime


def case_clock(severity: Severity) -> str:
    """The clock of an item by its severity. Raises ``ValueError`` for info, which opens no item."""
    if severity is Severity.INFO:
        raise ValueError("info opens no case")
    return f"case_{severity}"


def due_by_clock(
    rules: FrozenRules, clock: str, start: datetime, calendar: Calendar, *, decision: str | None = None
) -> Due:
    """When ``clock`` runs out that starts at ``start``, by the rows that bind the pilot.

    Raises ``ValueError`` for a clock without a length of its own.
    """
    n = rules.amount(clock, decision)
    match rules.clocks[clock].unit:
        case ClockUnit.WORKING_DAY:
            return calendar.due_working_days(start, n)
        case ClockUnit.CALENDAR_DAY:
            return calendar.due_calendar_days(start, n)
        case ClockUnit.HOUR:
            return calendar.due_hours(start, n)
        case unit:
            raise ValueError(f"the clock {clock!r} runs in {unit}, which no item of a case does")


def pauses_for(item: Item, rules: FrozenRules, why: Pause) -> bool:
    """Whether the item's clock stands still while ``why`` lasts."""
    row = rules.clocks.get(item.clock or "")
    return row is not None and item.due is not None and why in row.pauses


def hold(item: Item, ref: UUID, asked: datetime) -> Item:
    """The item with its clock stopped from ``asked`` on, on account of ``ref``."""
    return replace(item, holds=(*item.holds, Hold(ref, asked)))


def release(item: Item, ref: UUID, answered: datetime, rules: FrozenRules, calendar: Calendar, *, why: Pause) -> Item:
    """The item without the hold of ``ref``; when it was the last one, the clock runs again and its due instant has moved.

    What lets it run may be a late fact that tells of a time before the question was asked: a pause is never shorter than nothing.
    """
    left = tuple(h for h in item.holds if h.ref != ref)
    if left == item.holds:
        return item
    asked = min(h.asked for h in item.holds)
    if left:
        # The clock has stood still since the first of them: what is left of the waiting began then.
        return replace(item, holds=(replace(left[0], asked=asked), *left[1:]))
    span = PauseSpan(asked=asked, answered=max(asked, answered))
    restart = why is Pause.SUPPLEMENT and rules.policy.supplement_clock is SupplementClock.RESTART
    due = _restarted(item, span, calendar) if restart else _moved(item, span, calendar)
    still_overdue = item.overdue and due == item.due
    return replace(item, holds=(), pauses=(*item.pauses, span), due=due, overdue=still_overdue)


def _moved(item: Item, span: PauseSpan, calendar: Calendar) -> Due:
    """The due instant when the days of ``span`` do not count.

    The working days that were left at ``span.asked`` are counted again from ``span.answered``: the same day as counting the whole limit
    from its start without the days of all pauses, and it needs no length, which a due instant carried by an event does not tell.
    """
    due, started = _carried(item)
    counted = max(local_day(span.asked) - _DAY, local_day(started), *(local_day(p.answered) for p in item.pauses))
    left = calendar.working_days_between(counted, last_day(due.instant))
    if not left:
        return due
    moved = calendar.due_working_days(span.answered, left)
    # The days counted before the pause are not looked at again: what was provisional of them stays so.
    return moved.model_copy(update={"provisional": moved.provisional or due.provisional})


def _restarted(item: Item, span: PauseSpan, calendar: Calendar) -> Due:
    due, started = _carried(item)
    return calendar.due_working_days(
        span.answered, calendar.working_days_between(local_day(started), last_day(due.instant))
    )


def _carried(item: Item) -> tuple[Due, datetime]:
    assert item.due is not None and item.clock_from is not None, "only an item with a clock is held"
    return item.due, item.clock_from


def end_of_window(due: Due) -> datetime:
    """The last instant in time before an exclusive due instant: a pause that ends with it covers the last day and not the next."""
    return due.instant - _INSTANT


def soon(now: datetime, calendar: Calendar) -> datetime:
    """What is due at or before this instant is due within one working day."""
    return calendar.due_working_days(now, 1).instant


def deadlines(book: Book) -> frozenset[Deadline]:
    """Every deadline that stands in this book. The store arms what a change added and disarms what it took away."""
    found: set[Deadline] = set()
    found.update(*(_of_item(item) for item in book.open_items))
    found.update(*(_of_proposal(proposal) for proposal in book.proposals.values()))
    found.update(*(_of_remedy(remedy) for remedy in book.remedies.values()))
    for measure in book.measures.values():
        if measure.state is MeasureState.TAKEN:
            found.add(Deadline(DeadlineKind.MEASURE_CONFIRM, str(measure.measure_id), measure.due.instant))
    if book.case is not None:
        found.update(_of_case(book.case))
    for report in book.pilot.reports:
        if report.filed_at is None and not report.missed:
            found.add(Deadline(DeadlineKind.PERIODIC_REPORT, str(report.number), report.due))
    final = book.pilot.final
    if final is not None and final.filed_at is None and not final.missed:
        found.add(Deadline(DeadlineKind.FINAL_REPORT, "final", final.due))
    return frozenset(found)


def _of_item(item: Item) -> set[Deadline]:
    due = item.running_due
    if due is None:
        return set()
    if item.clock == DeadlineKind.STANDSTILL:
        return {Deadline(DeadlineKind.STANDSTILL, str(item.item_id), due)}
    if item.clock in OVERDUE_CLOCKS and not item.overdue:
        return {Deadline(DeadlineKind.OVERDUE, str(item.item_id), due)}
    return set()


def _of_proposal(proposal: Proposal) -> set[Deadline]:
    if not proposal.awaits_reply or proposal.asked is None:
        return set()
    return {Deadline(DeadlineKind.REPLY, str(proposal.proposal_id), proposal.asked.reply_by.instant)}


def _of_remedy(remedy: OrderedRemedy) -> set[Deadline]:
    if remedy.state is not RemedyState.ORDERED:
        return set()
    return {Deadline(DeadlineKind.REMEDY, str(remedy.decision_id), remedy.due.instant)}


def _of_case(case: Case) -> set[Deadline]:
    found: set[Deadline] = set()
    if case.closed_at is not None:
        return found
    if case.supplement is not None and not case.supplement.over:
        found.add(Deadline(DeadlineKind.SUPPLEMENT, str(case.supplement.request_id), case.supplement.due.instant))
    if case.snoozed_until is not None:
        found.add(Deadline(DeadlineKind.SNOOZE, str(case.case_id), case.snoozed_until))
    return found
