"""A report taken over HTTP: checked as the engine will judge it, stored with its sequence, cut into signed records.

Reports that were answered and are not read yet count in the check of what a correction takes back. A counter's next report waits for them:
a 202 is a promise that the engine could not keep for one that falls below what is not read yet. A report of several records counts as one:
nothing that the enterprise produces itself may come between them.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import ParamSpec, TypeVar
from uuid import UUID

from services.monitoring.core import judge
from services.monitoring.core.book import Book, Identity, Report, samples_of
from services.monitoring.core.instants import Day, instant_of
from services.monitoring.core.reports import lowered
from services.monitoring.core.view import View, view_of
from services.monitoring.handlers.desk import Desk
from services.monitoring.store import books, intake, pilots, records
from services.monitoring.store.intake import Stored
from shared.contracts.base import content_hash
from shared.contracts.errors import NotFound, NotYet, Refused
from shared.contracts.events.metrics import MAX_SAMPLES, MetricsReported
from shared.contracts.http.monitoring import ReportSent, ReportTaken, SourceSecret
from shared.contracts.rules import MetricKind
from shared.platform import context
from shared.platform.cloudevents import key_of
from shared.platform.db import Tx

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def announce(tx: Tx, pilot_id: UUID) -> None:
    """Before the time is asked at which a report is taken: from then on no clock of the pilot that is due later passes it by."""
    await intake.announce(tx, pilot_id)


async def take(desk: Desk, tx: Tx, pilot_id: UUID, sent: ReportSent, now: datetime) -> ReportTaken:
    """Store a report that holds; it counts from then on. Raises ``Refused`` with every error located, ``NotFound`` for an unknown pilot,
    ``NotYet`` while whether it holds depends on what the service has not read yet: a report before it, or the start of the pilot."""
    facts = await pilots.facts(tx, pilot_id)
    view = view_of(facts, desk.calendar)
    if view.started is None:
        if view.is_to_start_by(instant_of(now)):
            raise NotYet(f"the start of pilot {pilot_id}")
        raise Refused("pilot_not_started", status=409)
    if sent.source not in view.terms_at(instant_of(now)).sources:
        raise Refused("source_unknown", "/source", status=422, source=sent.source)
    counters = await _aside(sent, _counters, view, sent)
    if counters:
        # Whether a counter fell is known once what was answered before has been read: no 202 that the engine would have to take back.
        await intake.lock_counters(tx, pilot_id)
        if await intake.has_unread_counters(tx, pilot_id, counters):
            raise NotYet("the reports of these counters that were answered before")
    if len(sent.samples) > MAX_SAMPLES:
        await _hold_together(tx, pilot_id, sent, counters)
    if sent.corrects is not None:
        # What another source corrects meanwhile is not there to be taken back twice.
        await intake.lock_sources(tx, pilot_id)
    sequence, secret, fresh = await intake.next_sequence(tx, pilot_id, sent.source, secrets.token_bytes(32))
    if sequence > intake.HIGHEST_SEQUENCE:
        raise Refused("sequence_exhausted", "/source", status=409)
    if fresh:
        await pilots.touch(tx, pilot_id)  # the engine has to learn the secret before it meets the records
    known = await _corrected(tx, pilot_id, sent)
    report = await _aside(sent, _report, sent, sequence)
    book, past, ahead = await _as_it_will_be_read(tx, pilot_id, view, report)
    problems = await _aside(sent, judge.inspect, book, view, report, now, known, past, ahead)
    if problems:
        raise Refused("report_refused", status=422, problems=problems, count=len(problems))
    stored = await _aside(sent, _signed, pilot_id, sent, sequence, secret, counters)
    await intake.add(tx, stored, now)
    return ReportTaken(pilot_id=pilot_id, source=sent.source, sequence=sequence, parts=len(stored.records))


async def issue_secret(tx: Tx, pilot_id: UUID, source: str, now: datetime) -> SourceSecret:
    """Give a declared source a new secret; records signed with the one before no longer count. Raises ``NotFound``, and ``NotYet`` while
    a report of several records is not read, between which one so signed could come."""
    # The source before the pilot, as in taking a report: two that meet wait for each other in one order.
    if source not in (await pilots.facts(tx, pilot_id)).envelopes[-1].envelope.sources:
        raise NotFound("source")
    await intake.lock_parts(tx, pilot_id)
    if await intake.has_unread_parts(tx, pilot_id):
        raise NotYet("the report of several records that was answered before")
    secret = secrets.token_bytes(32)
    await intake.issue_secret(tx, pilot_id, source, secret, secrets.token_bytes(32), now)
    await pilots.touch(tx, pilot_id)
    return SourceSecret(pilot_id=pilot_id, source=source, secret=secret.hex(), issued_at=now)


async def _hold_together(tx: Tx, pilot_id: UUID, sent: ReportSent, counters: list[str]) -> None:
    """Refuse a report of several records of which others could have a part rejected: records of the same source by their sequence, those of
    any source by the counters and corrections in them."""
    await intake.lock_parts(tx, pilot_id)
    direct = await intake.direct_sources(tx, pilot_id)
    if sent.source in direct or (direct and (counters or sent.corrects is not None)):
        raise Refused("report_must_be_split", "/samples", status=409, limit=MAX_SAMPLES)


async def _aside(sent: ReportSent, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Work over all samples of a report: of a large one in a thread, so that others are answered meanwhile."""
    if len(sent.samples) <= MAX_SAMPLES:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)


def _counters(view: View, sent: ReportSent) -> list[str]:
    return sorted({one.metric for one in sent.samples if view.kinds.get(one.metric) is MetricKind.COUNTER})


def _signed(pilot_id: UUID, sent: ReportSent, sequence: int, secret: bytes, counters: list[str]) -> Stored:
    parts = cut(pilot_id, sent, sequence)
    key = key_of(pilot_id)
    return Stored(
        pilot_id=pilot_id,
        source=sent.source,
        sequence=sequence,
        correlation_id=context.correlation_id(),
        signatures=[intake.signature(secret, key, part) for part in parts],
        records=parts,
        counters=counters,
    )


def cut(pilot_id: UUID, sent: ReportSent, sequence: int) -> list[bytes]:
    """The records of a report: as many samples in each as a record takes, in the order given. The same report gives the same bytes."""
    parts = [sent.samples[first : first + MAX_SAMPLES] for first in range(0, len(sent.samples), MAX_SAMPLES)]
    return [
        MetricsReported(
            pilot_id=pilot_id,
            source=sent.source,
            sequence=sequence,
            part=number,
            parts=len(parts),
            corrects=sent.corrects,
            samples=part,
        )
        .model_dump_json(exclude_defaults=True)
        .encode()
        for number, part in enumerate(parts, 1)
    ]


async def _corrected(tx: Tx, pilot_id: UUID, sent: ReportSent) -> dict[Identity, str]:
    """The report that is corrected, whether the engine has read it or not."""
    if sent.corrects is None:
        return {}
    found = (await records.identities(tx, [(pilot_id, sent.source, sent.corrects)])).get(pilot_id, {})
    if not found and await intake.is_taken(tx, pilot_id, sent.source, sent.corrects):
        return {(sent.source, sent.corrects, 1): ""}
    return found


async def _as_it_will_be_read(
    tx: Tx, pilot_id: UUID, view: View, report: Report
) -> tuple[Book, dict[tuple[str, Day], int], dict[tuple[str, Day], int]]:
    """The book, and for a correction that takes something back: the sums of those days, and what answered requests will add to them."""
    days = lowered(view, report)
    if not days:
        return (await books.load(tx, [pilot_id])).get(pilot_id, Book()), {}, {}
    return await books.with_unread(tx, pilot_id, days)


def _report(sent: ReportSent, sequence: int) -> Report:
    return Report(sent.source, sequence, 1, 1, sent.corrects, samples_of(sent.samples), content_hash(b""))
