"""How records are fetched: the settings of the consumer, and the portions in which a batch is judged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer

from shared.platform.kafka import Kafka

_PORTION_RECORDS = 2_000
_PORTION_BYTES = 500_000


def new_consumer(kafka: Kafka, group: str) -> AIOKafkaConsumer:
    """A consumer that is not subscribed yet. It commits nothing by itself: where to read on stands in our database."""
    return AIOKafkaConsumer(
        **kafka.connection,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        session_timeout_ms=10_000,
        heartbeat_interval_ms=3_000,
        metadata_max_age_ms=30_000,
    )


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
