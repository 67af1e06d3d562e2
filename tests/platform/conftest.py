"""What the platform's tests stand on: a migrated database, unique topics, and events of a domain that is none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID, uuid4

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.contracts.base import PilotEvent
from shared.contracts.errors import Transient
from shared.platform import tables
from shared.platform.db import Database
from shared.platform.kafka import Kafka


class Planted(PilotEvent):
    """A tree was planted: what the others wait for."""

    owner: ClassVar[str] = "garden"
    species: str = "oak"


class Watered(PilotEvent):
    """A tree was watered, which may be heard of before its planting."""

    owner: ClassVar[str] = "garden"
    litres: int = 1


NOW = datetime(2026, 7, 6, 9, 0, tzinfo=UTC)


def planted(pilot_id: UUID | None = None, species: str = "oak") -> Planted:
    return Planted(pilot_id=pilot_id or uuid4(), at=NOW, species=species)


def watered(pilot_id: UUID, litres: int = 1) -> Watered:
    return Watered(pilot_id=pilot_id, at=NOW, litres=litres)


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

    async def make(partitions: int = 2) -> str:
        name = f"garden.{uuid4().hex[:12]}"
        await admin.create_topics([NewTopic(name, partitions, 1), NewTopic(f"{name}.dead", 1, 1)])
        made.extend((name, f"{name}.dead"))
        return name

    yield make
    if made:
        await admin.delete_topics(made)
    await admin.close()


async def eventually(
    condition: Callable[[], Awaitable[object]], *, within: float = 15.0, what: str = "the condition"
) -> None:
    """Wait until ``condition`` gives something true; fail after ``within`` seconds. What is transient is asked again."""
    try:
        async with asyncio.timeout(within):
            while True:
                with contextlib.suppress(Transient):
                    if await condition():
                        return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not come within {within} s") from None


async def read_topic(
    bootstrap: str, topic: str, *, count: int, within: float = 15.0
) -> list[ConsumerRecord[bytes, bytes]]:
    """The first ``count`` records of ``topic``, in the order of each partition."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    found: list[ConsumerRecord[bytes, bytes]] = []
    try:
        async with asyncio.timeout(within):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found.extend(records)
    except TimeoutError:
        raise AssertionError(f"{topic}: {len(found)} of {count} records came within {within} s") from None
    finally:
        await consumer.stop()
    return found
