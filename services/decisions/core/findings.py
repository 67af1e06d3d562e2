"""What monitoring's facts do: findings become items, clear them, or bring them back; risk is noted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from uuid import UUID

from services.decisions.core.change import Change, Step
from services.decisions.core.clocks import case_clock
from services.decisions.core.model import Book, Finding, Item
from shared.contracts.errors import Poison
from shared.contracts.events.decisions import ItemKind
from shared.contracts.events.monitoring import FindingCleared, FindingEscalated, FindingOpened, RiskAssessed, RuleCode
from shared.contracts.pilot import Severity
from shared.reference.calendar import Calendar

_KINDS = {RuleCode.TIP: ItemKind.TIP, RuleCode.REFERRAL: ItemKind.REFERRAL}
FINDING_KINDS = frozenset({ItemKind.FINDING, ItemKind.TIP, ItemKind.REFERRAL})
"""Items whose ``subject_id`` is a finding: a decision about one holds something of it."""


def item_kind(rule: RuleCode) -> ItemKind:
    return _KINDS.get(rule, ItemKind.FINDING)


def item_of(book: Book, finding_id: object) -> Item | None:
    """The open item about a finding."""
    for item in book.open_items:
        if item.kind in FINDING_KINDS and item.subject_id == finding_id:
            return item
    return None


def told_of(book: Book, subjects: Iterable[UUID]) -> tuple[UUID, ...]:
    """What facts about ``subjects`` tell of: with a measure also the finding that it was taken on, with an incident the finding about it."""
    by_incident = {f.subject: f.finding_id for f in book.findings.values() if f.rule is RuleCode.INCIDENT}
    found: list[UUID] = []
    for subject in subjects:
        found.append(subject)
        measure = book.measures.get(subject)
        finding_id = by_incident.get(str(subject)) if measure is None else measure.finding_id
        if finding_id is not None:
            found.append(finding_id)
    return tuple(dict.fromkeys(found))


def opened(book: Book, event: FindingOpened, calendar: Calendar) -> Step:
    """A finding opens an item with the clock of its severity; info is known and opens none."""
    change = Change(book, event.at, calendar)
    finding = Finding(
        finding_id=event.finding_id,
        pilot_id=event.pilot_id,
        rule=event.rule,
        subject=event.subject,
        severity=event.severity,
        opened_at=event.at,
    )
    change.finding(finding)
    _open(change, finding)
    return change.done()


def escalated(book: Book, event: FindingEscalated, calendar: Calendar) -> Step:
    """An open item rises with its finding, and its clock runs from the escalation; a judged finding stands before an officer again.

    What an officer had proposed rested on the evidence before: it is withdrawn.
    """
    change = Change(book, event.at, calendar)
    before = _known(book, event)
    finding = replace(before, severity=event.severity, judged_by=None, verdict=None)
    change.finding(finding)
    item = item_of(book, event.finding_id)
    _evidence_changed(change, finding)
    if item is None:
        _open(change, finding)
        return change.done()
    change.escalate(change.book.items[item.item_id], event.severity)
    return change.done()


def cleared(book: Book, event: FindingCleared, calendar: Calendar) -> Step:
    """The item resolves itself. Not when the finding was cleared because the pilot's end lies back: then it still waits to be judged."""
    change = Change(book, event.at, calendar)
    finding = replace(_known(book, event), cleared_at=event.at)
    change.finding(finding)
    if event.reason in ("pilot_ended", "judged"):
        return change.done()
    _evidence_changed(change, finding)
    item = item_of(book, event.finding_id)
    if item is not None:
        change.resolve(change.book.items[item.item_id], "cleared")
    return change.done()


def risk_assessed(book: Book, event: RiskAssessed) -> Book:
    """Risk orders the queue and does nothing else."""
    return replace(book, pilot=replace(book.pilot, risk=event.score, risk_band=event.band))


def _known(book: Book, event: FindingEscalated | FindingCleared) -> Finding:
    finding = book.findings.get(event.finding_id)
    if finding is None:
        raise Poison(f"the finding {event.finding_id} was never opened, and its topic is in order")
    return finding


def _open(change: Change, finding: Finding) -> None:
    if finding.severity is not Severity.INFO:
        change.open_item(
            item_kind(finding.rule),
            f"{finding.rule}/{finding.subject}",
            subject_id=finding.finding_id,
            severity=finding.severity,
            clock=case_clock(finding.severity),
        )


def _evidence_changed(change: Change, finding: Finding) -> None:
    """Withdraw what was proposed about this finding or about the measure that was taken on it, and what else rests on what was told of it."""
    about = {finding.finding_id}
    about.update(m.measure_id for m in change.book.measures.values() if m.finding_id == finding.finding_id)
    named = [item.item_id for item in change.book.open_items if item.subject_id in about]
    change.withdraw_naming(named, "evidence_changed", resting_on=finding.finding_id)
