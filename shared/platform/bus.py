"""The consumer of domain events: FastStream brings the records, :mod:`shared.platform.outcomes` says what becomes of each.

FastStream's own ways are switched off where they would lose a record: it would acknowledge first (MANUAL instead), decode headers and
fail on broken ones before we see them (raw parser and decoder instead), and pass over what a handler failed on (nothing escapes
``_on_batch``). Where to read on stands in our database, in the transaction of each record; Kafka's own offsets are written after it
and only for people to look at.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import FAKE_CONSUMER

from shared.contracts.errors import Transient
from shared.platform import inbox
from shared.platform.cloudevents import RawRecord
from shared.platform.db import Database
from shared.platform.kafka import Kafka
from shared.platform.lag import Lag
from shared.platform.metrics import Metrics
from shared.platform.outcomes import AtLimit, Handler, Handlers, Outcome, Outcomes, Policy
from shared.platform.waiting import backoff, wait_for_any

__all__ = ["Consumer", "Handler", "Handlers", "Policy", "Progress"]

log = structlog.get_logger(__name__)

T = TypeVar("T")

STUCK_SECONDS = 30.0
"""A consumer that has records to read and whose position stands still this long is not alive."""
_AT_ONCE = 4
"""Partitions whose records are handled side by side: fewer than the pool has connections, which others need too."""
_HAND_BACK_SECONDS = 60.0
"""A record that cannot be settled for this long is read again later, well before Kafka's ``max.poll.interval`` (300 s)."""


@dataclass(frozen=True)
class Progress:
    """``consumed`` only rises, until Kafka is another cluster; ``lag``, ``parked`` and ``poison`` are zero when all is quiet."""

    consumed: int
    lag: int
    parked: int = 0
    poison: int = 0


class _Lost(Exception):
    """The partition is no longer ours, or we stop: leave what remains of the batch."""


class Consumer(ConsumerRebalanceListener):  # type: ignore[misc]
    """Hands the events of some topics to handlers, each in one transaction with the inbox and its position.

    ``group`` is the Kafka group and the name under which this consumer remembers; a service's processes share it and Kafka shares the
    partitions out. What a parked record waits for is taken to arrive on the other topics.
    """

    def __init__(
        self,
        db: Database,
        kafka: Kafka,
        group: str,
        handlers: Handlers,
        metrics: Metrics,
        *,
        poison_limit: int = 100,
        policy: Policy | None = None,
    ) -> None:
        self.name = group
        self.topics = tuple(handlers)
        self._db = db
        self._kafka = kafka
        self._metrics = metrics
        metrics.know(metrics.cluster_changed, [group])
        metrics.know(metrics.retries, [group], ["transient", "unexpected"])
        metrics.stopped.labels(group).set(0)
        self._awaits = {topic: [t for t in handlers if t != topic] or [topic] for topic in handlers}
        self._outcomes = Outcomes(
            db, group, handlers, metrics, policy or Policy(poison_limit=poison_limit), lambda: self._cluster
        )
        self._cluster = ""
        self._connected: bool | None = None
        """None while this process was not asked to consume."""
        self._next: dict[TopicPartition, int] = {}
        """The partitions that are ours and placed, each with the offset of its next record."""
        self._unplaced: set[TopicPartition] = set()
        self._busy: dict[TopicPartition, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._stop = asyncio.Event()
        self._attention = asyncio.Event()
        self._lag = Lag(group, metrics)
        self._waiting: set[TopicPartition] = set()
        self._at_limit: dict[TopicPartition, str] = {}
        """The partitions that stand still at the poison limit, each with the reason."""

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until ``stop`` is set, then finish the records in hand."""
        self._stop = stop
        pauses = backoff()
        while not stop.is_set():
            self._connected = False
            broker = self._broker()
            try:
                await broker.start()
                self._connected = True
                pauses = backoff()
                await self._keep_house()
            except (KafkaError, OSError, Transient) as error:
                log.warning("consumer_not_started", consumer=self.name, error=f"{type(error).__name__}: {error}")
                await wait_for_any(stop, seconds=next(pauses))
            finally:
                await broker.stop()
                self._next.clear()
                self._unplaced.clear()
                self._note_limit(list(self._at_limit), None)

    async def ready(self) -> None:
        """Raises ``Transient`` while it should consume and has no connection of its own: what others can reach, it may not."""
        if self._connected is False:
            raise Transient(f"the consumer {self.name} is not connected to Kafka at {self._kafka.bootstrap}")

    def alive(self) -> str | None:
        """None while it makes progress; else the reason why this process should be restarted. Waiting for the database is no reason, nor is
        the poison limit: see :meth:`stopped`."""
        return self._lag.stuck(STUCK_SECONDS, self._next.keys() - self._waiting - self._at_limit.keys())

    def stopped(self) -> str | None:
        """Why it stands still at the poison limit until a person mends that, or None. A restart would meet the same limit again."""
        return next(iter(self._at_limit.values()), None)

    async def progress(self) -> Progress:
        """How far all workers of this consumer have come together, asked of Kafka and the database now. Raises ``Transient``."""
        cluster = await self._kafka.cluster_id()
        ends = await self._kafka.end_offsets(self.topics)
        async with self._db.tx() as tx:
            known = await inbox.positions(tx, self.name, cluster)
            counts = await inbox.counts(tx, self.name)
        behind = {place: end - known.get(place, 0) for place, end in ends.items()}
        return Progress(
            consumed=sum(known.values()),
            lag=sum(max(0, lag) for lag in behind.values()),
            parked=sum(number for (_, state), (number, _) in counts.items() if state == "parked"),
            poison=sum(number for (_, state), (number, _) in counts.items() if state == "poison"),
        )

    def _broker(self) -> KafkaBroker:
        broker = KafkaBroker(
            self._kafka.bootstrap.split(","),  # FastStream takes one string for one server
            client_id=self._kafka.client_id,
            security=self._kafka.security.of_broker(),
            consumer_only=True,
            allow_auto_create_topics=False,
            apply_types=False,
            logger=None,
            graceful_timeout=15.0,
        )
        self._subscriber = broker.subscriber(
            *self.topics,
            batch=True,
            group_id=self.name,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            max_records=500,
            batch_timeout_ms=20,
            session_timeout_ms=10_000,
            heartbeat_interval_ms=3_000,
            listener=self,
            parser=_raw_parser,
            decoder=_raw_decoder,
        )
        self._subscriber(self._on_batch)
        return broker

    # --- which partitions are ours -------------------------------------------------------------------------------------------------

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called within a rebalance, before the first fetch: hold the new partitions back until their place is read from the database."""
        consumer = self._subscriber.consumer
        assert consumer is not None
        held = list(assigned)
        consumer.pause(*held)
        self._unplaced = set(held)
        self._next.clear()
        self._attention.set()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called before partitions go to others: let go of them after the record in hand, so that few records are done twice."""
        gone = list(revoked)
        self._note_limit(gone, None)
        for place in gone:
            self._next.pop(place, None)
            self._unplaced.discard(place)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                for place in gone:
                    async with self._busy[place]:
                        pass

    async def _place(self) -> None:
        """Seek the partitions that wait for it to where the database says, and let them flow."""
        if not self._unplaced:
            return
        consumer = self._subscriber.consumer
        assert consumer is not None
        self._cluster = await self._kafka.cluster_id()
        for place, (offset, dropped) in (await self._places(sorted(self._unplaced))).items():
            if dropped:
                log.error("position_dropped", consumer=self.name, topic=place.topic, partition=place.partition)
            if place not in self._unplaced or place not in consumer.assignment():
                continue  # another rebalance came meanwhile
            with contextlib.suppress(IllegalStateError):
                consumer.seek(place, offset)
                self._next[place] = offset
                self._lag.placed(place)
                self._unplaced.discard(place)
                consumer.resume(place)

    async def _places(self, wanted: Collection[TopicPartition]) -> dict[TopicPartition, tuple[int, bool]]:
        """Where the database says to read on, and whether an old position was dropped. One that another worker moves meanwhile is left out."""
        name, cluster = self.name, self._cluster
        async with self._db.tx() as tx:
            found = {one: await inbox.place(tx, name, cluster, one.topic, one.partition) for one in wanted}
        # Asked after the positions were read: whoever still moves them meanwhile cannot have them look as if past the end.
        ends = await self._kafka.end_offsets(self.topics)
        for one, (offset, _) in list(found.items()):
            if offset > ends[one.topic, one.partition]:
                async with self._db.tx() as tx:
                    restarted = await inbox.restart(tx, name, cluster, one.topic, one.partition, was=offset)
                found[one] = (0, True)
                if not restarted:
                    del found[one]  # still unplaced: the next turn looks again
        return found

    def _place_again(self, places: Iterable[TopicPartition]) -> None:
        consumer = self._subscriber.consumer
        for place in places:
            self._next.pop(place, None)
            if consumer is not None and place in consumer.assignment():
                consumer.pause(place)
                self._unplaced.add(place)
        self._attention.set()

    # --- records ---------------------------------------------------------------------------------------------------------------------

    async def _on_batch(self, records: tuple[Any, ...]) -> None:
        by_partition: dict[TopicPartition, list[Any]] = defaultdict(list)
        for record in records:
            by_partition[TopicPartition(record.topic, record.partition)].append(record)
        await asyncio.gather(*(self._partition(place, batch) for place, batch in by_partition.items()))
        await self._tell_kafka()

    async def _partition(self, place: TopicPartition, records: list[RawRecord]) -> None:
        async with self._slots, self._busy[place]:
            passed: RawRecord | None = None
            try:
                for record in records:
                    passed = await self._record(place, record)
                if passed is not None:
                    await self._pass_over(place, passed)
            except _Lost:
                return
            except Exception:
                # Nothing may escape to FastStream, which would go on with the next record.
                log.exception("consumer_failed", consumer=self.name, topic=place.topic, partition=place.partition)
                self._place_again([place])
                await wait_for_any(self._stop, seconds=1.0)

    async def _record(self, place: TopicPartition, record: RawRecord) -> RawRecord | None:
        """Settle one record. Gives it back when it was ignored: its position is then still to be moved."""
        due = self._next.get(place)
        if due is None or self._stop.is_set():
            raise _Lost
        if record.offset < due:
            # Offsets ran backwards without our seeking: the topic was made anew, or the broker lost its end.
            log.error("offsets_ran_backwards", consumer=self.name, topic=place.topic, expected=due, got=record.offset)
            self._place_again([place])
            raise _Lost
        outcome = await self._patiently(place, lambda: self._outcomes.settle(record))
        if outcome is Outcome.FENCED:
            self._place_again([place])
            raise _Lost
        self._step(place, record)
        return record if outcome is Outcome.IGNORED else None

    async def _pass_over(self, place: TopicPartition, record: RawRecord) -> None:
        if not await self._patiently(place, lambda: self._outcomes.pass_over(record)):
            self._place_again([place])

    def _step(self, place: TopicPartition, record: RawRecord) -> None:
        if place in self._next:
            self._next[place] = record.offset + 1
        self._lag.moved(place)

    async def _patiently(self, place: TopicPartition, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try until it is settled: what is transient is never passed over. Held too long, the partition is read again from its place."""
        give_up = time.monotonic() + _HAND_BACK_SECONDS
        pauses = backoff()
        try:
            while True:
                try:
                    result = await attempt()
                    if place in self._at_limit:
                        self._note_limit([place], None)
                    return result
                except Transient as error:
                    self._metrics.retries.labels(self.name, "transient").inc()
                    log.warning("record_waits", consumer=self.name, topic=place.topic, error=str(error))
                except AtLimit as error:
                    self._note_limit([place], f"the consumer {self.name} stopped: {error}")
                    log.error("consumer_stopped", consumer=self.name, reason=str(error))
                self._waiting.add(place)
                await wait_for_any(self._stop, seconds=next(pauses))
                if self._stop.is_set() or place not in self._next:
                    raise _Lost
                if time.monotonic() > give_up:
                    self._place_again([place])
                    raise _Lost
        finally:
            self._waiting.discard(place)

    def _note_limit(self, places: Iterable[TopicPartition], reason: str | None) -> None:
        for place in places:
            if reason is None:
                self._at_limit.pop(place, None)
            else:
                self._at_limit[place] = reason
        self._metrics.stopped.labels(self.name).set(bool(self._at_limit))

    async def _tell_kafka(self) -> None:
        """Write our positions to Kafka, for tools that show them. Reading on never rests on these."""
        consumer = self._subscriber.consumer
        offsets = {place: offset for place, offset in self._next.items() if offset}
        if consumer is None or not offsets:
            return
        try:
            await consumer.commit(offsets)
        except (KafkaError, ValueError) as error:
            log.debug("offsets_not_written", consumer=self.name, error=str(error))

    # --- housekeeping ----------------------------------------------------------------------------------------------------------------

    async def _keep_house(self) -> None:
        """Beside the records: place new partitions, try what is parked, measure, and watch for another cluster."""
        jobs: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (0.0, self._place),
            (self._outcomes.policy.drain_seconds, self._outcomes.drain_due),
            (2.0, self._measure),
            (10.0, self._watch_cluster),
            (60.0, lambda: self._outcomes.expire(self._caught_up, self._awaits)),
        ]
        due = dict.fromkeys(range(len(jobs)), 0.0)
        while not self._stop.is_set():
            self._attention.clear()
            for number, (every, job) in enumerate(jobs):
                if time.monotonic() < due[number]:
                    continue
                try:
                    await job()
                except (Transient, KafkaError) as error:
                    log.info("housekeeping_waits", consumer=self.name, error=str(error))
                due[number] = time.monotonic() + every
            await wait_for_any(self._stop, self._attention, seconds=0.2)

    async def _watch_cluster(self) -> None:
        cluster = await self._kafka.cluster_id()
        if self._cluster and cluster != self._cluster:
            self._metrics.cluster_changed.labels(self.name).inc()
            log.error("kafka_cluster_changed", consumer=self.name, was=self._cluster, now=cluster)
            self._place_again(list(self._next))

    async def _caught_up(self, topics: Collection[str]) -> bool:
        """Whether this consumer (all its workers together) has read ``topics`` to the ends that they have now."""
        cluster = await self._kafka.cluster_id()
        ends = await self._kafka.end_offsets(topics)
        async with self._db.tx() as tx:
            known = await inbox.positions(tx, self.name, cluster)
        return all(known.get(place, 0) >= end for place, end in ends.items())

    async def _measure(self) -> None:
        ends = await self._kafka.end_offsets(self.topics)
        ours = {place: ends[place.topic, place.partition] - offset for place, offset in self._next.items()}
        self._lag.measured({place: max(0, behind) for place, behind in ours.items()})
        async with self._db.tx() as tx:
            counts = await inbox.counts(tx, self.name)
        for topic in self.topics:
            parked, age = counts.get((topic, "parked"), (0, 0.0))
            self._metrics.parked.labels(self.name, topic).set(parked)
            self._metrics.parked_seconds.labels(self.name, topic).set(age)
            for state in ("poison", "dead"):
                self._metrics.dead.labels(self.name, topic, state).set(counts.get((topic, state), (0, 0.0))[0])


async def _raw_parser(records: tuple[Any, ...]) -> KafkaMessage:
    """FastStream's own parser decodes every header and fails a whole batch on one broken one; ours looks at nothing."""
    return KafkaMessage(raw_message=records, body=b"", consumer=FAKE_CONSUMER)


async def _raw_decoder(message: KafkaMessage) -> Any:
    return message.raw_message
