"""What people read: reports, findings, usage, risk. Answers only; nothing changes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from services.monitoring.core import assessment
from services.monitoring.core.book import Book
from services.monitoring.core.instants import Day, date_of, day_end, day_of, instant_of, moment
from services.monitoring.core.risk import FORMULA
from services.monitoring.core.view import Terms, View, view_of
from services.monitoring.handlers.desk import Desk
from services.monitoring.store import books, findings, pilots, records
from services.monitoring.store import risk as risks
from shared.contracts.errors import Refused
from shared.contracts.http.monitoring import (
    FindingPage,
    FindingView,
    ReportPage,
    ReportRow,
    RiskView,
    Usage,
    UsageRow,
)
from shared.contracts.numbers import unscaled
from shared.contracts.pilot import Window
from shared.platform.db import Tx


async def reports(tx: Tx, pilot_id: UUID, cursor: str | None, limit: int) -> ReportPage:
    before = None
    if cursor is not None:
        at, sequence, part = _parts(cursor, 3)
        before = (_instant(at), _number(sequence), _number(part))
    rows = await records.listed(tx, pilot_id, before, limit + 1)
    items = tuple(ReportRow.model_validate(row) for row in rows[:limit])
    last = items[-1] if len(rows) > limit else None
    following = None if last is None else f"{last.taken_at.isoformat()}_{last.sequence or 0}_{last.part or 0}"
    return ReportPage(items=items, next=following)


async def found(
    tx: Tx,
    *,
    pilot_id: UUID | None = None,
    authority: str | None = None,
    state: str | None = None,
    rule: str | None = None,
    severity: str | None = None,
    cursor: str | None = None,
    limit: int,
) -> FindingPage:
    before = None
    if cursor is not None:
        at, finding = _parts(cursor, 2)
        before = (_instant(at), _id(finding))
    rows = await findings.listed(
        tx,
        pilot_id=pilot_id,
        authority=authority,
        state=state,
        rule=rule,
        severity=severity,
        before=before,
        limit=limit + 1,
    )
    items = tuple(FindingView.model_validate(row) for row in rows[:limit])
    last = items[-1] if len(rows) > limit else None
    following = None if last is None else f"{last.opened_at.isoformat()}_{last.finding_id}"
    return FindingPage(items=items, next=following)


async def usage(desk: Desk, tx: Tx, pilot_id: UUID, now: datetime) -> Usage:
    """Totals, gauges, and of day windows today and the newest days with samples. A cap without a sample stands at 0."""
    view = view_of(await pilots.facts(tx, pilot_id), desk.calendar)
    book = (await books.load(tx, [pilot_id])).get(pilot_id, Book())
    terms = view.terms_at(instant_of(now))
    rows = [*_totals(book, terms), *_gauges(book, terms), *_days(book, view, day_of(instant_of(now)))]
    told = {(row.metric, row.window) for row in rows}
    rows += [
        _row(terms, metric, cap.window, 0)
        for metric, caps in terms.caps.items()
        for cap in caps
        if (metric, cap.window) not in told
    ]
    rows.sort(key=lambda row: (row.metric, row.window, row.bucket is None, row.bucket))
    return Usage(pilot_id=pilot_id, envelope_version=terms.version, rows=tuple(rows))


async def risk(tx: Tx, pilot_id: UUID, now: datetime) -> RiskView:
    """The score as it is now: it ages when it is read."""
    facts = await pilots.facts(tx, pilot_id)
    book = (await books.load(tx, [pilot_id])).get(pilot_id, Book())
    past, history = await risks.load(tx, pilot_id, facts.enterprise)
    score = assessment.assess(facts, book.gauges, past, history, now)
    return RiskView(
        pilot_id=pilot_id,
        at=now,
        formula=FORMULA,
        score=score.score,
        band=score.band,
        impact=score.impact,
        probability=score.probability,
        detectability=score.detectability,
        inputs=score.inputs,
        would_lower_most=score.would_lower_most,
    )


def _totals(book: Book, terms: Terms) -> Iterable[UsageRow]:
    totals = {metric: meter.total for metric, meter in book.sums.items()}
    totals |= {metric: meter.total for metric, meter in book.counters.items()}
    return (
        _row(terms, metric, Window.TOTAL, total, sampled=moment(book.newest[metric]))
        for metric, total in totals.items()
    )


def _gauges(book: Book, terms: Terms) -> Iterable[UsageRow]:
    for metric, gauge in book.gauges.items():
        if gauge.latest is not None:
            yield _row(terms, metric, Window.CONCURRENT, gauge.latest.value, sampled=moment(gauge.latest.at))


def _days(book: Book, view: View, today: Day) -> Iterable[UsageRow]:
    for metric, meter in book.sums.items():
        for day, value in meter.days:
            if view.terms_at(day_end(day) - 1).cap(metric, Window.DAY) is not None:
                yield _row(view.terms_at(day_end(day) - 1), metric, Window.DAY, value, day=day)
    for metric, counter in book.counters.items():
        if view.terms_at(day_end(today) - 1).cap(metric, Window.DAY) is not None:
            yield _row(view.terms_at(day_end(today) - 1), metric, Window.DAY, counter.day(today), day=today)


def _row(
    terms: Terms, metric: str, window: Window, value: int, *, day: Day | None = None, sampled: datetime | None = None
) -> UsageRow:
    cap = terms.cap(metric, window)
    return UsageRow(
        metric=metric,
        window=window,
        bucket=None if day is None else date_of(day),
        value=unscaled(value),
        limit=None if cap is None else unscaled(cap.limit),
        remaining=None if cap is None else unscaled(cap.limit - value),
        critical=cap is not None and cap.severity.rank == 3,
        sample_at=sampled,
    )


def _parts(cursor: str, count: int) -> list[str]:
    parts = cursor.split("_")
    if len(parts) != count:
        raise _wrong()
    return parts


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _wrong() from None
    if found.tzinfo is None:
        raise _wrong()
    return found


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise _wrong()
    return int(text)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _wrong() from None


def _wrong() -> Refused:
    return Refused("cursor_wrong", "/query/cursor", status=422)
