"""How far the engine of this process is behind on its partitions: for Prometheus, for tools that look at Kafka, and for liveness."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.monitoring.engine.fetching import is_held
from services.monitoring.engine.lane import Lane
from services.monitoring.store import positions
from shared.contracts.errors import Transient
from shared.platform.db import Database
from shared.platform.kafka import Kafka
from shared.platform.lag import Lag

_LONG_SECONDS = 10.0
"""A round of the engine that took this long fetched nothing meanwhile: what it did not read is no sign of a fetcher that died."""


class Behind:
    """Of one engine. ``lag`` is where it is told."""

    def __init__(self, db: Database, kafka: Kafka, topic: str, lag: Lag) -> None:
        self._db = db
        self._kafka = kafka
        self._topic = topic
        self._lag = lag
        self._told_at = 0.0
        self._held: set[TopicPartition] = set()
        """Where an open transaction lets nobody read on."""

    def placed(self, number: int) -> None:
        """The partition begins to flow now."""
        self._lag.placed(TopicPartition(self._topic, number))

    def moved(self, numbers: Collection[int]) -> None:
        """Something of these was read and written."""
        for number in numbers:
            self._lag.moved(TopicPartition(self._topic, number))

    def stuck(self, seconds: float, numbers: Collection[int]) -> str | None:
        """Why one of these partitions counts as stuck: it has had records to read for ``seconds`` and brought none. None while nobody could
        read them, or Kafka does not say."""
        return self._lag.stuck(seconds, {TopicPartition(self._topic, number) for number in numbers} - self._held)

    async def tell(self, consumer: AIOKafkaConsumer, lanes: Mapping[int, Lane], unplaced: Collection[int]) -> None:
        """Once a second, say where we stand: to Prometheus, and to Kafka for tools that show and scale by it. Reading on rests on neither."""
        wall = time.monotonic()
        if wall - self._told_at < 1.0:
            return
        long_round = wall - self._told_at > _LONG_SECONDS
        self._told_at = wall
        places = {TopicPartition(self._topic, number): lane.offset for number, lane in lanes.items()}
        self._held = {place for place, offset in places.items() if is_held(consumer, place, offset)}
        if long_round:
            for place in places:
                self._lag.placed(place)
        with contextlib.suppress(Transient):
            self._lag.measured(await self._records(places, set(unplaced) - lanes.keys()))
        read: dict[Any, int] = {place: offset for place, offset in places.items() if offset}
        if read:
            with contextlib.suppress(KafkaError, ValueError):
                await consumer.commit(read)

    async def _records(
        self, read: Mapping[TopicPartition, int], unplaced: Collection[int]
    ) -> dict[TopicPartition, int]:
        """How many records of each partition of ours are not read, as Kafka says it now: a fetcher that died knows of none. Partitions
        that wait to be placed are behind too."""
        ends = await self._kafka.end_offsets([self._topic])
        places = dict(read)
        if unplaced:
            cluster = await self._kafka.cluster_id()
            async with self._db.tx() as tx:
                known = await positions.offsets(tx, cluster)
            for number in unplaced:
                places[TopicPartition(self._topic, number)] = known.get(number, 0)
        return {place: max(0, ends[place.topic, place.partition] - offset) for place, offset in places.items()}
