"""The consumer on real PostgreSQL and Kafka: each event once and in order, restarts, rebalances, outages, liveness."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import Any

import psycopg
import pytest
import structlog
from structlog.testing import capture_logs

from shared.contracts.errors import Transient
from shared.platform import context, inbox
from shared.platform.bus import Consumer
from shared.platform.cloudevents import Received
from shared.platform.db import Tx
from shared.platform.ids import uuid7
from shared.platform.kafka import Ends
from shared.platform.outbox import Outbox
from tests.platform.garden import Bed, Planted, eventually, planted, record_of, running, watered


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
    consumer = bed.consumer()
    progress = await consumer.progress()
    assert (progress.consumed, progress.lag) == (0, 2), (
        "what was read of a cluster that is gone says nothing of this one"
    )
    assert not await consumer._caught_up([bed.trees])
    async with running(bed.consumer()):
        await bed.send(bed.waters, watered(tree.key, 2))
        await bed.water_is(tree.key, [1, 2])
        await bed.quiet()
    assert await bed.garden.aside() == []


async def test_a_position_past_the_end_starts_at_the_beginning(bed: Bed) -> None:
    tree = planted()
    async with running(bed.consumer()):
        await bed.send(bed.trees, tree)
        await bed.water_is(tree.key, [])
    async with bed.garden.db.tx() as tx:
        await tx.execute("update bus_position set next_offset = 7000")
    with capture_logs() as said:
        async with running(bed.consumer()):
            await bed.send(bed.waters, watered(tree.key, 1))
            await bed.water_is(tree.key, [1])
            await bed.quiet()
    assert sum(one["event"] == "position_dropped" for one in said) == 4


async def test_a_worker_that_moves_on_while_another_looks_for_its_place_makes_no_position_look_past_the_end(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = planted(), planted()
    async with running(bed.consumer()):
        await bed.producer.send_and_wait(bed.trees, partition=0, **record_of(first))
        await bed.water_is(first.key, [])
    asked = bed.kafka.end_offsets
    handled: list[int] = []

    async def end_offsets(topics: Collection[str]) -> Ends:
        ends = await asked(topics)
        if not handled:  # only now the one that is being fenced off handles one more
            sent = await bed.producer.send_and_wait(bed.trees, partition=0, **record_of(second))
            handled.append(sent.offset)
            async with bed.garden.db.tx() as tx:
                await tx.execute(
                    "update bus_position set next_offset = %s where topic = %s and partition = 0",
                    (sent.offset + 1, bed.trees),
                )
        return ends

    monkeypatch.setattr(bed.kafka, "end_offsets", end_offsets)
    with capture_logs() as said:
        async with running(bed.consumer()):
            await bed.send(bed.waters, watered(first.key, 1))
            await bed.water_is(first.key, [1])
            await bed.quiet()
    assert handled == [1]
    assert not [one for one in said if one["event"] == "position_dropped"]


async def test_a_position_that_was_moved_meanwhile_is_not_set_back(bed: Bed) -> None:
    async with bed.garden.db.tx() as tx:
        await inbox.place(tx, "g", "c", "t", 0)
        await tx.execute("update bus_position set next_offset = 9")
        assert not await inbox.restart(tx, "g", "c", "t", 0, was=8)
        assert await inbox.place(tx, "g", "c", "t", 0) == (9, False)
        assert await inbox.restart(tx, "g", "c", "t", 0, was=9)
        assert await inbox.place(tx, "g", "c", "t", 0) == (0, False)


async def test_any_of_several_brokers_will_do_to_begin_with(bed: Bed) -> None:
    bed.kafka.bootstrap = f"127.0.0.1:1,{bed.kafka.bootstrap},localhost:1"
    tree = planted()
    consumer = bed.consumer()
    async with running(consumer):
        await bed.send(bed.trees, tree)
        await bed.water_is(tree.key, [])
        await consumer.ready()


async def test_a_consumer_that_never_reached_kafka_is_not_ready(bed: Bed) -> None:
    bed.kafka.bootstrap = "127.0.0.1:1"
    consumer = bed.consumer()
    await consumer.ready()  # a process without workers consumes nothing and misses nothing

    async def unready() -> bool:
        try:
            await consumer.ready()
        except Transient as missing:
            return "is not connected to Kafka at 127.0.0.1:1" in str(missing)
        return False

    async with running(consumer):
        await eventually(unready)


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


async def test_a_consumer_whose_position_stands_still_is_not_alive(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.platform.bus.STUCK_SECONDS", 0.5)
    goes_on = asyncio.Event()

    async def hangs(tx: Tx, received: Received[Planted]) -> None:
        await goes_on.wait()

    consumer = bed.consumer(handlers={bed.trees: {Planted: hangs}, bed.waters: {}})
    async with running(consumer):
        await eventually(lambda: _measured(consumer), what="a first measurement")
        idle_for_an_hour = {place: at - 3600 for place, at in consumer._lag._moved_at.items()}
        consumer._lag._moved_at.update(idle_for_an_hour)
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
    return len(consumer._lag._behind) == 4


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
