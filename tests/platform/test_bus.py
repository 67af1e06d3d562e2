"""The consumer and its four outcomes, on real PostgreSQL and Kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import structlog
from aiokafka import AIOKafkaProducer

from shared.contracts.base import Event, Meta
from shared.contracts.errors import NotYet, Poison, Transient
from shared.platform import context, inbox
from shared.platform.bus import Consumer, Handlers, Policy
from shared.platform.cloudevents import Received, encode, key_of
from shared.platform.db import Database, Tx
from shared.platform.ids import uuid7
from shared.platform.kafka import Kafka
from shared.platform.metrics import Metrics
from shared.platform.outbox import Outbox
from tests.platform.conftest import Planted, Watered, eventually, planted, watered

MakeTopic = Callable[..., Awaitable[str]]
QUICK = Policy(tries=2, try_pause=0.01, drain_seconds=0.05, longest_pause=0.1)


class Garden:
    """A little service: trees that were planted and the water that each has had, in the order in which it was told."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.handled: list[str] = []
        self.fail: Callable[[Event], Exception | None] = lambda event: None

    async def on_planted(self, tx: Tx, received: Received[Planted]) -> None:
        self._maybe_fail(received.event)
        await tx.execute("insert into tree (id) values (%s)", (received.event.pilot_id,))
        self.handled.append(f"planted {received.event.pilot_id}")

    async def on_watered(self, tx: Tx, received: Received[Watered]) -> None:
        self._maybe_fail(received.event)
        updated = await tx.execute(
            "update tree set water = water || %s where id = %s", (received.event.litres, received.event.pilot_id)
        )
        if updated.rowcount == 0:
            raise NotYet(f"tree {received.event.pilot_id}")
        self.handled.append(f"watered {received.event.litres}")

    def _maybe_fail(self, event: Event) -> None:
        error = self.fail(event)
        if error is not None:
            raise error

    async def water(self, pilot_id: UUID) -> list[int] | None:
        async with self.db.tx() as tx:
            row = await (await tx.execute("select water from tree where id = %s", (pilot_id,))).fetchone()
        return None if row is None else list(row["water"])

    async def aside(self) -> list[tuple[str, str]]:
        async with self.db.tx() as tx:
            cursor = await tx.execute("select state, reason from set_aside order by id")
            return [(row["state"], row["reason"]) for row in await cursor.fetchall()]


@pytest.fixture
async def garden(db: Database) -> Garden:
    async with db.tx() as tx:
        await tx.execute("create table tree (id uuid primary key, water int[] not null default '{}')")
    return Garden(db)


@pytest.fixture
async def producer(kafka_bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
    await producer.start()
    yield producer
    await producer.stop()


def record_of(event: Event, *, event_id: UUID | None = None, correlation: str = "c-1") -> dict[str, Any]:
    meta = Meta(
        id=event_id or uuid7(), type=event.type_name(), source="garden", time=event.at, correlation_id=correlation
    )
    return {"key": key_of(event.key), "value": event.data(), "headers": encode(meta)}


@asynccontextmanager
async def running(*consumers: Consumer) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(consumer.run(stop)) for consumer in consumers]
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 30)


class Bed:
    """Two topics, trees and water, and consumers of them that share one group."""

    def __init__(self, garden: Garden, kafka: Kafka, producer: AIOKafkaProducer, trees: str, waters: str) -> None:
        self.garden, self.kafka, self.producer = garden, kafka, producer
        self.trees, self.waters = trees, waters
        self.group = f"garden-{uuid4().hex[:8]}"
        self.metrics = Metrics("test")

    @property
    def handlers(self) -> Handlers:
        return {
            self.trees: {Planted: self.garden.on_planted},
            self.waters: {Watered: self.garden.on_watered},
        }

    def consumer(self, policy: Policy = QUICK, handlers: Handlers | None = None) -> Consumer:
        return Consumer(self.garden.db, self.kafka, self.group, handlers or self.handlers, self.metrics, policy=policy)

    async def send(self, topic: str, event: Event, **facts: Any) -> None:
        await self.producer.send_and_wait(topic, **record_of(event, **facts))

    async def water_is(self, pilot_id: UUID, expected: list[int]) -> None:
        async def holds() -> bool:
            return await self.garden.water(pilot_id) == expected

        await eventually(holds, what=f"water {expected}")

    async def aside_is(self, *states: str) -> None:
        async def holds() -> bool:
            return [state for state, _ in await self.garden.aside()] == list(states)

        await eventually(holds, what=f"set aside: {states}")

    async def quiet(self) -> None:
        async def holds() -> bool:
            progress = await self.consumer().progress()
            return progress.lag == 0

        await eventually(holds, what="no lag")

    async def resend_all(self) -> None:
        async with self.garden.db.tx() as tx:
            cursor = await tx.execute("select id from set_aside where state in ('poison', 'dead') order by id")
            for row in await cursor.fetchall():
                await inbox.resend(tx, row["id"], by="ops-1")


@pytest.fixture
async def bed(garden: Garden, kafka: Kafka, producer: AIOKafkaProducer, make_topic: MakeTopic) -> Bed:
    return Bed(garden, kafka, producer, await make_topic(2), await make_topic(2))


async def test_each_event_is_handled_once_in_the_order_of_its_key_however_often_it_is_sent(bed: Bed) -> None:
    tree = planted()
    first = uuid7()
    async with running(bed.consumer()):
        await bed.send(bed.trees, tree, event_id=first)
        for litres in range(5):
            again = uuid7()
            await bed.send(bed.waters, watered(tree.key, litres), event_id=again)
            await bed.send(bed.waters, watered(tree.key, litres), event_id=again)
        await bed.send(bed.trees, tree, event_id=first)
        await bed.water_is(tree.key, [0, 1, 2, 3, 4])
        await bed.quiet()
    assert await bed.garden.water(tree.key) == [0, 1, 2, 3, 4]
    assert await bed.garden.aside() == []


async def test_a_restart_goes_on_where_the_database_says_and_not_where_kafka_says(bed: Bed) -> None:
    tree = planted()
    async with running(bed.consumer()):
        await bed.send(bed.trees, tree)
        await bed.water_is(tree.key, [])
    # As after a restore from a backup: the database knows nothing of the tree, Kafka's offsets say that it was read.
    async with bed.garden.db.tx() as tx:
        await tx.execute("truncate tree, inbox, bus_position")
    async with running(bed.consumer()):
        await bed.water_is(tree.key, [])


async def test_positions_of_another_cluster_start_at_the_beginning_and_the_inbox_keeps_effects_single(bed: Bed) -> None:
    tree = planted()
    async with running(bed.consumer()):
        await bed.send(bed.trees, tree)
        await bed.send(bed.waters, watered(tree.key, 1))
        await bed.water_is(tree.key, [1])
    async with bed.garden.db.tx() as tx:
        await tx.execute("update bus_position set cluster_id = 'the-one-before', next_offset = 7000")
    async with running(bed.consumer()):
        await bed.send(bed.waters, watered(tree.key, 2))
        await bed.water_is(tree.key, [1, 2])
        await bed.quiet()
    assert await bed.garden.aside() == []


async def test_what_comes_too_early_is_parked_and_drained_in_order_when_it_can_be(bed: Bed) -> None:
    tree, other = planted(), planted()
    async with running(bed.consumer(Policy(drain_seconds=3600))):
        for litres in range(4):
            await bed.send(bed.waters, watered(tree.key, litres))
        await bed.aside_is("parked", "parked", "parked", "parked")
        await bed.send(bed.trees, other)
        await bed.send(bed.waters, watered(other.key, 9))
        await bed.water_is(other.key, [9])
        await bed.send(bed.trees, tree)
        await bed.water_is(tree.key, [0, 1, 2, 3])
        await bed.aside_is()


async def test_the_periodic_pass_drains_what_no_record_of_the_key_announces(bed: Bed) -> None:
    tree = planted()
    async with running(bed.consumer()):
        await bed.send(bed.waters, watered(tree.key, 5))
        await bed.aside_is("parked")
        async with bed.garden.db.tx() as tx:
            await tx.execute("insert into tree (id) values (%s)", (tree.key,))
        await bed.water_is(tree.key, [5])


async def test_a_parked_record_is_dead_only_when_it_is_old_and_nothing_it_waits_for_can_still_come(bed: Bed) -> None:
    tree, blocked = planted(), planted(species="rotten")
    bed.garden.fail = lambda event: (
        Poison("rotten") if isinstance(event, Planted) and event.species == "rotten" else None
    )
    consumer = bed.consumer()
    async with running(consumer):
        await bed.send(bed.waters, watered(tree.key, 1))
        await bed.send(bed.trees, blocked)
        await eventually(lambda: _count(bed.garden, 2), what="two set aside")
        await bed.quiet()

        async def expire() -> list[str]:
            await consumer._outcomes.expire(consumer._caught_up, consumer._awaits)
            return sorted(state for state, _ in await bed.garden.aside())

        assert await expire() == ["parked", "poison"], "young"
        async with bed.garden.db.tx() as tx:
            await tx.execute("update set_aside set waits_since = now() - interval '25 hours' where state = 'parked'")
        assert await expire() == ["parked", "poison"], "something is poisoned where it might come from"
        async with bed.garden.db.tx() as tx:
            await tx.execute("delete from set_aside where state = 'poison'")
        assert await expire() == ["dead"]
        await bed.send(bed.trees, tree)
        await bed.water_is(tree.key, [])
        await bed.resend_all()
        await bed.water_is(tree.key, [1])
        await bed.aside_is("done")


async def _count(garden: Garden, number: int) -> bool:
    return len(await garden.aside()) == number


async def test_poison_is_kept_with_its_reason_what_follows_waits_and_ops_resend_it_in_order(bed: Bed) -> None:
    tree = planted()
    bed.garden.fail = lambda event: Poison("frozen") if isinstance(event, Watered) and event.litres == 2 else None
    async with running(bed.consumer()):
        await bed.send(bed.trees, tree)
        for litres in range(1, 5):
            await bed.send(bed.waters, watered(tree.key, litres))
        await bed.aside_is("poison", "parked", "parked")
        assert (await bed.garden.aside())[0] == ("poison", "frozen")
        assert await bed.garden.water(tree.key) == [1]
        await bed.resend_all()
        await eventually(lambda: _attempted(bed.garden), what="a second try that fails again")
        bed.garden.fail = lambda event: None
        await bed.resend_all()
        await bed.water_is(tree.key, [1, 2, 3, 4])
        await bed.aside_is("done")


async def _attempted(garden: Garden) -> bool:
    async with garden.db.tx() as tx:
        row = await (await tx.execute("select attempts from set_aside where state = 'poison'")).fetchone()
    return row is not None and row["attempts"] > 1


async def test_an_unexpected_error_is_tried_again_and_then_poison(bed: Bed) -> None:
    tree, second = planted(), planted()
    tries: list[UUID] = []

    def fail(event: Event) -> Exception | None:
        tries.append(event.key)
        if event.key == tree.key or tries.count(event.key) == 1:
            return KeyError("no such \x00 tree \ud800")
        return None

    bed.garden.fail = fail
    async with running(bed.consumer()):
        await bed.send(bed.trees, tree)
        await bed.send(bed.trees, second)
        await bed.water_is(second.key, [])
        await bed.aside_is("poison")
    assert tries.count(tree.key) == QUICK.tries
    assert "KeyError" in (await bed.garden.aside())[0][1]


@pytest.mark.parametrize(
    "spoil",
    [
        {"value": b"{not json"},
        {"value": b'{"pilot_id": 7}'},
        {"value": None},
        {"headers": []},
        {"headers": [("ce_specversion", b"\xff\xfe"), ("ce_id", b"x")]},
        {"headers": [("ce_specversion", b"1.0")]},
        {"key": b"\x00\xff not a pilot"},
        {"headers": [("ce_a\x00", b"\x00"), ("ce_specversion", b"\x00")]},
    ],
    ids=[
        "no json",
        "wrong fields",
        "no value",
        "no headers",
        "headers not text",
        "headers missing",
        "foreign key",
        "NUL",
    ],
)
async def test_a_record_that_cannot_be_read_is_poison_and_stops_nobody_else(bed: Bed, spoil: dict[str, Any]) -> None:
    broken, tree = planted(), planted()
    async with running(bed.consumer()):
        await bed.producer.send_and_wait(bed.trees, partition=0, **{**record_of(broken), **spoil})
        await bed.producer.send_and_wait(bed.trees, partition=0, **record_of(tree))
        await bed.water_is(tree.key, [])
        await bed.aside_is("poison")


async def test_events_of_no_concern_are_passed_over_and_counted(bed: Bed) -> None:
    tree = planted()
    async with running(bed.consumer()):
        await bed.producer.send_and_wait(bed.trees, partition=0, **record_of(watered(uuid4())))
        await bed.producer.send_and_wait(bed.trees, partition=0, **record_of(tree))
        await bed.producer.send_and_wait(bed.trees, partition=0, **record_of(watered(uuid4())))
        await bed.water_is(tree.key, [])
        await bed.quiet()
    labels = {"consumer": bed.group, "topic": bed.trees, "outcome": "ignored"}
    assert bed.metrics.registry.get_sample_value("haukiem_consumer_records_total", labels) == 2


async def test_what_is_transient_is_never_skipped(bed: Bed) -> None:
    tree = planted()
    failures = iter([Transient("away")] * 3 + [psycopg.OperationalError("gone")] * 3)
    bed.garden.fail = lambda event: next(failures, None)
    async with running(bed.consumer()):
        await bed.send(bed.trees, tree)
        await bed.send(bed.waters, watered(tree.key, 1))
        await bed.water_is(tree.key, [1])
    assert await bed.garden.aside() == []


async def test_a_database_that_loses_its_connections_loses_no_record(bed: Bed) -> None:
    trees = [planted() for _ in range(60)]
    async with running(bed.consumer()):
        for number, tree in enumerate(trees):
            await bed.send(bed.trees, tree)
            await bed.send(bed.waters, watered(tree.key, number))
            if number % 20 == 10:
                async with bed.garden.db.tx() as tx:
                    await tx.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity "
                        "where datname = current_database() and pid <> pg_backend_pid()"
                    )
        for number, tree in enumerate(trees):
            await bed.water_is(tree.key, [number])
    assert await bed.garden.aside() == []


async def test_at_the_limit_of_poison_the_consumer_stops_says_so_and_goes_on_when_mended(bed: Bed) -> None:
    consumer = bed.consumer(Policy(poison_limit=2, tries=1, drain_seconds=0.05))
    trees = [planted() for _ in range(4)]
    bed.garden.fail = lambda event: Poison("a bug of ours")
    async with running(consumer):
        for tree in trees:
            await bed.producer.send_and_wait(bed.trees, partition=0, **record_of(tree))

        async def stopped() -> bool:
            return consumer.alive() is not None

        await eventually(stopped)
        assert "2 records are set aside" in str(consumer.alive())
        assert len(await bed.garden.aside()) == 2
        bed.garden.fail = lambda event: None
        await bed.resend_all()
        for tree in trees:
            await bed.water_is(tree.key, [])
        assert consumer.alive() is None


async def test_a_consumer_whose_position_stands_still_is_not_alive(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.platform.bus.STUCK_SECONDS", 0.5)
    goes_on = asyncio.Event()

    async def hangs(tx: Tx, received: Received[Planted]) -> None:
        await goes_on.wait()

    consumer = bed.consumer(handlers={bed.trees: {Planted: hangs}, bed.waters: {}})
    async with running(consumer):
        await eventually(lambda: _measured(consumer), what="a first measurement")
        idle_for_an_hour = {place: at - 3600 for place, at in consumer._moved_at.items()}
        consumer._moved_at.update(idle_for_an_hour)
        began = time.monotonic()
        await bed.send(bed.trees, planted())

        async def stuck() -> bool:
            return consumer.alive() is not None

        await eventually(stuck)
        assert "stands still" in str(consumer.alive())
        assert time.monotonic() - began > 0.5, "time without anything to read is no standstill"
        goes_on.set()
        await bed.quiet()

        async def alive() -> bool:
            return consumer.alive() is None

        await eventually(alive)


async def _measured(consumer: Consumer) -> bool:
    return len(consumer._lag) == 4


async def test_two_consumers_share_the_partitions_and_hand_them_over_without_loss_or_doubles(bed: Bed) -> None:
    trees = [planted() for _ in range(120)]

    async def feed() -> None:
        for number, tree in enumerate(trees):
            await bed.send(bed.trees, tree)
            await bed.send(bed.waters, watered(tree.key, number))

    async with running(bed.consumer()):
        feeding = asyncio.create_task(feed())
        async with running(bed.consumer()):
            await bed.water_is(trees[30].key, [30])
        await feeding
        for number, tree in enumerate(trees):
            await bed.water_is(tree.key, [number])
        await bed.quiet()
    assert await bed.garden.aside() == []
    assert sorted(bed.garden.handled) == sorted(
        [f"planted {tree.key}" for tree in trees] + [f"watered {number}" for number in range(len(trees))]
    )


async def test_correlation_and_cause_reach_the_events_and_logs_of_a_handler(bed: Bed) -> None:
    tree, cause = planted(), uuid7()
    outbox = Outbox("answers", "garden")
    bound: list[str | None] = []

    async def on_planted(tx: Tx, received: Received[Planted]) -> None:
        bound.append(context.known_correlation_id())
        await outbox.add(tx, watered(received.event.pilot_id))

    async with running(bed.consumer(handlers={bed.trees: {Planted: on_planted}})):
        await bed.send(bed.trees, tree, event_id=cause, correlation="request-42")

        async def answered() -> dict[str, Any] | None:
            async with bed.garden.db.tx() as tx:
                return await (await tx.execute("select correlation_id, causation_id from outbox")).fetchone()

        await eventually(answered)
        row = await answered()
    assert row == {"correlation_id": "request-42", "causation_id": cause}
    assert bound == ["request-42"]
    assert structlog.contextvars.get_contextvars() == {}


async def test_a_waiting_record_and_its_age_are_measured(bed: Bed) -> None:
    consumer = bed.consumer()
    async with running(consumer):
        await bed.send(bed.waters, watered(uuid4(), 1))
        await bed.aside_is("parked")
        async with bed.garden.db.tx() as tx:
            await tx.execute("update set_aside set waits_since = now() - %s", (timedelta(minutes=11),))
        await consumer._measure()
    labels = {"consumer": bed.group, "topic": bed.waters}
    assert bed.metrics.registry.get_sample_value("haukiem_consumer_parked_records", labels) == 1
    age = bed.metrics.registry.get_sample_value("haukiem_consumer_parked_oldest_seconds", labels)
    assert age is not None and age > 600
