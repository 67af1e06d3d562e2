"""The outbox and its relay, on real PostgreSQL and Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.errors import KafkaTimeoutError, OutOfOrderSequenceNumber
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat

from shared.contracts.base import content_hash
from shared.platform import context
from shared.platform.cloudevents import decode
from shared.platform.db import Database
from shared.platform.kafka import MAX_EVENT_BYTES, Kafka
from shared.platform.metrics import Metrics
from shared.platform.outbox import Outbox
from shared.platform.relay import Relay
from shared.platform.republishing import next_portion, republish
from tests.platform.garden import Planted, Watered, eventually, planted, read_topic, watered

MakeTopic = Callable[..., Awaitable[str]]


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[asyncio.Event]:
    """The relay runs within the block and is stopped, and must have ended well, after it."""
    stop = asyncio.Event()
    task = asyncio.create_task(relay.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def unsent(db: Database) -> int:
    async with db.tx() as tx:
        row = await (await tx.execute("select count(*) as n from outbox where sent_at is null")).fetchone()
    assert row is not None
    return int(row["n"])


async def test_what_is_committed_is_published_and_what_is_rolled_back_is_not(
    db: Database, kafka: Kafka, make_topic: MakeTopic
) -> None:
    topic = await make_topic()
    outbox = Outbox(topic, "garden")
    async with running(Relay(db, kafka, outbox, Metrics("test"))):
        with pytest.raises(ZeroDivisionError):
            async with db.tx() as tx:
                await outbox.add(tx, planted(species="ghost"))
                raise ZeroDivisionError
        async with db.tx() as tx:
            recorded = await outbox.add(tx, planted())
        (record,) = await read_topic(kafka.bootstrap, topic, count=1)
    received = decode(record, {Planted.type_name(): Planted})
    assert received is not None
    assert (received.event, received.meta, received.content_hash) == (
        recorded.event,
        recorded.meta,
        recorded.content_hash,
    )
    assert record.value is not None and content_hash(record.value) == recorded.content_hash


async def test_an_official_cloudevents_client_reads_what_we_write(
    db: Database, kafka: Kafka, make_topic: MakeTopic
) -> None:
    topic = await make_topic()
    outbox = Outbox(topic, "haukiem/garden")
    cause = uuid4()
    with context.bound("request-7", cause):
        async with db.tx() as tx:
            recorded = await outbox.add(tx, planted())
    async with running(Relay(db, kafka, outbox, Metrics("test"))):
        (record,) = await read_topic(kafka.bootstrap, topic, count=1)
    assert record.value is not None
    event = from_binary(KafkaMessage(dict(record.headers), record.key, record.value), JSONFormat())
    assert event.get_id() == str(recorded.meta.id)
    assert event.get_type() == "haukiem.garden.Planted.v1"
    assert event.get_source() == "haukiem/garden"
    assert event.get_specversion() == "1.0"
    assert event.get_datacontenttype() == "application/json"
    assert event.get_time() == recorded.event.at
    assert event.get_extension("correlationid") == "request-7"
    assert event.get_extension("causationid") == str(cause)
    data = event.get_data()
    assert isinstance(data, dict) and data["pilot_id"] == str(recorded.event.key)
    assert record.key == str(recorded.event.key).encode()


async def test_a_row_that_commits_after_a_later_id_is_published_too(
    db: Database, kafka: Kafka, make_topic: MakeTopic
) -> None:
    topic = await make_topic()
    outbox = Outbox(topic, "garden")
    slow, quick = planted(species="slow"), planted(species="quick")
    async with running(Relay(db, kafka, outbox, Metrics("test"))):
        async with db.tx() as late:
            await outbox.add(late, slow)
            async with db.tx() as tx:
                await outbox.add(tx, quick)
            assert [r.key for r in await read_topic(kafka.bootstrap, topic, count=1)] == [str(quick.key).encode()]
        records = await read_topic(kafka.bootstrap, topic, count=2)
    assert {record.key for record in records} == {str(slow.key).encode(), str(quick.key).encode()}


async def test_one_relay_publishes_and_another_takes_over_when_its_connection_dies(
    db: Database, database: str, kafka: Kafka, make_topic: MakeTopic
) -> None:
    topic = await make_topic(1)
    outbox = Outbox(topic, "garden")
    figures = [Metrics("one"), Metrics("two")]
    relays = [Relay(db, kafka, outbox, each) for each in figures]

    def active() -> list[float]:
        return [each.registry.get_sample_value("haukiem_relay_active") or 0.0 for each in figures]

    async def one_leads() -> bool:
        return sorted(active()) == [0.0, 1.0]

    async with running(relays[0]), running(relays[1]):
        await eventually(one_leads, what="a leader")
        for number in range(20):
            async with db.tx() as tx:
                await outbox.add(tx, watered(uuid4(), number))
            if number == 10:
                async with db.tx() as tx:
                    await tx.execute(
                        "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted"
                    )
        records = await read_topic(kafka.bootstrap, topic, count=20)
        await eventually(one_leads, what="a leader after the first one's connection died")
    seen = [decode(record, {Watered.type_name(): Watered}) for record in records]
    firsts = list(
        dict.fromkeys(each.event.litres for each in seen if each is not None and isinstance(each.event, Watered))
    )
    assert firsts == list(range(20))
    assert await unsent(db) == 0


class FailingKafka(Kafka):
    """Its producers fail some rounds, before or after Kafka took the batch."""

    def __init__(self, bootstrap: str, failures: list[tuple[str, Exception]]) -> None:
        super().__init__(bootstrap, client_id="failing")
        self.failures = failures
        self.built = 0

    def producer(self) -> Any:
        self.built += 1
        producer = super().producer()
        send_batch = producer.send_batch

        async def failing(batch: Any, topic: str, *, partition: int) -> Any:
            answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            if not self.failures:
                return await send_batch(batch, topic, partition=partition)
            when, error = self.failures.pop()
            if when == "after":
                await (await send_batch(batch, topic, partition=partition))
            answer.set_exception(error)
            return answer

        producer.send_batch = failing
        return producer


async def test_a_failed_producer_is_built_anew_and_first_occurrences_keep_their_order(
    db: Database, kafka: Kafka, make_topic: MakeTopic
) -> None:
    topic = await make_topic(1)
    outbox = Outbox(topic, "garden")
    failing = FailingKafka(
        kafka.bootstrap,
        [("after", KafkaTimeoutError()), ("before", OutOfOrderSequenceNumber()), ("after", OSError("gone"))],
    )
    pilot = uuid4()
    async with running(Relay(db, failing, outbox, Metrics("test"), batch=5)):
        for number in range(20):
            async with db.tx() as tx:
                await outbox.add(tx, watered(pilot, number))

        async def all_sent() -> bool:
            return await unsent(db) == 0

        await eventually(all_sent, what="an empty outbox")
    await failing.close()
    assert failing.built == 4
    end = (await kafka.end_offsets([topic]))[(topic, 0)]
    records = await read_topic(kafka.bootstrap, topic, count=end)
    numbers = [decode(record, {Watered.type_name(): Watered}).event.litres for record in records]  # type: ignore[union-attr]
    assert list(dict.fromkeys(numbers)) == list(range(20))
    assert len(numbers) > 20, "a batch whose answer was lost is sent again"


async def test_stopping_flushes_what_is_unsent(db: Database, kafka: Kafka, make_topic: MakeTopic) -> None:
    topic = await make_topic()
    outbox = Outbox(topic, "garden")
    metrics = Metrics("test")

    async def leads() -> bool:
        return metrics.registry.get_sample_value("haukiem_relay_active") == 1

    async with running(Relay(db, kafka, outbox, metrics, batch=10)):
        await eventually(leads, what="a leader")
        async with db.tx() as tx:
            await outbox.add_all(tx, [planted() for _ in range(200)])
    assert await unsent(db) == 0


async def test_republish_sends_the_same_bytes_again(db: Database, kafka: Kafka, make_topic: MakeTopic) -> None:
    topic = await make_topic(1)
    outbox = Outbox(topic, "garden")
    async with running(Relay(db, kafka, outbox, Metrics("test"))):
        async with db.tx() as tx:
            await outbox.add_all(tx, [planted() for _ in range(3)])
        await read_topic(kafka.bootstrap, topic, count=3)

        async def all_sent() -> bool:
            return await unsent(db) == 0

        await eventually(all_sent)
        async with db.tx() as tx:
            assert await republish(tx, from_id=2) == 2
        records = await read_topic(kafka.bootstrap, topic, count=5)
    content = [(record.key, record.value, tuple(record.headers), record.timestamp) for record in records]
    assert content[3:] == content[1:3]


async def sent_numbers(kafka: Kafka, topic: str, count: int) -> list[int]:
    records = await read_topic(kafka.bootstrap, topic, count=count)
    return [decode(record, {Watered.type_name(): Watered}).event.litres for record in records]  # type: ignore[union-attr]


async def test_what_is_sent_again_goes_out_in_portions_after_a_crash_too_and_new_events_wait_for_it(
    db: Database, kafka: Kafka, make_topic: MakeTopic
) -> None:
    topic, key = await make_topic(1), uuid4()
    outbox = Outbox(topic, "garden")
    async with db.tx() as tx:
        await outbox.add_all(tx, [watered(key, number) for number in range(10)])
        await tx.execute("update outbox set sent_at = now()")
    async with db.tx() as tx:
        assert await republish(tx) == 10
        assert await next_portion(tx, 3)
    assert await unsent(db) == 3
    with pytest.raises(ZeroDivisionError):
        async with db.tx() as tx:
            await tx.execute("select 1")  # opens the transaction that is lost below
            await next_portion(tx, 3)
            raise ZeroDivisionError
    assert await unsent(db) == 3, "a portion is marked whole, and the range moved, or neither"
    async with db.tx() as tx:
        await outbox.add(tx, watered(key, 10))  # among the unsent, while most of the past is not
    relay = Relay(db, kafka, outbox, Metrics("test"), portion=3)
    assert (await relay._count())["outbox_unsent_events"] == {(): 11}
    async with running(relay):
        assert await sent_numbers(kafka, topic, 11) == list(range(11))

        async def all_sent() -> bool:
            return (await relay._count())["outbox_unsent_events"] == {(): 0}

        await eventually(all_sent)
    assert (await kafka.end_offsets([topic]))[(topic, 0)] == 11
    async with db.tx() as tx:
        assert not await next_portion(tx, 3), "nothing is left to send again"


async def test_asked_twice_to_send_again_it_sends_the_wider_range_once(
    db: Database, kafka: Kafka, make_topic: MakeTopic
) -> None:
    topic, key = await make_topic(1), uuid4()
    outbox = Outbox(topic, "garden")
    async with db.tx() as tx:
        assert await republish(tx) == 0, "of nothing"
        await outbox.add_all(tx, [watered(key, number) for number in range(6)])
        await tx.execute("update outbox set sent_at = now()")
        assert await republish(tx, from_id=5) == 2
        assert await republish(tx, from_id=7) == 2
        assert await republish(tx, from_id=3) == 4
    async with running(Relay(db, kafka, outbox, Metrics("test"), portion=2)):
        assert await sent_numbers(kafka, topic, 4) == [2, 3, 4, 5]


@pytest.mark.parametrize(("at_once", "rows"), [(True, 3), (False, 0)])
async def test_another_cluster_is_said_and_the_rows_are_sent_again_if_so_set(
    db: Database, kafka: Kafka, make_topic: MakeTopic, at_once: bool, rows: int
) -> None:
    topic = await make_topic(1)
    outbox = Outbox(topic, "garden")
    async with db.tx() as tx:
        await outbox.add_all(tx, [planted() for _ in range(3)])
        await tx.execute("update outbox set sent_at = now()")
        await tx.execute("insert into kafka_cluster (name, cluster_id) values ('relay', 'the-one-before')")
    metrics = Metrics("test")
    async with running(Relay(db, kafka, outbox, metrics, republish_on_new_cluster=at_once)):

        async def noticed() -> bool:
            return metrics.registry.get_sample_value("haukiem_kafka_cluster_changes_total", {"by": "relay"}) == 1

        await eventually(noticed)
    assert (await kafka.end_offsets([topic]))[(topic, 0)] == rows


async def test_an_event_that_kafka_would_refuse_is_refused_before_it_is_stored(db: Database) -> None:
    outbox = Outbox("nowhere", "garden")
    with pytest.raises(ValueError, match="cut it into parts"):
        async with db.tx() as tx:
            await outbox.add(tx, planted(species="x" * MAX_EVENT_BYTES))


async def test_backlog_and_its_age_are_measured(db: Database, kafka: Kafka) -> None:
    outbox = Outbox("nowhere", "garden")
    metrics = Metrics("test")
    relay = Relay(db, kafka, outbox, metrics)
    async with db.tx() as tx:
        await outbox.add_all(tx, [planted(), planted()])
        await tx.execute("update outbox set recorded_at = now() - interval '90 seconds'")
    await relay._figures.refresh()
    assert metrics.registry.get_sample_value("haukiem_outbox_unsent_events") == 2
    age = metrics.registry.get_sample_value("haukiem_outbox_oldest_unsent_seconds")
    assert age is not None and 90 <= age < 120
