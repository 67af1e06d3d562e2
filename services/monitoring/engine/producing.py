"""Brings reports taken over HTTP to Kafka: at once when they were stored, and again as long as the engine has not read them.

The requests of a pilot go out in the order in which they were stored, one after the other, so that none is read before what it corrects. No
lock between processes is needed for that: a request is marked when Kafka has all of it, and who sends a later one either finds the mark or sends
the earlier one first. What two of them sent counts once.

Another cluster has none of our records. Which one answers is asked before a request is sent, so that no later one comes to it before those
that were sent to the one before. What a client of Kafka sends on by itself, to a cluster that was wiped and came back within its timeout, is
not held back: the earlier ones follow it.
"""

from __future__ import annotations

import asyncio
import random
import time
from datetime import timedelta
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.monitoring.engine.reading import CORRELATION, INTAKE, SIGNATURE
from services.monitoring.store import producing
from services.monitoring.store.intake import Stored
from shared.contracts.errors import Transient
from shared.platform.cloudevents import key_of
from shared.platform.db import Database, Tx
from shared.platform.kafka import Kafka
from shared.platform.metrics import Metrics
from shared.platform.waiting import wait_for_any

log = structlog.get_logger(__name__)

_LEFT_OVER = timedelta(seconds=5)
"""A request that is this old and not produced lost its process, or Kafka was away."""
_KNOWN_SECONDS = 0.5
"""Which cluster answers is asked this often at most: none takes the place of another in less."""


class Producing:
    """One per process. A producer that failed is thrown away and made anew; what was sent twice counts once."""

    def __init__(self, db: Database, kafka: Kafka, topic: str, metrics: Metrics) -> None:
        self._db = db
        self._kafka = kafka
        self._topic = topic
        self._metrics = metrics
        metrics.know(metrics.cluster_changed, ["reports"])
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._cluster: str | None = None
        """The one that our producer is connected to."""
        self._known_at = 0.0
        self._asking: asyncio.Task[None] | None = None
        self._lanes: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def open(self) -> None:
        """Connects when it is first needed: a broker that is away delays work, not the start."""

    async def close(self) -> None:
        await self._discard(self._producer)

    async def produce(self, pilot_id: UUID, source: str, sequence: int) -> None:
        """Send the records of a stored request, unless they were sent, and before them those of the pilot's requests from before that were
        not. Raises ``Transient`` when Kafka does not take them."""
        async with self._db.tx() as tx:
            number = await producing.number_of(tx, pilot_id, source, sequence)
        if number is not None:
            await self._catch_up(pilot_id, number)

    async def run(self, stop: asyncio.Event) -> None:
        """Send what was left over."""
        while not stop.is_set():
            try:
                await self._know_cluster()
                async with self._db.tx() as tx:
                    left = await producing.unproduced(tx, _LEFT_OVER, 200)
                random.shuffle(left)  # processes that find the same pilots seldom meet at one
                for pilot_id, number in left:
                    await self._catch_up(pilot_id, number)
            except Transient as error:
                log.warning("reports_wait", error=str(error))
            await wait_for_any(stop, seconds=2.0)

    async def again(self, tx: Tx) -> int:
        """Have everything sent again that the engine has not read. Gives the number of requests."""
        return await producing.begin_round(tx)

    async def _catch_up(self, pilot_id: UUID, number: int) -> None:
        """Send the pilot's requests up to ``number``. One is held in memory at a time, however many an outage left."""
        async with self._lanes.setdefault(pilot_id, asyncio.Lock()):
            while True:
                await self._know_cluster()
                producer = await self._started()
                async with self._db.tx() as tx:
                    one = await producing.next_unproduced(tx, pilot_id, number)
                if one is None:
                    return
                if one.cluster_id != self._cluster or producer is not self._producer:
                    self._known_at = 0.0  # somebody was told of another cluster meanwhile
                    continue
                await self._send(producer, one.stored)
                async with self._db.tx() as tx:
                    await producing.mark_produced(tx, one)

    async def _send(self, producer: AIOKafkaProducer, stored: Stored) -> None:
        key = key_of(stored.pilot_id)
        try:
            answers: list[asyncio.Future[Any]] = []
            for number, record in enumerate(stored.records):
                if number + 1 == len(stored.records):
                    await asyncio.gather(*answers)  # a last part that was read says that the others were read before it
                answers.append(await producer.send(self._topic, record, key, headers=_headers(stored, number)))
            await asyncio.gather(*answers)
        except (KafkaError, OSError, TimeoutError) as error:
            await self._discard(producer)
            raise Transient(f"Kafka did not take a report: {type(error).__name__} {error}") from error

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                cluster = self._cluster
                producer = self._kafka.producer()
                try:
                    async with asyncio.timeout(10):
                        await producer.start()
                    if cluster != self._cluster:
                        raise Transient("another Kafka cluster answers")
                except (KafkaError, OSError, TimeoutError) as error:
                    await _stop(producer)
                    raise Transient(f"Kafka does not answer: {type(error).__name__} {error}") from error
                except BaseException:
                    await _stop(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _discard(self, producer: AIOKafkaProducer | None) -> None:
        """Let go of this producer; another may have taken its place."""
        if producer is self._producer:
            self._producer = None
        if producer is not None:
            await _stop(producer)

    async def _know_cluster(self) -> None:
        """Ask which cluster answers, once for all who wait, unless that was done just now. Raises ``Transient``."""
        if time.monotonic() - self._known_at < _KNOWN_SECONDS:
            return
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_cluster())
        await asyncio.shield(self._asking)

    async def _ask_cluster(self) -> None:
        """Another cluster has none of our records: what was not read is sent again, by a producer that was never connected to the old one."""
        asked_at = time.monotonic()
        cluster = await self._kafka.cluster_id()
        async with self._db.tx() as tx:
            changed = await producing.know_cluster(tx, cluster)
            again = await producing.count_produced(tx) if changed else 0
        if changed:
            self._metrics.cluster_changed.labels("reports").inc()
            log.error("kafka_cluster_changed", by="reports", now=cluster, requests=again)
        before, self._cluster = self._cluster, cluster
        self._known_at = asked_at
        if before != cluster:
            await self.close()


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
