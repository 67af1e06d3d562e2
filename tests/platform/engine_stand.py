"""An engine on real servers for tests: its own database and topics, facts written as the consumer would, records sent as startups would."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from aiokafka import AIOKafkaProducer

from services.monitoring.core.facts import Fact, take
from services.monitoring.engine import Engine
from services.monitoring.engine.measures import Measures
from services.monitoring.handlers.desk import Desk
from services.monitoring.handlers.facts import partition_of
from services.monitoring.store import books, intake, pilots, positions
from services.monitoring.store.intake import Stored
from shared.contracts.base import Event
from shared.contracts.events import BY_TYPE
from shared.contracts.events.metrics import MetricsReported
from shared.contracts.pilot import Cap
from shared.platform import inbox
from shared.platform.cloudevents import key_of
from shared.platform.db import Database
from shared.platform.kafka import Kafka
from shared.platform.metrics import Metrics
from shared.platform.migrate import migrate
from shared.platform.outbox import Outbox
from tests.monitoring_samples import CALENDAR, at, envelope, ref, registered, started

MIGRATIONS = Path(__file__).parents[2] / "services" / "monitoring" / "migrations"
FACTS_CONSUMER = "facts"


def record(pilot_id: UUID, sequence: int, *samples: dict[str, Any], **more: Any) -> bytes:
    """The value of a record."""
    sent = MetricsReported.model_validate({"pilot_id": pilot_id, "sequence": sequence, "samples": samples, **more})
    return sent.model_dump_json(exclude_defaults=True).encode()


class HandClock:
    """A clock that the test sets: the sandbox clock, or with ``is_sandbox`` False one that Kafka's stamps are taken to agree with."""

    def __init__(self, now: datetime, *, is_sandbox: bool = True) -> None:
        self.time = now
        self.is_sandbox = is_sandbox

    def now(self) -> datetime:
        return self.time.astimezone(UTC)


class Stand:
    """One monitoring database and one metrics topic, with as many engines as the test asks for."""

    def __init__(
        self, db: Database, kafka: Kafka, producer: AIOKafkaProducer, topic: str, facts_topic: str, partitions: int
    ) -> None:
        self.db = db
        self.kafka = kafka
        self.producer = producer
        self.topic = topic
        self.facts_topic = facts_topic
        self.clock = HandClock(at("2026-07-20 09:00"))
        self.outbox = Outbox("haukiem.monitoring.v1", "haukiem/monitoring")
        self.desk = Desk(self.outbox, CALENDAR, partitions)
        self.group = f"engine-{uuid4().hex[:8]}"

    def engine(self, *, unsigned: bool = True, **options: Any) -> Engine:
        return Engine(
            self.db,
            self.kafka,
            self.clock,
            self.outbox,
            CALENDAR,
            Measures(Metrics("monitoring")),
            topic=self.topic,
            facts_topic=self.facts_topic,
            facts_consumer=FACTS_CONSUMER,
            group=self.group,
            unsigned=unsigned,
            **options,
        )

    @asynccontextmanager
    async def running(self, engine: Engine | None = None) -> AsyncIterator[Engine]:
        """An engine at work until the block ends; it must not have failed."""
        engine = engine or self.engine()
        stop = asyncio.Event()
        task = asyncio.create_task(engine.run(stop))
        try:
            yield engine
        finally:
            stop.set()
            async with asyncio.timeout(20):
                await task

    async def tell(self, *events: Fact) -> None:
        """Facts, as the consumer of the applications topic writes them."""
        for event in events:
            async with self.db.tx() as tx:
                after = take(await pilots.facts_locked(tx, event.pilot_id), event, ref(event))
                await pilots.save_facts(tx, after, partition_of(self.desk, key_of(event.pilot_id)))

    async def pilot(self, *caps: Cap, begin: bool = True, **options: Any) -> UUID:
        pilot_id = uuid4()
        await self.tell(registered(pilot_id, envelope(*caps, **options)))
        if begin:
            await self.begin(pilot_id)
        return pilot_id

    async def begin(self, *pilots: UUID) -> None:
        await self.tell(*(started(pilot) for pilot in pilots))

    async def send(
        self,
        pilot_id: UUID,
        sequence: int,
        *samples: dict[str, Any],
        headers: list[tuple[str, bytes]] | None = None,
        partition: int | None = None,
        stamp: datetime | None = None,
        **more: Any,
    ) -> bytes:
        """``stamp`` is what the producer says of the time."""
        value = record(pilot_id, sequence, *samples, **more)
        await self.producer.send_and_wait(
            *(self.topic, value, key_of(pilot_id)),
            partition=partition,
            headers=headers or [],
            timestamp_ms=None if stamp is None else int(stamp.timestamp() * 1000),
        )
        return value

    async def take(self, pilot_id: UUID, sequence: int, taken: datetime, *records: bytes) -> None:
        """A request, as ingest stores it."""
        async with self.db.tx() as tx:
            await intake.add(tx, Stored(pilot_id, "main", sequence, "c", [""] * len(records), records), taken)

    async def raw(self, pilot_id: UUID, value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        await self.producer.send_and_wait(self.topic, value, key_of(pilot_id), headers=list(headers))

    # What became of it

    async def told(self, *kinds: type[Event]) -> list[Any]:
        """The events stored for publishing, of these kinds, in their order."""
        async with self.db.tx() as tx:
            cursor = await tx.execute("select type, data from outbox order by id")
            rows = await cursor.fetchall()
        events = [BY_TYPE[row["type"]].model_validate_json(bytes(row["data"])) for row in rows]
        return [event for event in events if not kinds or isinstance(event, kinds)]

    async def rollup(self, pilot_id: UUID, metric: str) -> int:
        """The sum of a metric's days, scaled."""
        async with self.db.tx() as tx:
            row = await (
                await tx.execute(
                    "select coalesce(sum(value), 0)::text as value from rollup where pilot_id = %s and metric = %s",
                    (pilot_id, metric),
                )
            ).fetchone()
        assert row is not None
        return int(row["value"])

    async def total(self, pilot_id: UUID, metric: str) -> int:
        async with self.db.tx() as tx:
            found = await books.load(tx, [pilot_id])
        book = found.get(pilot_id)
        return 0 if book is None or metric not in book.sums else book.sums[metric].total

    async def read(self) -> int:
        """How many records have been read durably, over all partitions."""
        async with self.db.tx() as tx:
            known = await positions.offsets(tx, await self.kafka.cluster_id())
        return sum(known.values())

    async def count(self, table: str) -> int:
        async with self.db.tx() as tx:
            row = await (await tx.execute(f"select count(*) as n from {table}")).fetchone()
        assert row is not None
        return int(row["n"])

    async def dead(self) -> list[str]:
        async with self.db.tx() as tx:
            cursor = await tx.execute("select reason from set_aside where state = 'dead' order by id")
            return [row["reason"] for row in await cursor.fetchall()]

    async def quiet(self, engine: Engine) -> bool:
        """Everything read, judged and written, and every clock fired until now."""
        progress = await engine.standing.progress()
        swept = await engine.standing.swept_until()
        return progress.lag == 0 and progress.parked == 0 and swept is not None and swept >= self.clock.now()

    async def facts_read(self, upto: dict[int, int] | None = None) -> None:
        """Say that the facts' consumer has read the facts topic to its end."""
        cluster = await self.kafka.cluster_id()
        ends = await self.kafka.end_offsets([self.facts_topic])
        async with self.db.tx() as tx:
            for (topic, number), end in ends.items():
                await inbox.place(tx, FACTS_CONSUMER, cluster, topic, number)
                await tx.execute(
                    "update bus_position set next_offset = %s where consumer = %s and topic = %s and partition = %s",
                    (end if upto is None else upto.get(number, 0), FACTS_CONSUMER, topic, number),
                )


@asynccontextmanager
async def stand(
    dsn: str, kafka: Kafka, make_topic: Callable[..., Awaitable[str]], *, partitions: int = 4, **configs: str
) -> AsyncIterator[Stand]:
    """A migrated database, a metrics topic, a facts topic that has been read to its end."""
    await asyncio.to_thread(migrate, dsn, MIGRATIONS)
    db = Database(dsn, pool=6)
    await db.open()
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, enable_idempotence=True)
    await producer.start()
    try:
        topic = await make_topic(partitions, **configs)
        found = Stand(db, kafka, producer, topic, await make_topic(2), partitions)
        await found.facts_read()
        yield found
    finally:
        await producer.stop()
        with contextlib.suppress(psycopg.Error):
            await db.close()
