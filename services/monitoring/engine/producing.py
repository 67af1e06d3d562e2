"""Brings reports taken over HTTP to Kafka: at once when they were stored, and again as long as the engine has not read them.

The requests of a pilot go out in the order in which they were stored, one after the other, so that none is read before what it corrects. No
lock between processes is needed for that: a request is marked when Kafka has all of it, and who sends a later one either finds the mark or sends
the earlier one first. What two of them sent counts once.
"""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.monitoring.engine.reading import CORRELATION, INTAKE, SIGNATURE
from services.monitoring.store import intake
from services.monitoring.store.intake import Stored
from shared.contracts.errors import Transient
from shared.platform.cloudevents import key_of
from shared.platform.db import Database, Tx
from shared.platform.kafka import Kafka
from shared.platform.waiting import wait_for_any

log = structlog.get_logger(__name__)

_LEFT_OVER = timedelta(seconds=5)
"""A request that is this old and not produced lost its process, or Kafka was away."""


class Producing:
    """One per process. A producer that failed is thrown away and made anew; what was sent twice counts once."""

    def __init__(self, db: Database, kafka: Kafka, topic: str) -> None:
        self._db = db
        self._kafka = kafka
        self._topic = topic
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._lanes: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def open(self) -> None:
        """Connects when it is first needed: a broker that is away delays work, not the start."""

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    async def produce(self, pilot_id: UUID, source: str, sequence: int) -> None:
        """Send the records of a stored request, unless they were sent, and before them those of the pilot's requests from before that were
        not. Raises ``Transient`` when Kafka does not take them."""
        async with self._db.tx() as tx:
            number = await intake.unproduced_number(tx, pilot_id, source, sequence)
        if number is not None:
            await self._catch_up(pilot_id, number)

    async def run(self, stop: asyncio.Event) -> None:
        """Send what was left over."""
        while not stop.is_set():
            try:
                async with self._db.tx() as tx:
                    left = await intake.unproduced(tx, _LEFT_OVER, 200)
                random.shuffle(left)  # processes that find the same pilots seldom meet at one
                for pilot_id, number in left:
                    await self._catch_up(pilot_id, number)
                await self._know_cluster()
            except Transient as error:
                log.warning("reports_wait", error=str(error))
            await wait_for_any(stop, seconds=2.0)

    async def again(self, tx: Tx) -> int:
        """Have everything sent again that the engine has not read. Gives the number of requests."""
        return await intake.produce_again(tx)

    async def _catch_up(self, pilot_id: UUID, number: int) -> None:
        """Send the pilot's requests up to ``number``. One is held in memory at a time, however many an outage left."""
        async with self._lanes.setdefault(pilot_id, asyncio.Lock()):
            while True:
                async with self._db.tx() as tx:
                    stored = await intake.next_unproduced(tx, pilot_id, number)
                if stored is None:
                    return
                await self._send(stored)

    async def _send(self, stored: Stored) -> None:
        key = key_of(stored.pilot_id)
        try:
            producer = await self._started()
            answers: list[asyncio.Future[Any]] = []
            for number, record in enumerate(stored.records):
                if number + 1 == len(stored.records):
                    await asyncio.gather(*answers)  # a last part that was read says that the others were read before it
                answers.append(await producer.send(self._topic, record, key, headers=_headers(stored, number)))
            await asyncio.gather(*answers)
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            raise Transient(f"Kafka did not take a report: {type(error).__name__} {error}") from error
        async with self._db.tx() as tx:
            await intake.mark_produced(tx, stored.pilot_id, stored.source, stored.sequence)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = self._kafka.producer()
                try:
                    async with asyncio.timeout(10):
                        await producer.start()
                except BaseException:
                    await _stop(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _know_cluster(self) -> None:
        """Another cluster has none of our records: what was not read is sent again."""
        cluster = await self._kafka.cluster_id()
        async with self._db.tx() as tx:
            if await intake.know_cluster(tx, cluster):
                log.error("kafka_cluster_changed", requests=await intake.produce_again(tx))


def _headers(stored: Stored, number: int) -> list[tuple[str, bytes]]:
    return [
        ("content-type", b"application/json"),
        (SIGNATURE, stored.signatures[number].encode()),
        (INTAKE, b"1"),
        (CORRELATION, stored.correlation_id.encode()),
    ]


async def _stop(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(5):
            await producer.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        log.info("producer_closed_badly", error=str(error))
