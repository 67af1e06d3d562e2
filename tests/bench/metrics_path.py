"""First figure of the metrics path: ``python -m tests.bench.metrics_path [--records N] [--pilots N]``.

The same records are read twice in one run, by one process each time: by a bare aiokafka ``getmany`` with a msgspec decode that keeps
nothing, and by the engine, from Kafka to the durable rollup with its identities, rules and offsets. The table goes to stdout and, between
its two marks, into docs/performance.md. CPU seconds are those of the reading process; Kafka and PostgreSQL run beside it on the same cores.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import structlog
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import DefaultPartitioner

from deploy.local.testing import create_database, drop_database, shared_server
from shared.platform.cloudevents import key_of
from shared.platform.kafka import Kafka
from tests.bench.document import publish
from tests.monitoring_samples import AUDIENCE, CROWD, at
from tests.platform.conftest import eventually
from tests.platform.engine_stand import Stand, stand

PARTITIONS = 4
FIRST = at("2026-07-20 00:00")


class _Sample(msgspec.Struct, gc=False):
    metric: str
    at: str
    value: str


class _Record(msgspec.Struct, gc=False):
    pilot_id: str
    sequence: int
    samples: list[_Sample]


@dataclass(frozen=True)
class Drain:
    """One reading of all records."""

    samples: int
    wall: float
    cpu: float

    @property
    def per_second(self) -> float:
        return self.samples / self.wall

    @property
    def per_cpu_second(self) -> float:
        return self.samples / self.cpu


def values(pilots: Sequence[UUID], records: int, width: int) -> Iterator[tuple[UUID, bytes]]:
    """Deltas of one metric, every pilot in its turn, a minute between its records; within the caps."""
    for number in range(records):
        pilot = pilots[number % len(pilots)]
        sequence = number // len(pilots) + 1
        when = (FIRST + timedelta(seconds=sequence)).isoformat()
        sample = {"metric": "audience_live", "at": when, "value": "0.0001"}
        body = {"pilot_id": str(pilot), "sequence": sequence, "samples": [sample] * width}
        yield pilot, json.dumps(body, separators=(",", ":")).encode()


async def fill(bootstrap: str, topic: str, pilots: Sequence[UUID], records: int, width: int) -> None:
    """Write the records in batches, to the partition that a default producer would choose."""
    choose = DefaultPartitioner()
    numbers = list(range(PARTITIONS))
    place = {pilot: choose(key_of(pilot), numbers, numbers) for pilot in pilots}
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=1_000_000, enable_idempotence=True)
    await producer.start()
    try:
        batches = {number: producer.create_batch() for number in numbers}
        for pilot, value in values(pilots, records, width):
            number = place[pilot]
            if batches[number].append(key=key_of(pilot), value=value, timestamp=None) is None:
                await (await producer.send_batch(batches[number], topic, partition=number))
                batches[number] = producer.create_batch()
                batches[number].append(key=key_of(pilot), value=value, timestamp=None)
        for number, batch in batches.items():
            if batch.record_count():
                await (await producer.send_batch(batch, topic, partition=number))
    finally:
        await producer.stop()


async def bare(bootstrap: str, topic: str, records: int) -> Drain:
    """The anchor: read and decode, keep nothing."""
    decoder = msgspec.json.Decoder(_Record)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", max_partition_fetch_bytes=4 * 1024 * 1024
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(PARTITIONS)])
        read = samples = 0
        wall, cpu = time.perf_counter(), time.process_time()
        while read < records:
            for batch in (await consumer.getmany(timeout_ms=100, max_records=10_000)).values():
                read += len(batch)
                samples += sum(len(decoder.decode(record.value).samples) for record in batch)
        return Drain(samples, time.perf_counter() - wall, time.process_time() - cpu)
    finally:
        await consumer.stop()


async def engine(site: Stand, records: int, width: int) -> Drain:
    """The same records to durable rollups."""

    async def all_read() -> bool:
        return await site.read() >= records

    async def placed() -> bool:
        return bool(working.partitions)

    async with site.running() as working:
        # Joining the group takes seconds and says nothing of the path.
        await eventually(placed, within=60, what="the partitions")
        wall, cpu = time.perf_counter(), time.process_time()
        await eventually(all_read, within=900, what="the end of the topic")
        return Drain(records * width, time.perf_counter() - wall, time.process_time() - cpu)


async def measure(kafka: Kafka, dsn: str, pilots: int, records: int, width: int) -> tuple[Drain, Drain]:
    """One row of the table."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    made: list[str] = []

    async def make_topic(partitions: int = PARTITIONS) -> str:
        made.append(f"bench.{uuid4().hex[:12]}")
        await admin.create_topics([NewTopic(made[-1], partitions, 1)])
        return made[-1]

    try:
        async with stand(dsn, kafka, make_topic, partitions=PARTITIONS) as site:
            known = [await site.pilot(AUDIENCE, CROWD) for _ in range(pilots)]
            site.clock.time = FIRST + timedelta(days=1)
            async with site.running() as warm:
                await eventually(lambda: site.quiet(warm), within=300, what="all pilots at hand")
            await fill(kafka.bootstrap, site.topic, known, records, width)
            return await bare(kafka.bootstrap, site.topic, records), await engine(site, records, width)
    finally:
        with suppress(Exception):
            await admin.delete_topics(made)
        await admin.close()


def table(rows: Sequence[tuple[str, Drain, Drain]]) -> str:
    head = (
        "| samples a record | bare drain, samples/s (per CPU-second) | engine, samples/s (per CPU-second) "
        "| ratio per CPU-second |\n|---|---|---|---|\n"
    )
    return head + "\n".join(
        f"| {name} | {anchor.per_second:,.0f} ({anchor.per_cpu_second:,.0f}) | {found.per_second:,.0f} "
        f"({found.per_cpu_second:,.0f}) | {found.per_cpu_second / anchor.per_cpu_second:.3f} |"
        for name, anchor, found in rows
    )


async def run(records: int, pilots: int) -> str:
    rows = []
    with shared_server("postgres") as admin_dsn, shared_server("kafka") as bootstrap:
        kafka = Kafka(bootstrap, client_id="bench")
        for width, count in ((1, records), (100, max(records // 20, pilots)), (1000, max(records // 200, pilots))):
            dsn = create_database(admin_dsn)
            try:
                rows.append((str(width), *await measure(kafka, dsn, pilots, count, width)))
            finally:
                drop_database(admin_dsn, dsn)
        await kafka.close()
    found = table(rows)
    return (
        f"From Kafka to the durable rollup, {pilots:,} pilots, {PARTITIONS} partitions, {records:,} records of one sample; "
        f"{os.cpu_count()} cores shared with Kafka and PostgreSQL, Python {platform.python_version()}. "
        f"The drain reads and decodes the same records and keeps nothing. Made by `make bench`.\n\n{found}"
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--records", type=int, default=200_000)
    asked.add_argument("--pilots", type=int, default=1_000)
    asked.add_argument("--no-document", action="store_true", help="print only")
    known = asked.parse_args()
    logging.disable(logging.ERROR)  # aiokafka's, about topics of the row before
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    text = uvloop.run(run(known.records, known.pilots))
    print(text)
    if not known.no_document:
        publish("Metrics path", "metrics path", text)


if __name__ == "__main__":
    main()
