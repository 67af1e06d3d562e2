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

from services.monitoring.core import judge
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
            known = await inbox.positions(tx, self._facts_consumer)
        wanted = {place: end for place, end in barrier.ends.items() if place[0] == self._facts_topic}
        return bool(wanted) and all(
            known.get(place, ("", 0)) >= (cluster, end) if known.get(place, ("", 0))[0] == cluster else end == 0
            for place, end in wanted.items()
        )

    def records_reached(self, barrier: Barrier, lane: Lane) -> bool:
        """Whether the lane has durably read what Kafka had at the barrier."""
        end = barrier.ends.get((self._topic, lane.partition))
        return end is not None and lane.offset >= end

    async def fire(self, lane: Lane, barrier: Barrier, held: set[UUID]) -> bool:
        """Fire the clocks of ``lane`` that are due by the barrier, in the order of due, into what is pending; the lane must be written.

        Pilots of which something is still on its way are put into ``held``, and hold back how far the lane has swept. True when there
        may be more to fire after the next flush.
        """
        async with self._db.tx() as tx:
            due = await books.due(tx, lane.partition, barrier.now, AT_ONCE, held)
            on_their_way = await self._on_their_way(tx, [pilot_id for pilot_id, _ in due], barrier)
        held |= on_their_way
        queue = [(instant_of(at), pilot_id) for pilot_id, at in due if pilot_id not in on_their_way]
        await self._judging.at_hand(lane, [pilot_id for _, pilot_id in queue], barrier.now)
        self._fire_in_order(lane, queue, instant_of(barrier.now) if len(due) < AT_ONCE else instant_of(due[-1][1]))
        if len(due) == AT_ONCE:
            return True
        async with self._db.tx() as tx:
            lane.sweeping = await books.earliest(tx, held) if held else barrier.now
        return False

    def _fire_in_order(self, lane: Lane, queue: list[tuple[Instant, UUID]], until: Instant) -> None:
        heapq.heapify(queue)
        while queue:
            due, pilot_id = heapq.heappop(queue)
            pilot = lane.pilots[pilot_id]
            if pilot.book.next_due() != due:
                due = pilot.book.next_due() or until + 1  # facts taken in meanwhile have set it anew
            if due > until:
                continue
            self._judging.keep(lane, pilot_id, judge.fire(pilot.book, pilot.view, due), ())
            following = pilot.book.next_due()
            if following is not None and following <= until:
                heapq.heappush(queue, (following, pilot_id))

    async def _on_their_way(self, tx: Tx, pilot_ids: Collection[UUID], barrier: Barrier) -> set[UUID]:
        """Pilots with a report that was answered and not yet read, or with facts that were set aside."""
        if not pilot_ids:
            return set()
        unread = await intake.unconsumed(tx, pilot_ids, barrier.now)
        aside = await inbox.keys_set_aside(tx, self._facts_consumer, [key_of(one) for one in pilot_ids])
        return unread | {UUID(key.decode()) for key in aside}
