"""How far the engine has come, all its workers together: asked of Kafka and the database, so that any process can say it."""

from __future__ import annotations

from datetime import datetime

from services.monitoring.store import aside, books, intake, pilots, positions, records
from shared.platform.bus import Progress
from shared.platform.db import Database
from shared.platform.kafka import Kafka


class Standing:
    """Each question is asked now, and raises ``Transient`` when there is no answer."""

    def __init__(self, db: Database, kafka: Kafka, topic: str) -> None:
        self._db = db
        self._kafka = kafka
        self._topic = topic

    async def progress(self) -> Progress:
        """``lag`` counts records, requests that are not read and facts that are not taken in; ``parked`` the records of pilots that are
        known; ``poison`` pilots that are set aside. What names no pilot of ours keeps nobody waiting."""
        cluster = await self._kafka.cluster_id()
        ends = await self._kafka.end_offsets([self._topic])
        async with self._db.tx() as tx:
            known = await positions.offsets(tx, cluster)
            parked, _ = await records.count_parked(tx)
            poison, _ = await aside.count(tx)
            unread = await intake.count_unconsumed(tx) + await pilots.count_changed(tx)
        behind = sum(max(0, end - known.get(number, 0)) for (_, number), end in ends.items())
        return Progress(consumed=sum(known.values()), lag=behind + unread, parked=parked, poison=poison)

    async def swept_until(self) -> datetime | None:
        """The domain time until which all clocks of the engine, on all partitions, have fired; None while one has not begun."""
        partitions = (await self._kafka.partitions([self._topic])).get(self._topic, [])
        async with self._db.tx() as tx:
            known = await positions.swept(tx)
        swept = [known[number] for number in partitions if number in known]
        begun = [at for at in swept if at is not None]
        return min(begun) if begun and len(begun) == len(partitions) else None

    async def next_due(self) -> datetime | None:
        """The earliest clock that has not fired."""
        async with self._db.tx() as tx:
            return await books.next_due(tx)
