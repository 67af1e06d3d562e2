"""How records are fetched: the settings of the consumer, and the portions in which a batch is judged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError

from shared.platform.kafka import Kafka

_PORTION_RECORDS = 2_000
_PORTION_BYTES = 500_000
_POSITION_SECONDS = 0.2
"""A position is known at once, but where the broker is asked for it anew."""


def new_consumer(kafka: Kafka, group: str) -> AIOKafkaConsumer:
    """A consumer that is not subscribed yet. It commits nothing by itself: where to read on stands in our database.

    What a startup's transaction aborted was never reported; ``haukiem replay`` reads in the same way.
    """
    return AIOKafkaConsumer(
        **kafka.connection,
        group_id=group,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        session_timeout_ms=10_000,
        heartbeat_interval_ms=3_000,
        metadata_max_age_ms=30_000,
    )


async def position(consumer: AIOKafkaConsumer, place: TopicPartition) -> int | None:
    """The offset behind all that was fetched, and behind what a fetch never returns: markers of transactions, records that were aborted
    or have expired. None while the consumer has none."""
    try:
        async with asyncio.timeout(_POSITION_SECONDS):
            found: int = await consumer.position(place)
    except (IllegalStateError, TimeoutError):
        return None
    return found


def at_end(consumer: AIOKafkaConsumer, place: TopicPartition, position: int) -> bool:
    """Whether ``position`` has come to what could be read when something was last fetched."""
    if place not in consumer.assignment():
        return True  # a rebalance took it away
    ends = (consumer.highwater(place), consumer.last_stable_offset(place))
    known = [end for end in ends if end is not None and end >= 0]
    return not known or position >= min(known)


def is_held(consumer: AIOKafkaConsumer, place: TopicPartition, position: int) -> bool:
    """Whether an open transaction of somebody lets nobody read on: Kafka ends it, in 15 minutes by its default."""
    if place not in consumer.assignment():
        return False
    stable, end = consumer.last_stable_offset(place), consumer.highwater(place)
    return stable is not None and end is not None and 0 <= stable < end and position >= stable


def portions(batch: list[Any]) -> Iterator[list[Any]]:
    """The batch in order, cut so that each portion has a bounded number of records and bytes."""
    portion: list[Any] = []
    size = 0
    for record in batch:
        portion.append(record)
        size += len(record.value or b"")
        if len(portion) >= _PORTION_RECORDS or size >= _PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
