"""The relay: publishes what the outbox holds, in the order of its ids within each key, at least once.

It takes unsent rows by id and never those "greater than the last": ids do not commit in order. The rows of a round that go to one
partition travel as one batch, which Kafka takes or refuses as a whole; so a failure can send rows again but never one before another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from shared.contracts.base import Meta
from shared.contracts.errors import Transient
from shared.platform import cloudevents
from shared.platform.db import Database, Tx
from shared.platform.dead_copies import DeadCopies
from shared.platform.figures import Counted, Figure, Figures
from shared.platform.kafka import Kafka
from shared.platform.leader import lead
from shared.platform.metrics import Metrics
from shared.platform.outbox import Outbox
from shared.platform.republishing import PORTION, ahead, next_portion, republish
from shared.platform.waiting import backoff, wait_for_any

log = structlog.get_logger(__name__)

Row = Mapping[str, Any]

_FIGURES = (
    Figure("outbox_unsent_events", "Events stored and not yet published"),
    Figure("outbox_oldest_unsent_seconds", "Age of the oldest event not yet published"),
)
_UNSENT = """
select id, key, event_id, topic, type, source, time, correlation_id, causation_id, data, recorded_at
from outbox where sent_at is null and id <> all(%s)
    and id < coalesce((select next_id from republishing), 9223372036854775807) order by id limit %s
"""


class _Round:
    """Batches on their way to Kafka: for each, the rows in it and the answer that will come."""

    def __init__(self, batches: Sequence[tuple[list[int], Awaitable[Any]]]) -> None:
        self._batches = batches
        self.ids = [row_id for ids, _ in batches for row_id in ids]

    async def arrived(self) -> tuple[list[int], BaseException | None]:
        """Wait for all answers: the rows that Kafka took, and the first failure."""
        answers = await asyncio.gather(*(answer for _, answer in self._batches), return_exceptions=True)
        failures = [answer for answer in answers if isinstance(answer, BaseException)]
        taken = [
            row_id
            for (ids, _), answer in zip(self._batches, answers, strict=True)
            if not isinstance(answer, BaseException)
            for row_id in ids
        ]
        return taken, failures[0] if failures else None


class Relay:
    """Publishes unsent outbox rows. One relay per service is active; another takes over when it dies.

    A producer that failed is thrown away and built anew, whatever the failure (a fenced producer or a broken sequence never heals), and
    the rows are sent again. Another cluster id is said loudly: retained rows must then be published again, by ops or, with
    ``republish_on_new_cluster``, at once.
    """

    def __init__(
        self,
        db: Database,
        kafka: Kafka,
        outbox: Outbox,
        metrics: Metrics,
        *,
        republish_on_new_cluster: bool = False,
        poll_seconds: float = 0.03,
        batch: int = 1000,
        portion: int = PORTION,
        flush_seconds: float = 10.0,
        figures_seconds: float = 5.0,
    ) -> None:
        self._db = db
        self._kafka = kafka
        self._outbox = outbox
        self._metrics = metrics
        metrics.know(metrics.cluster_changed, ["relay"])
        self._republish = republish_on_new_cluster
        self._poll = poll_seconds
        self._batch = batch
        self._portion = portion
        self._flush = flush_seconds
        self._partition = DefaultPartitioner()
        self._figures = Figures("outbox", _FIGURES, self._count, metrics, seconds=figures_seconds)

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until ``stop`` is set, then what is still unsent, for some seconds at most."""
        counting = asyncio.create_task(self._figures.run(stop))
        try:
            await lead(self._db.dsn, "relay", lambda tx: self._lead(tx, stop), stop, active=self._metrics.relay_active)
        finally:
            counting.cancel()

    async def _lead(self, tx: Tx, stop: asyncio.Event) -> None:
        pauses = backoff()
        while True:
            try:
                await self._know_cluster(tx)
                producer = self._kafka.producer()
                await producer.start()
                copying = asyncio.create_task(self._copy_dead_letters(producer))
                try:
                    pauses = backoff()
                    await self._publish(tx, producer, stop)
                    return
                finally:
                    copying.cancel()
                    await _close(producer)
            except (KafkaError, OSError, TimeoutError, Transient) as error:
                self._metrics.outbox_failures.inc()
                log.warning("publishing_failed", error=f"{type(error).__name__}: {error}")
                if stop.is_set():
                    return
                await wait_for_any(stop, seconds=next(pauses))
                await tx.execute("select 1")  # raises when the lock was lost with its connection

    async def _publish(self, tx: Tx, producer: AIOKafkaProducer, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        look_at_cluster = loop.time() + 10
        give_up: float | None = None
        on_its_way = _Round([])
        while True:
            self._outbox.wake.clear()
            stopping = stop.is_set()  # asked before reading: what was committed before the stop is then seen
            # While Kafka answers one round the next is read; it leaves only when all of the one before has arrived.
            rows = await (await tx.execute(_UNSENT, (on_its_way.ids, self._batch))).fetchall()
            taken, failure = await on_its_way.arrived()
            try:
                if failure is not None:
                    raise failure
                on_its_way = await self._send(producer, rows)
            finally:
                await self._mark(tx, taken)
            more = bool(rows) or await next_portion(tx, self._portion)
            if stopping:
                give_up = give_up or loop.time() + self._flush
                if not more or loop.time() > give_up:
                    return
            elif not more:
                await wait_for_any(self._outbox.wake, stop, seconds=self._poll)
            if loop.time() > look_at_cluster:
                look_at_cluster = loop.time() + 10
                await self._know_cluster(tx)

    async def _send(self, producer: AIOKafkaProducer, rows: Sequence[Row]) -> _Round:
        """Set out one batch per partition."""
        return _Round(
            [
                (ids, await producer.send_batch(batch, topic, partition=partition))
                for (topic, partition), (batch, ids) in (await self._batches(producer, rows)).items()
            ]
        )

    async def _mark(self, tx: Tx, ids: list[int]) -> None:
        if ids:
            await tx.execute("update outbox set sent_at = clock_timestamp() where id = any(%s)", (ids,))
            self._metrics.outbox_sent.inc(len(ids))

    async def _batches(
        self, producer: AIOKafkaProducer, rows: Sequence[Row]
    ) -> dict[tuple[str, int], tuple[Any, list[int]]]:
        """The rows by partition. A row that no longer fits its partition's batch waits, with all after it, for the next round."""
        batches: dict[tuple[str, int], tuple[Any, list[int]]] = {}
        for row in rows:
            key = cloudevents.key_of(row["key"])
            partitions = sorted(await producer.partitions_for(row["topic"]))
            place = (row["topic"], self._partition(key, partitions, partitions))
            if place not in batches:
                batches[place] = (producer.create_batch(), [])
            batch, ids = batches[place]
            # A batch that once said "full" stays closed, so that no later and smaller row slips in before this one.
            if (
                batch.append(key=key, value=row["data"], timestamp=_milliseconds(row), headers=_headers(row))
                is not None
            ):
                ids.append(row["id"])
        return batches

    async def _copy_dead_letters(self, producer: AIOKafkaProducer) -> None:
        """Beside the events, never in their way: a dead-letter topic that is missing delays nobody."""
        copies = DeadCopies(self._db, producer)
        while True:
            try:
                pause = 0.0 if await copies.publish() else 1.0
            except Transient as error:
                log.warning("dead_letters_not_copied", error=f"{type(error).__name__}: {error}")
                pause = 15.0
            await asyncio.sleep(pause)

    async def _know_cluster(self, tx: Tx) -> None:
        cluster = await self._kafka.cluster_id()
        cursor = await tx.execute("select cluster_id from kafka_cluster where name = 'relay'")
        known = await cursor.fetchone()
        if known is not None and known["cluster_id"] == cluster:
            return
        if known is not None:
            self._metrics.cluster_changed.labels("relay").inc()
            log.error("kafka_cluster_changed", was=known["cluster_id"], now=cluster, republishing=self._republish)
        async with tx.transaction():
            if known is not None and self._republish:
                log.warning("republishing", rows=await republish(tx))
            await tx.execute(
                "insert into kafka_cluster (name, cluster_id) values ('relay', %s) "
                "on conflict (name) do update set cluster_id = excluded.cluster_id, seen_at = clock_timestamp()",
                (cluster,),
            )

    async def _count(self) -> Counted:
        async with self._db.tx() as tx:
            again = await ahead(tx)
            cursor = await tx.execute(
                "select count(*) as unsent, coalesce(extract(epoch from clock_timestamp() - min(recorded_at)), 0) as age "
                "from outbox where sent_at is null"
            )
            row = await cursor.fetchone()
        assert row is not None
        return {
            "outbox_unsent_events": {(): row["unsent"] + again},
            "outbox_oldest_unsent_seconds": {(): float(row["age"])},
        }


def _headers(row: Row) -> list[tuple[str, bytes]]:
    return cloudevents.encode(
        Meta(
            id=row["event_id"],
            type=row["type"],
            source=row["source"],
            time=row["time"],
            correlation_id=row["correlation_id"],
            causation_id=row["causation_id"],
        )
    )


def _milliseconds(row: Row) -> int:
    return int(row["recorded_at"].timestamp() * 1000)


async def _close(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(5):
            await producer.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        log.info("producer_closed_badly", error=str(error))
