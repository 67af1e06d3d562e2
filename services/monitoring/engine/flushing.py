"""One transaction a flush: positions, books, rollups, identities, findings, outbox, parked and rejected records, or nothing of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from itertools import groupby
from uuid import UUID

from services.monitoring.core import assessment
from services.monitoring.core.book import Book
from services.monitoring.core.failing import About
from services.monitoring.engine.judging import rejected_event
from services.monitoring.engine.lane import Lane, Pending, Telling
from services.monitoring.engine.reading import INTAKE
from services.monitoring.store import aside, books, findings, intake, pilots, positions, records, risk
from services.monitoring.store.aside import CONSUMER
from shared.platform import context, inbox
from shared.platform.db import Database, Tx
from shared.platform.outbox import Outbox


async def flush(db: Database, outbox: Outbox, cluster: str, lanes: Collection[Lane], now: datetime) -> None:
    """Write what is pending in ``lanes``. Raises ``Fenced`` when one of them is somebody else's; then nothing was written and the lanes
    are worthless, and ``JudgingFailed``. After any other error too: whether a commit arrived is known only by reading again."""
    async with db.tx() as tx:
        # First of all: this row lock is the fence, and whoever claims a partition waits behind it.
        await positions.advance(tx, cluster, [_step(lane) for lane in lanes])
        for lane in lanes:
            await _write_records(tx, lane)
        await _lock(tx, lanes)
        for lane in lanes:
            await _reassess(tx, lane, now)
        await _write_tellings(tx, outbox, lanes)
        await _write_books(tx, lanes)
    for lane in lanes:
        lane.offset, lane.swept = lane.position, lane.sweeping or lane.swept
        lane.sweeping, lane.pending = None, Pending()


def _step(lane: Lane) -> positions.Step:
    return positions.Step(lane.partition, lane.epoch, lane.offset, lane.position, lane.sweeping)


async def _write_records(tx: Tx, lane: Lane) -> None:
    pending = lane.pending
    if pending.taken:
        await records.add_taken(tx, pending.taken)
    if pending.consumed:
        await intake.mark_consumed(tx, pending.consumed)
    for record, why in pending.strays:
        await inbox.set_aside(tx, CONSUMER, record, "dead", why)
    if pending.rejections:
        await _write_rejections(tx, pending)
    await _write_waiting(tx, lane)


async def _write_waiting(tx: Tx, lane: Lane) -> None:
    pending = lane.pending
    for one in pending.parked:
        await records.park(tx, one)
        if (
            one.pilot_id in lane.aside
            and one.record is not None
            and any(name == INTAKE for name, _ in one.record.headers)
        ):
            await intake.mark_parked(tx, one.pilot_id, one.record.value or b"")
    if pending.unparked:
        await records.unpark(tx, pending.unparked)
    if pending.clocks_until:
        await aside.reach(tx, pending.clocks_until)
    if pending.resumed:
        await aside.finish(tx, pending.resumed)


async def _write_rejections(tx: Tx, pending: Pending) -> None:
    """A rejected record that comes again is not told again."""
    fresh = await records.add_rejections(tx, [rejection for rejection, _, _ in pending.rejections])
    for (rejection, record, correlation), is_fresh in zip(pending.rejections, fresh, strict=True):
        if is_fresh:
            why = "; ".join(f"{one.pointer or '/'}: {one.en}" for one in rejection.problems[:5])
            await inbox.set_aside(tx, CONSUMER, record, "dead", why)
            pending.tellings.append(Telling(rejected_event(rejection), correlation))


async def _lock(tx: Tx, lanes: Collection[Lane]) -> None:
    """Lock the pilots of which something is told or whose row changes: others tell of them too, each in its turn."""
    touched: set[UUID] = set()
    for lane in lanes:
        touched.update(telling.event.key for telling in lane.pending.tellings)
        touched.update(lane.pending.seen, lane.pending.reassess)
    if touched:
        await pilots.lock(tx, touched)


async def _reassess(tx: Tx, lane: Lane, now: datetime) -> None:
    """A report that changed the level of an input of the risk has the score told anew. Its pilot is locked: facts that came since the engine
    took them in have been assessed already, and are what is read here too."""
    changes = await pilots.changes(tx, lane.pending.reassess) if lane.pending.reassess else {}
    for pilot_id in lane.pending.reassess:
        pilot = lane.pilots[pilot_id]
        facts = pilot.view.facts if changes[pilot_id] == pilot.change else await pilots.facts(tx, pilot_id)
        before, history = await risk.load(tx, pilot_id, facts.enterprise)
        with About(pilot_id, "assessing the risk"):
            after, event = assessment.reassess(facts, pilot.book.gauges, before, history, now)
        if event is not None:
            await risk.save(tx, pilot_id, after)
            lane.pending.tellings.append(Telling(event, None))


async def _write_tellings(tx: Tx, outbox: Outbox, lanes: Collection[Lane]) -> None:
    tellings = [telling for lane in lanes for telling in lane.pending.tellings]
    await findings.apply(tx, (telling.event for telling in tellings))
    for correlation, some in groupby(tellings, key=lambda telling: telling.correlation):
        with context.bound(correlation):
            await outbox.add_all(tx, [telling.event for telling in some])


async def _write_books(tx: Tx, lanes: Collection[Lane]) -> None:
    dirty: dict[UUID, tuple[int, Book]] = {}
    for lane in lanes:
        pending = lane.pending
        dirty.update({one: (lane.partition, lane.pilots[one].book) for one in pending.dirty})
        if pending.gains:
            await books.add_gains(tx, pending.gains)
        if pending.points:
            await books.save_points(tx, pending.points)
        if pending.finished:
            await books.forget_points(tx, pending.finished)
        if pending.seen:
            await pilots.mark_seen(tx, pending.seen)
    if dirty:
        await books.save(tx, dirty)
