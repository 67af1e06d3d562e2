"""What the facts of a pilot's life do to its book: registration, start, causes, envelope, winding down, end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.decisions.core import measures, table
from services.decisions.core.change import Change, Step
from services.decisions.core.clocks import due_by_clock
from services.decisions.core.model import (
    FINAL,
    FINAL_MISSING,
    PILOT,
    STANDSTILL,
    Book,
    ItemState,
    OwedFinal,
    OwedReport,
    Pilot,
    missing_subject,
)
from shared.contracts.events.applications import (
    DecisionApplied,
    PilotAmended,
    PilotEnded,
    PilotGate,
    PilotRegistered,
    PilotStarted,
    PilotStateChanged,
    PilotWindingDown,
)
from shared.contracts.events.decisions import ItemKind
from shared.contracts.pilot import PilotState
from shared.reference.calendar import Calendar, anniversaries

ENDED_WITH_THE_PILOT = frozenset({ItemKind.STANDSTILL, ItemKind.PERMIT, ItemKind.SUSPENSION, ItemKind.FINAL_REPORT})
"""Items that have no object once the pilot has ended: what decides them needs a pilot. The others stay until somebody decides or reads."""


def registered(event: PilotRegistered, calendar: Calendar) -> Step:
    """A new pilot: its standstill and every permit that it waits for stand before an officer at once."""
    change = Change(Book(pilot=_pilot(event)), event.at, calendar)
    received = event.received_at
    if event.standstill_due is not None:
        change.open_item(
            ItemKind.STANDSTILL, STANDSTILL, clock="standstill", clock_from=received, due=event.standstill_due
        )
    for gate in event.gates:
        _open_gate(change, gate, received)
    if event.permit_due is not None:
        change.open_item(ItemKind.PERMIT, PILOT, clock="permit", clock_from=received, due=event.permit_due)
    return change.done()


def _open_gate(change: Change, gate: PilotGate, received: datetime) -> None:
    silence = gate.phase == "start" and gate.requires == "notice_silence" and gate.held is None
    if not silence and not gate.needs_permit:
        return
    kind = ItemKind.STANDSTILL if silence else ItemKind.PERMIT
    clock = None if gate.due is None else ("standstill" if silence else "permit")
    change.open_item(kind, gate.subject, clock=clock, clock_from=received, due=gate.due, authority=gate.queue)


def _pilot(event: PilotRegistered) -> Pilot:
    authorities = dict.fromkeys(
        (event.lead_authority, *event.authorities, *(g.queue for g in event.gates if g.phase == "start"))
    )
    return Pilot(
        pilot_id=event.pilot_id,
        code=event.code,
        title=event.title,
        organisation=event.organisation,
        sector=event.sector,
        tier=event.tier,
        provinces=event.provinces,
        objectives=event.objectives,
        hypothesis=event.hypothesis,
        lead_authority=event.lead_authority,
        authorities=tuple(authorities),
        registered_at=event.at,
        received_at=event.received_at,
        told_at=event.at,
        state=PilotState.PENDING,
        causes=(),
        envelope=event.envelope,
        held_permits=tuple(g.held for g in event.gates if g.held is not None),
        rules=event.rules,
        start_at=event.start_at,
    )


def started(book: Book, event: PilotStarted, calendar: Calendar) -> Step:
    """The standstill is over by itself; from now on reports are owed, and their due instants are known."""
    change = Change(book, event.at, calendar)
    rules = book.pilot.rules
    every = rules.policy.report_every_months
    dues = anniversaries(event.at, every, event.end_at) if every else ()
    final_due = calendar.due_days_before(event.end_at, rules.defaults.final_report_min_days_before_end)
    change.pilot(
        state=event.state_after,
        causes=event.causes,
        start_at=event.at,
        end_at=event.end_at,
        reports=tuple(OwedReport(number=n, due=due) for n, due in enumerate(dues, start=1)),
        final=OwedFinal(due=final_due.instant),
    )
    for item in change.book.open_items:
        if item.kind is ItemKind.STANDSTILL:
            change.resolve(item, "standstill_over")
    return change.done()


def standstill_due(book: Book, item_id: UUID, now: datetime, calendar: Calendar) -> Step:
    """Nobody objected in time: silence is consent, and the item has nothing left to decide."""
    change = Change(book, now, calendar)
    item = book.items.get(item_id)
    if item is not None and item.open:
        change.resolve(item, "standstill_over")
    return change.done()


def moved(book: Book, event: PilotStateChanged | PilotAmended | DecisionApplied) -> Book:
    """The pilot's state after the fact, its causes, and its envelope where a new version came into force."""
    pilot = replace(book.pilot, state=event.state_after, causes=event.causes)
    if isinstance(event, PilotAmended):
        pilot = replace(pilot, envelope=event.envelope)
    if isinstance(event, DecisionApplied):
        pilot = replace(pilot, start_at=event.start_at or pilot.start_at, end_at=event.end_at or pilot.end_at)
    return replace(book, pilot=pilot)


def winding_down(book: Book, event: PilotWindingDown, calendar: Calendar) -> Step:
    """What would have fallen due later is no longer owed; the completion of a filed final report gets its clock."""
    change = Change(book, event.at, calendar)
    change.pilot(state=event.state_after, causes=event.causes, winding_since=event.at)
    _owe_no_more(change)
    for item in change.book.open_items:
        if item.kind is ItemKind.FINAL_REPORT and item.subject == FINAL and item.clock is None:
            due = due_by_clock(change.rules, "completion", event.at, calendar)
            change.put(replace(item, clock="completion", clock_from=event.at, due=due))
    return change.done()


def _owe_no_more(change: Change) -> None:
    """From now on no report falls due. One whose time was over before this was heard of is not charged: it is judged on what came before."""
    pilot, final = change.book.pilot, change.book.pilot.final
    gone = [report for report in pilot.reports if not _stays_owed(report, change.now)]
    change.pilot(reports=tuple(report for report in pilot.reports if report not in gone))
    missing = [(ItemKind.REPORT, missing_subject(report.number)) for report in gone]
    if final is not None and not _stays_owed(final, change.now):
        change.pilot(final=None)
        missing.append((ItemKind.FINAL_REPORT, FINAL_MISSING))
    for kind, subject in missing:
        item = change.book.open_item(kind, subject=subject)
        if item is not None:
            change.resolve(item, "not_owed")


def _stays_owed(report: OwedReport | OwedFinal, instant: datetime) -> bool:
    return report.due < instant or report.filed_at is not None


def ended(book: Book, event: PilotEnded, calendar: Calendar) -> Step:
    """The end lifts every measure and closes what has no object any more. Findings stay until they are judged, reports until they are read."""
    change = Change(book, event.at, calendar)
    change.pilot(state=event.state_after, causes=event.causes, outcome=event.outcome, ended_at=event.at)
    _owe_no_more(change)
    for measure in book.measures.values():
        if measure.in_force:
            measures.lift(change, measure, "pilot_ended")
    for item in change.book.open_items:
        if item.kind is ItemKind.MEASURE:
            change.resolve(item, "measure_ended")
        elif item.kind in ENDED_WITH_THE_PILOT:
            change.resolve(item, "ended")
    for proposal in tuple(change.book.proposals.values()):
        if proposal.live and proposal.content.kind not in table.AFTER_THE_END:
            change.withdraw(proposal, "pilot_ended")
    return change.done()


def overdue(book: Book, item_id: UUID, now: datetime, calendar: Calendar) -> Step:
    """A clock ran out that changes nothing else: the item is overdue, shown and counted."""
    change = Change(book, now, calendar)
    item = book.items.get(item_id)
    if item is not None and item.state is ItemState.OPEN and item.running_due is not None:
        change.put(replace(item, overdue=True))
    return change.done()
