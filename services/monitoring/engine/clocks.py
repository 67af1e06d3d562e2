"""Clocks of the engine: silence, the close of days, windows that empty, the tidying after an end. Lag is never mistaken for silence.

A clock that is due by ``now`` fires only after a barrier: the ends of the metrics partition and of all applications partitions, sampled at
``now`` or later, have been read, and with them every request that was answered before. Then all that could have been known is known.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from services.monitoring.core.instants import Instant, instant_of
from services.monitoring.engine.judging import Judging
from services.monitoring.engine.lane import Lane
from services.monitoring.store import books, intake
from shared.platform import inbox
from shared.platform.cloudevents import key_of
from shared.platform.db import Database, Tx
from shared.platform.kafka import Kafka

AT_ONCE = 2000
"""Clocks that fire in one flush."""


@dataclass(frozen=True)
class Barrier:
    """``ends`` by (topic, partition), sampled when the domain's time was ``now`` and the wall's ``sampled``."""

    now: datetime
    sampled: datetime
    ends: Mapping[tuple[str, int], int]


class Clocks:
    """``facts_consumer`` is the consumer that writes the facts of ``facts_topic`` to our tables."""

    def __init__(
        self, db: Database, kafka: Kafka, judging: Judging, *, topic: str, facts_topic: str, facts_consumer: str
    ) -> None:
        self._db = db
        self._kafka = kafka
        self._judging = judging
        self._topic = topic
        self._facts_topic = facts_topic
        self._facts_consumer = facts_consumer

    async def sample(self, now: datetime) -> Barrier:
        """A barrier for ``now``, which was read before. Raises ``Transient``."""
        ends = await self._kafka.end_offsets([self._topic, self._facts_topic])
        return Barrier(now, datetime.now(UTC), ends)

    async def facts_reached(self, barrier: Barrier, cluster: str) -> bool:
        """Whether the facts that were known to Kafka at the barrier stand in our tables."""
        async with self._db.tx() as tx:
            read = await inbox.positions(tx, self._facts_consumer, cluster)
        wanted = {place: end for place, end in barrier.ends.items() if place[0] == self._facts_topic}
        return bool(wanted) and all(read.get(place, 0) >= end for place, end in wanted.items())

    def records_reached(self, barrier: Barrier, lane: Lane) -> bool:
        """Whether the lane has durably read what Kafka had at the barrier."""
        end = barrier.ends.get((self._topic, lane.partition))
        return end is not None and lane.offset >= end

    async def fire(self, lanes: Mapping[int, Lane], barrier: Barrier, held: set[UUID]) -> bool:
        """Fire the clocks of ``lanes`` that are due by the barrier, in the order of due, into what is pending; the lanes must be written.

        Pilots of which something is still on its way are put into ``held``, and hold back how far their lanes have swept; so do those that
        are set aside, whose clocks nobody knows. True when there may be more to fire after the next flush.
        """
        held |= set().union(*(lane.aside for lane in lanes.values()))
        async with self._db.tx() as tx:
            due = await books.due(tx, lanes, barrier.now, AT_ONCE, held)
            held |= await self._on_their_way(tx, [one.pilot_id for one in due], barrier)
            stopped = await books.earliest(tx, held) if held else {}
        queue = [(instant_of(one.at), one.pilot_id, one.partition) for one in due if one.pilot_id not in held]
        for number, lane in lanes.items():
            await self._judging.at_hand(
                lane, [pilot for _, pilot, partition in queue if partition == number], barrier.now
            )
        more = len(due) == AT_ONCE
        self._fire_in_order(lanes, queue, instant_of(due[-1].at if more else barrier.now))
        if not more:
            for number, lane in lanes.items():
                if lane.aside:
                    await self._note(lane, barrier)
                else:
                    lane.sweeping = stopped.get(number, barrier.now)
        return more

    async def _note(self, lane: Lane, barrier: Barrier) -> None:
        """Until when the clocks of pilots set aside would have fired now: that is how they are judged when they are taken up again."""
        async with self._db.tx() as tx:
            still = await self._on_their_way(tx, lane.aside, barrier)
        lane.pending.clocks_until |= dict.fromkeys(lane.aside - still, barrier.now)

    def _fire_in_order(self, lanes: Mapping[int, Lane], queue: list[tuple[Instant, UUID, int]], until: Instant) -> None:
        heapq.heapify(queue)
        while queue:
            due, pilot_id, partition = heapq.heappop(queue)
            lane = lanes[partition]
            pilot = lane.pilots[pilot_id]
            if pilot.book.next_due() == due:
                self._judging.fire(lane, pilot_id, due)
            # Facts that were taken in meanwhile may have set it anew, and what has fired has set the next.
            following = pilot.book.next_due()
            if following is not None and following <= until:
                heapq.heappush(queue, (following, pilot_id, partition))

    async def _on_their_way(self, tx: Tx, pilot_ids: Collection[UUID], barrier: Barrier) -> set[UUID]:
        """Pilots with a report that is being taken, or was answered and is not yet read, or with facts that were set aside."""
        if not pilot_ids:
            return set()
        # In this order: what is no longer being taken now is there to be seen.
        unread = await intake.being_taken(tx, pilot_ids)
        unread |= await intake.unconsumed(tx, pilot_ids, barrier.now)
        aside = await inbox.keys_set_aside(tx, self._facts_consumer, [key_of(one) for one in pilot_ids])
        return unread | {UUID(key.decode()) for key in aside}
