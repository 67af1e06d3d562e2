"""The service decisions between real topics: facts out of order and more than once, a restart in between, a clock that falls due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.decisions import consumers, sweep
from services.decisions.handlers.desk import Desk
from shared.contracts.base import Event
from shared.contracts.events import BY_TYPE
from shared.contracts.topics import APPLICATIONS, MONITORING
from shared.platform.bus import Consumer
from shared.platform.cloudevents import decode
from shared.platform.ids import uuid7
from shared.platform.kafka import Kafka
from shared.platform.metrics import Metrics
from shared.platform.outbox import Outbox
from shared.platform.relay import Relay
from shared.platform.service import Task
from shared.platform.sweep import Sweep
from tests import decisions_kit as kit
from tests.decisions_kit import at, names
from tests.handlers.decisions_office import Office, opened
from tests.platform.garden import QUICK, eventually, read_topic, record_of


@dataclass
class Line:
    """The service on topics of its own."""

    office: Office
    kafka: Kafka
    producer: AIOKafkaProducer
    topics: dict[str, str]
    bootstrap: str

    def tasks(self) -> list[Task]:
        """What the worker and relay of one process run, made anew as at a start."""
        metrics = Metrics("decisions")
        outbox = Outbox(self.topics["decisions"], "haukiem/decisions")
        desk = Desk(kit.calendar(), outbox)
        heard = {self.topics[topic]: events for topic, events in consumers.handlers(desk).items()}
        consumer = Consumer(self.office.db, self.kafka, self.topics["decisions"], heard, metrics, policy=QUICK)
        return [
            consumer.run,
            Relay(self.office.db, self.kafka, outbox, metrics).run,
            Sweep(self.office.db, self.office.clock, sweep.fire(desk), metrics, kinds=sweep.KINDS).run,
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        working = [asyncio.ensure_future(task(stop)) for task in self.tasks()]
        try:
            yield
        finally:
            stop.set()
            await asyncio.wait_for(asyncio.gather(*working), 30)

    async def send(self, topic: str, event: Event, event_id: UUID | None = None) -> None:
        await self.producer.send_and_wait(self.topics[topic], **record_of(event, event_id=event_id))

    async def published(self, count: int) -> Sequence[Event]:
        records = await read_topic(self.bootstrap, self.topics["decisions"], count=count, within=60)
        received = [decode(record, BY_TYPE) for record in records]
        return [one.event for one in received if one is not None]

    async def items_are(self, pilot_id: UUID, *expected: str) -> None:
        async def holds() -> bool:
            rows = await self.office.rows("select kind from item where pilot_id = %s and state = 'open'", pilot_id)
            return sorted(row["kind"] for row in rows) == sorted(expected)

        await eventually(holds, within=60, what=f"open items {expected}")


@pytest.fixture
async def line(postgres_admin_dsn: str, kafka_bootstrap: str) -> AsyncIterator[Line]:
    unique = uuid4().hex[:10]
    topics = {name: f"{name}.{unique}" for name in (APPLICATIONS.name, MONITORING.name, "decisions")}
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    made = [name for topic in topics.values() for name in (topic, f"{topic}.dead")]
    await admin.create_topics([NewTopic(name, 2, 1) for name in made])
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap)
    await producer.start()
    kafka = Kafka(kafka_bootstrap, client_id="test")
    async with opened(postgres_admin_dsn) as office:
        yield Line(office, kafka, producer, topics, kafka_bootstrap)
    await producer.stop()
    await kafka.close()
    await admin.delete_topics(made)
    await admin.close()


async def test_facts_that_come_out_of_order_twice_and_around_a_restart_have_their_effect_once(line: Line) -> None:
    registered = kit.registered()
    pilot_id = registered.pilot_id
    opened_ = kit.finding_opened(pilot_id, at("2026-07-19 23:00"))
    taken = kit.measure_taken(opened_)
    line.office.now = at("2026-07-20 10:00")
    first = uuid7()
    async with line.running():
        # What monitoring says comes before the pilot is known: it is parked, in its order.
        await line.send(MONITORING.name, opened_, first)
        await line.send(MONITORING.name, taken)
        await line.send(MONITORING.name, opened_, first)

        async def parked() -> bool:
            return len(await line.office.rows("select 1 from set_aside where state = 'parked'")) >= 2

        await eventually(parked, within=60, what="two parked records")
    async with line.running():
        start = uuid7()
        await line.send(APPLICATIONS.name, registered)
        await line.send(APPLICATIONS.name, kit.started(pilot_id), start)
        await line.send(APPLICATIONS.name, kit.started(pilot_id), start)
        await line.items_are(pilot_id, "finding", "measure")
    async with line.running():
        line.office.now = at("2026-07-23 00:00")
        await line.items_are(pilot_id, "finding")
        told = await line.published(count=len(await line.office.told(pilot_id)))
    assert names(told) == names(await line.office.told(pilot_id)), "one key, one order"
    counted = {name: names(told).count(name) for name in set(names(told))}
    assert counted["MeasureLapsed"] == 1
    assert counted["ItemOpened"] == 3 and counted["ItemResolved"] == 2
    assert await line.office.rows("select 1 from set_aside where state in ('parked', 'poison', 'dead')") == []
    lapsed = next(event for event in told if type(event).__name__ == "MeasureLapsed")
    assert lapsed.at == at("2026-07-23 00:00"), "the due instant, however late the sweep came by"
