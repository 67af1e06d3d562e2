"""The event log as it stands in Kafka, read once from the beginning to the ends that it has now. Joins no group, changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner
from pydantic import ValidationError

from deploy.local.kafka import quietly
from shared.client import Unreachable
from shared.contracts.base import Event, Meta, content_hash
from shared.contracts.errors import Poison, Transient
from shared.contracts.events import BY_TYPE
from shared.contracts.topics import TOPICS, Topic
from shared.platform.cloudevents import decode_meta
from shared.platform.kafka import Kafka
from shared.platform.kafka_security import KafkaSecurity

_PATIENCE_SECONDS = 30.0
_SHORT_WAIT_MS = 20
"""How long the broker holds a fetch that finds nothing: reading is bounded by the ends that are known, so nothing is gained by waiting."""


@dataclass(frozen=True)
class Logged:
    """One record of the log, with the bytes as they were sent."""

    topic: str
    partition: int
    offset: int
    key: str
    headers: tuple[tuple[str, bytes], ...]
    data: bytes

    @cached_property
    def sha256(self) -> str:
        return content_hash(self.data)

    @cached_property
    def meta(self) -> Meta | None:
        """None for a record that is no CloudEvent of ours (a startup's own metrics record need not be one)."""
        try:
            return decode_meta(self.headers)
        except Poison:
            return None

    @cached_property
    def event(self) -> Event | None:
        """The domain event, None when it is none that we know."""
        kind = BY_TYPE.get(self.meta.type) if self.meta else None
        if kind is None:
            return None
        try:
            return kind.model_validate_json(self.data)
        except ValidationError:
            return None

    @property
    def event_id(self) -> UUID | None:
        return self.meta.id if self.meta else None


class EventLog:
    """Bounded reading of topics."""

    def __init__(self, consumer: AIOKafkaConsumer, kafka: Kafka) -> None:
        self._consumer = consumer
        self._kafka = kafka
        self._followed: list[TopicPartition] = []

    async def whole(self, topics: Collection[Topic] = TOPICS) -> list[Logged]:
        """Every record of these topics, partition by partition in its order."""
        known = await self._kafka.partitions([topic.name for topic in topics])
        return await self._read([TopicPartition(topic, number) for topic in known for number in known[topic]])

    async def of_pilot(self, pilot_id: UUID, topics: Collection[Topic] = TOPICS) -> list[Logged]:
        """Every record with the pilot's key. Only the one partition of each topic is read on which Kafka's default partitioner puts it."""
        key = str(pilot_id)
        known = await self._kafka.partitions([topic.name for topic in topics])
        places = [
            TopicPartition(topic, DefaultPartitioner()(key.encode(), numbers, numbers))
            for topic, numbers in known.items()
        ]
        return [record for record in await self._read(places) if record.key == key]

    async def news(self, topics: Collection[Topic]) -> list[Logged]:
        """What was appended since the last call; at the first call, everything. A log that is followed serves nothing else."""
        if not self._followed:
            known = await self._kafka.partitions([topic.name for topic in topics])
            self._followed = [TopicPartition(topic, number) for topic in known for number in known[topic]]
            self._consumer.assign(self._followed)
            await self._consumer.seek_to_beginning(*self._followed)
        return await self._up_to(await self._consumer.end_offsets(self._followed))

    async def _read(self, places: list[TopicPartition]) -> list[Logged]:
        consumer = self._consumer
        if not places:
            return []
        consumer.assign(places)
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(places)
        await consumer.seek_to_beginning(*places)
        return await self._up_to(ends)

    async def _up_to(self, ends: Mapping[TopicPartition, int]) -> list[Logged]:
        """From where each partition stands to its end in ``ends``."""
        consumer = self._consumer
        found: list[Logged] = []
        async with asyncio.timeout(_PATIENCE_SECONDS) as limit:
            left = {place for place, end in ends.items() if await consumer.position(place) < end}
            # What is not read from is paused: a fetch that waits for news holds up the next question on its connection.
            consumer.pause(*(ends.keys() - left))
            consumer.resume(*left)
            while left:
                batches = await consumer.getmany(*left, timeout_ms=500)
                for place, records in batches.items():
                    found += [_logged(record) for record in records if record.offset < ends[place]]
                    if await consumer.position(place) >= ends[place]:
                        left.discard(place)
                        consumer.pause(place)
                if batches:
                    # Patience is for a log that gives nothing, not for a long one.
                    limit.reschedule(asyncio.get_running_loop().time() + _PATIENCE_SECONDS)
        return sorted(found, key=lambda one: (one.topic, one.partition, one.offset))


@asynccontextmanager
async def event_log(bootstrap: str, security: KafkaSecurity | None = None) -> AsyncIterator[EventLog]:
    """Open the log. Raises :class:`Unreachable` when Kafka is away, or does not let us in."""
    kafka = Kafka(bootstrap, client_id="haukiem-log", security=security)
    consumer = AIOKafkaConsumer(
        **kafka.connection,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_SHORT_WAIT_MS,
        # Transactions are not used here; what startups write with theirs and abort never counted.
        isolation_level="read_committed",
    )
    try:
        async with quietly():
            try:
                await consumer.start()
                yield EventLog(consumer, kafka)
            finally:
                # aiokafka cancels a task of its own in stop(); one that never ran would raise that in here.
                await asyncio.sleep(0)
                await consumer.stop()
                await kafka.close()
    except (KafkaError, OSError, TimeoutError, Transient) as error:
        raise Unreachable("Kafka", bootstrap, str(error) or type(error).__name__) from error


def _logged(record: Any) -> Logged:
    return Logged(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=(record.key or b"").decode(errors="replace"),
        headers=tuple(record.headers),
        data=record.value or b"",
    )
