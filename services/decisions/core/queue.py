"""Where a case stands in the queue, and why: the statutory clock first, then explained risk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.decisions.core.life import Proposal, ProposalState
from services.decisions.core.model import Book, Case, Item
from shared.contracts.pilot import Severity

Lane = Literal["active", "awaiting", "snoozed"]
Group = Literal["overdue", "due_soon", "by_risk", "awaiting", "snoozed"]
Awaiting = Literal["reply", "supplement", "second_signer"]

GROUPS: tuple[Group, ...] = ("overdue", "due_soon", "by_risk", "awaiting", "snoozed")
"""The queue's order."""

_CLOCKED: dict[Group, str] = {"overdue": "rank_overdue", "due_soon": "rank_due_soon"}
_AWAITING: dict[Awaiting, str] = {
    "reply": "rank_awaiting_reply",
    "supplement": "rank_awaiting_supplement",
    "second_signer": "rank_awaiting_second_signer",
}


@dataclass(frozen=True)
class Entry:
    """What ranks an open case for one authority: ``due`` is the earliest running clock of its items there."""

    authority: str
    lead: bool
    lane: Lane
    due: datetime | None
    risk: float
    severity: Severity | None
    kinds: tuple[str, ...]
    assignee: str | None


@dataclass(frozen=True)
class Reason:
    """A reason of a rank: the code of its text and what fills it."""

    code: str
    params: dict[str, Any]


def awaiting(case: Case, proposals: Iterable[Proposal]) -> tuple[Awaiting, ...]:
    """What the case waits for, by whom it waits."""
    found: list[Awaiting] = []
    live = tuple(proposals)
    if any(p.awaits_reply for p in live):
        found.append("reply")
    if case.supplement is not None and not case.supplement.over:
        found.append("supplement")
    if any(p.state is ProposalState.AWAITING_SECOND for p in live):
        found.append("second_signer")
    return tuple(found)


def entries(book: Book) -> tuple[Entry, ...]:
    """The case's places: with the lead authority, and with each authority that has an open item; none once it is closed."""
    case = book.case
    if case is None or case.closed_at is not None:
        return ()
    lead = book.pilot.lead_authority
    with_part = {lead, *(item.authority for item in book.open_items)}
    return tuple(_entry(book, case, authority) for authority in sorted(with_part))


def _entry(book: Book, case: Case, authority: str) -> Entry:
    lead = authority == book.pilot.lead_authority
    own = tuple(item for item in book.open_items if lead or item.authority == authority)
    due = min((item.running_due for item in own if item.running_due is not None), default=None)
    return Entry(
        authority=authority,
        lead=lead,
        lane=_lane(case, own, due),
        due=due,
        risk=book.pilot.risk or 0.0,
        severity=gravest(own),
        kinds=tuple(sorted({item.kind.value for item in own})),
        assignee=case.claims.get(authority),
    )


def _lane(case: Case, items: tuple[Item, ...], due: datetime | None) -> Lane:
    if case.snoozed_until is not None:
        return "snoozed"
    held = any(item.holds for item in items)
    return "awaiting" if held and due is None else "active"


def gravest(items: Iterable[Item]) -> Severity | None:
    return max((i.severity for i in items if i.severity is not None), key=lambda s: s.rank, default=None)


def group(lane: Lane, due: datetime | None, now: datetime, soon: datetime) -> Group:
    """The group of an entry at ``now``; ``soon`` is the end of the next working day."""
    if lane != "active":
        return lane
    if due is None or due > soon:
        return "by_risk"
    return "overdue" if due <= now else "due_soon"


def reasons(
    risk: float | None,
    risk_band: str | None,
    entry_group: Group,
    case: Case,
    items: Iterable[Item],
    waits: Iterable[Awaiting],
) -> list[Reason]:
    """Why the case stands where it stands, strongest first."""
    own = tuple(items)
    found: list[Reason] = []
    clocked = sorted(
        ((item.running_due, item) for item in own if item.running_due is not None), key=lambda pair: pair[0]
    )
    if entry_group == "snoozed" and case.snoozed_until is not None:
        found.append(Reason("rank_snoozed", {"until": case.snoozed_until, "reason": case.snooze_reason}))
    if clocked:
        due, item = clocked[0]
        code = _CLOCKED.get(entry_group, "rank_due")
        found.append(Reason(code, {"kind": item.kind.value, "subject": item.subject, "clock": item.clock, "due": due}))
        if item.due is not None and item.due.provisional:
            found.append(Reason("rank_provisional", {"calendar": item.due.calendar_version}))
    found.extend(Reason(_AWAITING[what], {}) for what in waits)
    if risk is not None:
        found.append(Reason("rank_risk", {"band": risk_band, "score": f"{risk:.2f}"}))
    else:
        found.append(Reason("rank_risk_unknown", {}))
    severity = gravest(own)
    if severity is not None:
        found.append(Reason("rank_severity", {"severity": severity.value}))
    return found
