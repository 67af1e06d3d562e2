"""A little service of no domain, and what feeds it: trees that were planted, and water that may be heard of before its tree."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from shared.contracts.base import Event, Meta, PilotEvent
from shared.contracts.errors import NotYet, Transient
from shared.platform import inbox
from shared.platform.bus import Consumer, Handlers, Policy
from shared.platform.cloudevents import Received, encode, key_of
from shared.platform.db import Database, Tx
from shared.platform.ids import uuid7
from shared.platform.kafka import Kafka
from shared.platform.metrics import Metrics


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
                await inbox.resend(tx, row["id"], by="ops-1", takers={self.group})


_SLACK = 4.0
"""Deadlines are written for a quiet machine; on a busy one the same is true a little later. Only a failure takes the whole of it."""


async def eventually(
    condition: Callable[[], Awaitable[object]], *, within: float = 15.0, what: str = "the condition"
) -> None:
    """Wait until ``condition`` gives something true; fail after ``within`` seconds of a quiet machine. What is transient is asked again."""
    try:
        async with asyncio.timeout(_SLACK * within):
            while True:
                with contextlib.suppress(Transient):
                    if await condition():
                        return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not come within {_SLACK * within} s") from None


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
