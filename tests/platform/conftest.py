"""What the platform's tests stand on: a migrated database, unique topics, and a garden that hears of trees and water."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import psycopg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.platform import tables
from shared.platform.db import Database
from shared.platform.kafka import Kafka
from tests.platform.garden import Bed, Garden, eventually

__all__ = ["eventually"]


@pytest.fixture
def database(fresh_database: str) -> str:
    """The DSN of a database with the platform's tables."""
    with psycopg.connect(fresh_database) as connection:
        tables.create(connection.execute)
    return fresh_database


@pytest.fixture
async def db(database: str) -> AsyncIterator[Database]:
    db = Database(database)
    await db.open()
    yield db
    await db.close()


@pytest.fixture
async def kafka(kafka_bootstrap: str) -> AsyncIterator[Kafka]:
    kafka = Kafka(kafka_bootstrap, client_id="test")
    yield kafka
    await kafka.close()


@pytest.fixture
async def make_topic(kafka_bootstrap: str) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Makes a topic of a name of its own, with its dead-letter topic, and takes both away after the test."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    made: list[str] = []

    async def make(partitions: int = 2, **configs: str) -> str:
        name = f"garden.{uuid4().hex[:12]}"
        named = {config.replace("_", "."): value for config, value in configs.items()}
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=named), NewTopic(f"{name}.dead", 1, 1)])
        made.extend((name, f"{name}.dead"))

        async def known() -> bool:
            return not any(one["error_code"] for one in await admin.describe_topics([name, f"{name}.dead"]))

        await eventually(known, what=f"the broker knows {name}")
        return name

    yield make
    if made:
        await admin.delete_topics(made)
    await admin.close()


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


@pytest.fixture
async def bed(
    garden: Garden, kafka: Kafka, producer: AIOKafkaProducer, make_topic: Callable[..., Awaitable[str]]
) -> Bed:
    return Bed(garden, kafka, producer, await make_topic(2), await make_topic(2))
