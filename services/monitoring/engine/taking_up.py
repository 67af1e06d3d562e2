"""Pilots on which our own judging failed: set aside whole, and judged later as if it had not.

What comes for such a pilot waits in the order in which it came, records and facts alike, each with the domain's time at which it was read and
with the time until which the pilot's clocks would have fired by then. So the same is found as without the defect.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from uuid import UUID

import structlog

from services.monitoring.core.book import Book
from services.monitoring.core.failing import JudgingFailed
from services.monitoring.core.instants import instant_of
from services.monitoring.engine.fetching import portions
from services.monitoring.engine.judging import Judging
from services.monitoring.engine.lane import Lane, Pilot
from services.monitoring.engine.reading import read
from services.monitoring.store import aside, books, pilots, positions, records
from services.monitoring.store.aside import Failure
from services.monitoring.store.positions import Step
from services.monitoring.store.records import Parked, Parking
from shared.platform.db import Database
from shared.platform.outcomes import AtLimit

log = structlog.get_logger(__name__)

_AT_ONCE = 1000
_BYTES_AT_ONCE = 500_000


class LimitReached(AtLimit):
    """``partition`` stands still."""

    def __init__(self, partition: int, reason: str) -> None:
        self.partition = partition
        super().__init__(reason)


class TakingUp:
    """``limit``: how many pilots may be aside before the engine stops rather than set everything aside."""

    def __init__(self, db: Database, judging: Judging, topic: str, limit: int) -> None:
        self._db = db
        self._judging = judging
        self._topic = topic
        self._limit = limit
        self._ids: dict[bytes, UUID] = {}

    async def set_aside(self, lanes: Mapping[int, Lane], cluster: str, failed: JudgingFailed, now: datetime) -> None:
        """Set the pilot aside, in the fence of its lane; its facts as they stand begin its queue. Nothing when its lane is no longer ours.

        What was judged and not written is worthless. Raises ``Fenced``, ``Transient`` and :class:`LimitReached`; then nothing was set aside.
        """
        cause = failed.__cause__ or failed
        reason = f"{failed.doing} failed: {type(cause).__name__}: {cause}"
        trace = "".join(traceback.format_exception(cause))
        async with self._db.tx() as tx:
            row = (await pilots.stored(tx, [failed.pilot_id]))[failed.pilot_id]
            lane = lanes.get(row["partition"])
            if lane is None:
                return
            await positions.advance(tx, cluster, [Step(lane.partition, lane.epoch, lane.offset, lane.offset, None)])
            others, _ = await aside.count(tx, but=failed.pilot_id)
            if others >= self._limit:
                raise LimitReached(lane.partition, f"{others} pilots are set aside; {reason}")
            failure = Failure(failed.pilot_id, self._topic, lane.partition, lane.offset, reason, trace)
            if await aside.keep(tx, failure):
                await records.park(tx, Parking(failed.pilot_id, lane.partition, now, now, facts=row))
                await pilots.mark_seen(tx, {failed.pilot_id: row["change"]})
        log.error("pilot_set_aside", pilot_id=str(failed.pilot_id), reason=reason, exc_info=cause)

    async def look(self, lanes: Mapping[int, Lane]) -> None:
        """Have the lanes know which of their pilots ops have sent again."""
        async with self._db.tx() as tx:
            found = await aside.of_partitions(tx, lanes)
        for one in found:
            if one.sent_again:
                lanes[one.partition].sent_again.add(one.pilot_id)

    async def portion(self, lane: Lane, pilot_id: UUID) -> None:
        """Judge some of what waits for a pilot that ops sent again. The lane must be written before and after; when nothing is left, the
        pilot is no longer aside. Raises ``JudgingFailed`` when the defect is still there."""
        lane.pilots.pop(pilot_id, None)
        most, size = _AT_ONCE, _BYTES_AT_ONCE
        while True:
            async with self._db.tx() as tx:
                rows = await records.parked(tx, self._topic, [pilot_id], most, most_bytes=size)
                left = (await records.count_parked_of(tx, [pilot_id])).get(pilot_id, 0) - len(rows)
                book = (await books.load(tx, [pilot_id])).get(pilot_id, Book())
            kept = await self._replay(lane, pilot_id, rows, book)
            if not left or len(kept) < len(rows):
                break
            most, size = most * 2, size * 2  # all of it waits for the start of the pilot, which stands further behind
        if not left:
            kept = [row for row in kept if row.facts is None]
            self._back(lane, pilot_id, waits=bool(kept))
        stays = {row.id for row in kept}
        lane.pending.unparked += [(pilot_id, row.id) for row in rows if row.id not in stays]

    async def _replay(self, lane: Lane, pilot_id: UUID, rows: list[Parked], book: Book) -> list[Parked]:
        """Judge ``rows`` in their order. Gives those that must stay: the last facts, by which the next portion is judged, and records of a
        pilot that has not started."""
        facts: list[Parked] = []
        early: list[Parked] = []
        now: datetime | None = None
        for (read_at, until, told), some in groupby(rows, lambda row: (row.read_at, row.clocks_until, row.facts)):
            now = read_at if now is None else max(now, read_at)
            pilot = lane.pilots.get(pilot_id)
            if pilot is not None and until is not None:
                self._fire(lane, pilot_id, until)
            if told is not None:
                facts = list(some)
                known = book if pilot is None else pilot.book
                self._judging.take_in(lane, pilot_id, self._judging.pilot_of(pilot_id, told, known), now)
            else:
                early += some
            if _has_started(lane.pilots.get(pilot_id)):
                for portion in portions(early):
                    arrivals = [read(row, self._ids, instant_of(row.received)) for row in portion]
                    await self._judging.judge(lane, {pilot_id: arrivals}, now)
                    await asyncio.sleep(0)  # for heartbeats, and for those who are served beside us
                early = []
        return facts + early

    def _fire(self, lane: Lane, pilot_id: UUID, until: datetime) -> None:
        while True:
            due = lane.pilots[pilot_id].book.next_due()
            if due is None or due > instant_of(until):
                return
            self._judging.fire(lane, pilot_id, due)

    def _back(self, lane: Lane, pilot_id: UUID, *, waits: bool) -> None:
        """The pilot is one like the others again; ``waits``: what waits for its start goes on waiting."""
        lane.aside.discard(pilot_id)
        lane.sent_again.discard(pilot_id)
        if not waits:
            lane.waiting.discard(pilot_id)
        lane.pending.resumed.add(pilot_id)
        pilot = lane.pilots.get(pilot_id)
        if pilot is not None and pilot.book.unrolled:
            lane.unrolled.add(pilot_id)
        log.info("pilot_taken_up", pilot_id=str(pilot_id))


def _has_started(pilot: Pilot | None) -> bool:
    return pilot is not None and pilot.view.started is not None
