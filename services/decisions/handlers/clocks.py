"""What a due clock does: each fires once, and its due instant is the ``now`` of what it does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from services.decisions.core import cases, measures, pilots, remedies, replies, reports
from services.decisions.core.change import Step
from services.decisions.core.clocks import DeadlineKind
from services.decisions.core.model import Book
from services.decisions.handlers.desk import Desk
from shared.platform.db import Tx
from shared.platform.deadlines import Deadline
from shared.reference.calendar import Calendar

Fired = Callable[[Book, str, datetime, Calendar], Step]

FIRED: dict[DeadlineKind, Fired] = {
    DeadlineKind.STANDSTILL: lambda book, item, now, cal: pilots.standstill_due(book, UUID(item), now, cal),
    DeadlineKind.OVERDUE: lambda book, item, now, cal: pilots.overdue(book, UUID(item), now, cal),
    DeadlineKind.MEASURE_CONFIRM: lambda book, measure, now, cal: measures.lapsed(book, UUID(measure), now, cal),
    DeadlineKind.PERIODIC_REPORT: lambda book, number, now, cal: reports.periodic_due(book, int(number), now, cal),
    DeadlineKind.FINAL_REPORT: lambda book, _, now, cal: reports.final_due(book, now, cal),
    DeadlineKind.REMEDY: lambda book, decision, now, cal: remedies.due(book, UUID(decision), now, cal),
    DeadlineKind.REPLY: lambda book, proposal, now, cal: replies.reply_due(book, UUID(proposal), now, cal),
    DeadlineKind.SUPPLEMENT: lambda book, request, now, cal: replies.supplement_due(book, UUID(request), now, cal),
    DeadlineKind.SNOOZE: lambda book, _, now, cal: cases.wake(book, now, cal),
}

ABOUT_REPORTS = frozenset({DeadlineKind.PERIODIC_REPORT, DeadlineKind.FINAL_REPORT})
"""Kinds whose subject is no id."""


async def fire(desk: Desk, tx: Tx, deadline: Deadline) -> None:
    """Do what falls due. A clock whose object is gone by now does nothing."""
    kind, subject = DeadlineKind(deadline.kind), deadline.subject
    names = () if kind in ABOUT_REPORTS else (UUID(subject),)
    await desk.change(
        tx, deadline.pilot_id, lambda book: FIRED[kind](book, subject, deadline.due, desk.calendar), names=names
    )
