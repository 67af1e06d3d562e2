"""Whatever record Kafka has taken is read, by the engine, by the consumers of events and by the event log; and nobody else pays for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from aiokafka.errors import CorruptRecordException

from deploy.cli.eventlog import event_log
from services.monitoring.handlers.facts import partition_of
from shared.contracts.numbers import SCALE
from shared.contracts.topics import METRICS
from shared.platform import unpacking
from shared.platform.cloudevents import key_of
from shared.platform.kafka import Kafka
from tests.monitoring_samples import AUDIENCE, at
from tests.platform.conftest import eventually
from tests.platform.engine_stand import Stand, record, stand
from tests.platform.garden import Bed, planted, record_of, running
from tests.platform.odd_records import CODECS, STAND_IN, Sent, send_batch

COMPRESSIONS = pytest.mark.parametrize("compression", [None, *CODECS])
MakeTopic = Callable[..., Awaitable[str]]


@pytest.fixture
async def site(fresh_database: str, kafka: Kafka, make_topic: MakeTopic) -> AsyncIterator[Stand]:
    async with stand(fresh_database, kafka, make_topic) as found:
        yield found


def visitors(pilot: UUID, sequence: int) -> bytes:
    return record(pilot, sequence, {"metric": "audience_live", "at": at("2026-07-20 08:00"), "value": "1"})


def reports(pilot: UUID, count: int, *headers: tuple[str, bytes | None]) -> list[Sent]:
    return [(key_of(pilot), visitors(pilot, sequence), headers) for sequence in range(1, count + 1)]


async def counted(site: Stand, pilot: UUID, number: int) -> None:
    async def holds() -> bool:
        return bool(await site.total(pilot, "audience_live") == number * SCALE)

    await eventually(holds, within=20, what=f"{number} reports counted")


@COMPRESSIONS
async def test_the_engine_reads_what_any_producer_compressed(site: Stand, compression: str | None) -> None:
    pilot = await site.pilot(AUDIENCE)
    place = partition_of(site.desk, key_of(pilot))
    async with site.running() as engine:
        await send_batch(site.kafka.bootstrap, site.topic, place, *reports(pilot, 5), compression=compression)
        await counted(site, pilot, 5)
    assert engine.failures == 0


@pytest.mark.parametrize("compression", CODECS)
async def test_the_engine_reads_what_the_broker_compressed(
    fresh_database: str, kafka: Kafka, make_topic: MakeTopic, compression: str
) -> None:
    """As Kafka's own Java library writes it."""
    async with stand(fresh_database, kafka, make_topic, compression_type=compression) as site:
        pilot = await site.pilot(AUDIENCE)
        async with site.running():
            await send_batch(
                site.kafka.bootstrap, site.topic, partition_of(site.desk, key_of(pilot)), *reports(pilot, 5)
            )
            await counted(site, pilot, 5)


@COMPRESSIONS
async def test_a_consumer_of_events_reads_what_any_producer_compressed(bed: Bed, compression: str | None) -> None:
    trees = [planted() for _ in range(3)]
    async with running(bed.consumer()):
        await send_batch(bed.kafka.bootstrap, bed.trees, 0, *map(sent, trees), compression=compression)
        for tree in trees:
            await bed.water_is(tree.key, [])


@COMPRESSIONS
async def test_the_event_log_reads_what_any_producer_compressed(
    kafka: Kafka, make_topic: MakeTopic, compression: str | None
) -> None:
    found = await log_of(kafka, make_topic, [(b"k", b"one", []), (b"k", b"two", [])], compression)
    assert found == [b"one", b"two"]


@COMPRESSIONS
async def test_a_header_name_that_is_no_text_stops_neither_the_engine_nor_its_batch(
    site: Stand, compression: str | None
) -> None:
    """Headers that we do not know say nothing: the report counts, and so does what stands before and behind it."""
    pilot = await site.pilot(AUDIENCE)
    place = partition_of(site.desk, key_of(pilot))
    batch = reports(pilot, 5)
    batch[2] = (*batch[2][:2], [("before", b""), (STAND_IN, b"x"), ("after", None)])
    async with site.running() as engine:
        await send_batch(site.kafka.bootstrap, site.topic, place, *batch, compression=compression)
        await counted(site, pilot, 5)
        await send_batch(site.kafka.bootstrap, site.topic, place, (key_of(pilot), visitors(pilot, 6), []))
        await counted(site, pilot, 6)
    assert engine.failures == 0


async def test_an_offset_that_a_producer_made_up_costs_others_no_report(site: Stand) -> None:
    liar, pilot = await site.pilot(AUDIENCE), await site.pilot(AUDIENCE)
    while partition_of(site.desk, key_of(pilot)) != partition_of(site.desk, key_of(liar)):
        pilot = await site.pilot(AUDIENCE)
    place = partition_of(site.desk, key_of(pilot))
    async with site.running() as engine:
        await send_batch(site.kafka.bootstrap, site.topic, place, *reports(liar, 3), claimed=50)
        await counted(site, liar, 3)
        await send_batch(site.kafka.bootstrap, site.topic, place, *reports(pilot, 5))
        await counted(site, pilot, 5)
        assert await site.read() == 8
    assert engine.failures == 0


@COMPRESSIONS
async def test_a_header_name_that_is_no_text_stops_no_consumer_of_events(bed: Bed, compression: str | None) -> None:
    """Neither the records of its batch, nor those that were fetched with it of other partitions."""
    odd, *others = [planted() for _ in range(20)]
    for number, tree in enumerate(others):
        if number == 10:
            key, value, headers = sent(odd)
            batch = (sent(planted()), (key, value, [*headers, (STAND_IN, b"x")]), sent(planted()))
            await send_batch(bed.kafka.bootstrap, bed.trees, 0, *batch, compression=compression)
        await bed.producer.send_and_wait(bed.trees, partition=number % 2, **record_of(tree))
    async with running(bed.consumer()):
        for tree in (odd, *others):
            await bed.water_is(tree.key, [])
        await bed.quiet()
    assert await bed.garden.aside() == []
    assert len(bed.garden.handled) == 22


async def test_a_batch_that_came_wrong_over_the_wire_costs_no_record_of_another_partition(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka raises when it has taken the records of the others out of its hands already: they would be passed over."""
    trees = [planted() for _ in range(6)]
    for number, tree in enumerate(trees):
        await bed.producer.send_and_wait(bed.trees, partition=number % 2, **record_of(tree))
    read: list[Any] = []
    library = unpacking._Records.__mro__[1]
    right = library._unpack_records

    def wrong(self: Any) -> Any:
        if self._tp.topic == bed.trees and len(read) < 3 and (len(read) == 2 or self._tp not in read):
            read.append(self._tp)
            if len(read) > 1:
                raise CorruptRecordException("planted")
        yield from right(self)

    monkeypatch.setattr(library, "_unpack_records", wrong)
    async with running(bed.consumer()):
        for tree in trees:
            await bed.water_is(tree.key, [])
    assert len(read) == 3


async def test_the_event_log_reads_a_header_name_that_is_no_text(kafka: Kafka, make_topic: MakeTopic) -> None:
    records: list[Sent] = [(b"k", b"one", []), (b"k", b"two", [(STAND_IN, b"")]), (b"k", b"three", [])]
    assert await log_of(kafka, make_topic, records, None) == [b"one", b"two", b"three"]


def sent(event: Any) -> Sent:
    found = record_of(event)
    return found["key"], found["value"], found["headers"]


async def log_of(kafka: Kafka, make_topic: MakeTopic, records: list[Sent], compression: str | None) -> list[bytes]:
    topic = replace(METRICS, name=await make_topic(1), partitions=1)
    await send_batch(kafka.bootstrap, topic.name, 0, *records, compression=compression)
    async with event_log(kafka.bootstrap) as log:
        return [one.data for one in await log.whole([topic])]
