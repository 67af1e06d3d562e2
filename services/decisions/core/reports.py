"""Periodic and final reports: owed by due instants known from the start, filed, late or missing, reviewed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.decisions.core import signing
from services.decisions.core.change import Change, Step
from services.decisions.core.model import (
    FINAL,
    FINAL_MISSING,
    Actor,
    Book,
    Item,
    OwedReport,
    missing_subject,
    report_subject,
)
from shared.contracts.errors import NotFound, Refused
from shared.contracts.events.applications import FinalReportFiled, PeriodicReportFiled
from shared.contracts.events.decisions import ItemKind, ReportReviewed
from shared.contracts.pilot import PilotState, Severity
from shared.reference.calendar import Calendar

REPORT_CLOCK = "case_minor"


def periodic_filed(book: Book, event: PeriodicReportFiled, calendar: Calendar) -> Step:
    """A report to be read. One that was missed and is here now resolves what stood for it; late is what its own time says."""
    change = Change(book, event.at, calendar)
    owed = next((r for r in book.pilot.reports if r.number == event.number), None)
    late = owed is not None and event.at >= owed.due
    if owed is not None and owed.filed_at is None:
        _owe(change, replace(owed, filed_at=event.at))
    if not book.pilot.ended:
        change.open_item(
            ItemKind.REPORT,
            report_subject(event.number),
            subject_id=event.report_id,
            clock=REPORT_CLOCK,
            late=late,
        )
    _filed(change, ItemKind.REPORT, missing_subject(event.number))
    return change.done()


def final_filed(book: Book, event: FinalReportFiled, calendar: Calendar) -> Step:
    """The final report, to be decided upon once the pilot winds down. A new one takes the place of one not yet decided."""
    change = Change(book, event.at, calendar)
    final = book.pilot.final
    late = final is not None and event.at >= final.due
    change.pilot(
        final=None if final is None else replace(final, filed_at=final.filed_at or event.at),
        final_criteria=event.criteria,
    )
    _filed(change, ItemKind.FINAL_REPORT, FINAL_MISSING)
    _filed(change, ItemKind.FINAL_REPORT, FINAL)
    if not book.pilot.ended:
        winding = book.pilot.state is PilotState.WINDING_DOWN
        change.open_item(
            ItemKind.FINAL_REPORT,
            FINAL,
            subject_id=event.report_id,
            clock="completion" if winding else None,
            late=late,
        )
    return change.done()


def periodic_due(book: Book, number: int, now: datetime, calendar: Calendar) -> Step:
    """The due instant passed without the report: it is missing, also where the pilot's end is later and was heard of first."""
    change = Change(book, now, calendar)
    owed = next((r for r in book.pilot.reports if r.number == number), None)
    if owed is not None and owed.filed_at is None and not owed.missed:
        _owe(change, replace(owed, missed=True))
        change.open_item(ItemKind.REPORT, missing_subject(number), severity=Severity.MINOR, clock=REPORT_CLOCK)
    return change.done()


def final_due(book: Book, now: datetime, calendar: Calendar) -> Step:
    """The due instant of the final report passed without it."""
    change = Change(book, now, calendar)
    final = book.pilot.final
    if final is not None and final.filed_at is None and not final.missed and not book.pilot.ended:
        change.pilot(final=replace(final, missed=True))
        change.open_item(ItemKind.FINAL_REPORT, FINAL_MISSING, severity=Severity.MINOR, clock=REPORT_CLOCK)
    return change.done()


def review(
    book: Book, actor: Actor, item_id: UUID, note: str, confirmed: int, now: datetime, calendar: Calendar
) -> Step:
    """An officer read a report. A periodic one needs nothing more; the final one still waits for its decision."""
    item = _readable(book, actor, item_id)
    change = Change(book, now, calendar)
    assert item.subject_id is not None
    change.tell(
        ReportReviewed(
            at=now,
            pilot_id=item.pilot_id,
            case_id=item.case_id,
            report_id=item.subject_id,
            final=item.kind is ItemKind.FINAL_REPORT,
            officer=actor.sub,
            note=note,
            confirmed_findings=confirmed,
        )
    )
    if item.kind is ItemKind.REPORT:
        change.resolve(item, "reviewed")
    return change.done()


def _readable(book: Book, actor: Actor, item_id: UUID) -> Item:
    item = book.items.get(item_id)
    if item is None:
        raise NotFound("item")
    if item.kind not in (ItemKind.REPORT, ItemKind.FINAL_REPORT):
        raise Refused("item_not_a_report", kind=item.kind)
    if item.subject_id is None:
        raise Refused("report_not_filed", subject=item.subject)
    if not item.open:
        raise Refused("item_resolved", item_id=item_id)
    if item.authority != actor.authority:
        raise Refused("item_of_other_authority", authority=item.authority)
    if book.case is not None:
        signing.check_claim(book.case, actor)
    return item


def _owe(change: Change, owed: OwedReport) -> None:
    reports = tuple(owed if r.number == owed.number else r for r in change.book.pilot.reports)
    change.pilot(reports=reports)


def _filed(change: Change, kind: ItemKind, subject: str) -> None:
    item = change.book.open_item(kind, subject=subject)
    if item is not None:
        change.resolve(item, "filed")
