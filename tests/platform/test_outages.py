"""Kafka and PostgreSQL killed, restarted and wiped under a relay and a consumer: nothing is lost, nothing takes effect twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import psycopg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from deploy.local.testing import KafkaHandle, PostgresHandle, create_database, kafka_cluster, postgres_server
from shared.contracts.errors import Transient
from shared.platform import tables
from shared.platform.bus import Consumer, Policy
from shared.platform.cloudevents import Received
from shared.platform.db import Database, Tx
from shared.platform.kafka import Kafka
from shared.platform.metrics import Metrics
from shared.platform.outbox import Outbox
from shared.platform.relay import Relay
from tests.platform.garden import Planted, eventually, planted

TOPIC = "garden.outages"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaHandle]:
    with kafka_cluster(tmp_path_factory.mktemp("kafka")) as handle:
        yield handle


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresHandle]:
    with postgres_server(tmp_path_factory.mktemp("postgres"), durable=True) as handle:
        yield handle


async def make_topic(bootstrap: str) -> None:
    async def made() -> bool:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        try:
            await admin.start()
            await admin.create_topics([NewTopic(TOPIC, 3, 1)])
            return TOPIC in await admin.list_topics()
        except KafkaError:
            return False
        finally:
            await admin.close()

    await eventually(made, within=30, what="the topic")


class Loop:
    """A service that hears what it tells: each tree that is stored here comes back through Kafka and is counted."""

    def __init__(self, dsn: str, bootstrap: str, group: str) -> None:
        self.db = Database(dsn, wait_seconds=2)
        self.kafka = Kafka(bootstrap, client_id="loop")
        self.metrics = Metrics("loop")
        self.outbox = Outbox(TOPIC, "garden")
        self.relay = Relay(self.db, self.kafka, self.outbox, self.metrics, republish_on_new_cluster=True)
        self.consumer = Consumer(
            self.db, self.kafka, group, {TOPIC: {Planted: self.on_planted}}, self.metrics, policy=Policy(tries=1)
        )

    async def on_planted(self, tx: Tx, received: Received[Planted]) -> None:
        await tx.execute(
            "insert into tree values (%s, 1) on conflict (id) do update set seen = tree.seen + 1", (received.event.key,)
        )

    async def plant(self, number: int) -> list[UUID]:
        """Store ``number`` trees, as a caller would who tries again while the service is away."""
        made = []
        for _ in range(number):
            tree = planted(uuid4())
            while True:
                try:
                    async with self.db.tx() as tx:
                        await self.outbox.add(tx, tree)
                    break
                except Transient:
                    await asyncio.sleep(0.1)
            made.append(tree.key)
        return made

    async def seen(self) -> dict[UUID, int]:
        async with self.db.tx() as tx:
            rows = await (await tx.execute("select id, seen from tree")).fetchall()
        return {row["id"]: row["seen"] for row in rows}

    async def all_seen_once(self, trees: list[UUID], *, within: float) -> None:
        async def holds() -> bool:
            return set(await self.seen()) == set(trees)

        await eventually(holds, within=within, what=f"{len(trees)} trees")
        assert set((await self.seen()).values()) == {1}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        await self.db.open()
        tasks = [asyncio.create_task(each(stop)) for each in (self.relay.run, self.consumer.run)]
        try:
            yield
            assert not any(task.done() for task in tasks), "no outage ends a task"
        finally:
            stop.set()
            await asyncio.wait_for(asyncio.gather(*tasks), 60)
            await self.kafka.close()
            await self.db.close()


@pytest.fixture
async def loop(server: PostgresHandle, broker: KafkaHandle) -> AsyncIterator[Loop]:
    dsn = create_database(server.dsn)
    with psycopg.connect(dsn) as connection:
        tables.create(connection.execute)
        connection.execute("create table tree (id uuid primary key, seen integer not null)")
    await make_topic(broker.bootstrap)
    loop = Loop(dsn, broker.bootstrap, f"loop-{uuid4().hex[:8]}")
    async with loop.running():
        yield loop
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    await admin.delete_topics([TOPIC])
    await admin.close()


async def test_a_broker_that_is_killed_and_comes_back_delays_and_loses_nothing(loop: Loop, broker: KafkaHandle) -> None:
    trees = await loop.plant(50)
    await loop.all_seen_once(trees, within=30)
    await asyncio.to_thread(broker.kill)
    trees += await loop.plant(50)
    await asyncio.to_thread(broker.start)
    trees += await loop.plant(50)
    await loop.all_seen_once(trees, within=40)
    assert loop.consumer.alive() is None


async def test_a_database_that_is_killed_and_comes_back_delays_and_loses_nothing(
    loop: Loop, server: PostgresHandle
) -> None:
    trees = await loop.plant(50)
    planting = asyncio.create_task(loop.plant(300))
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    trees += await asyncio.wait_for(planting, 60)
    await loop.all_seen_once(trees, within=30)
    assert loop.consumer.alive() is None


async def test_a_cluster_made_anew_is_refilled_whole_and_nothing_takes_effect_twice(
    loop: Loop, broker: KafkaHandle
) -> None:
    trees = await loop.plant(50)
    await loop.all_seen_once(trees, within=30)
    await asyncio.to_thread(broker.wipe)
    trees += await loop.plant(20)
    await asyncio.to_thread(broker.start)
    await make_topic(broker.bootstrap)
    trees += await loop.plant(20)
    await loop.all_seen_once(trees, within=60)

    async def refilled() -> bool:
        return sum((await loop.kafka.end_offsets([TOPIC])).values()) >= len(trees)

    await eventually(refilled, within=40, what="a refilled topic")
    await loop.all_seen_once(trees, within=10)

    async def caught_up() -> bool:
        return (await loop.consumer.progress()).lag == 0

    await eventually(caught_up, within=40, what="no lag")
    assert set((await loop.seen()).values()) == {1}
