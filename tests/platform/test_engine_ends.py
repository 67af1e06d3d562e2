"""The end of a partition is reached although its last offset is of no record: a transaction's marker, or a tail that has expired."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from services.monitoring.engine import Engine
from shared.contracts.events.monitoring import FindingOpened
from shared.contracts.numbers import SCALE
from shared.platform.cloudevents import key_of
from shared.platform.kafka import Kafka
from tests.monitoring_samples import AUDIENCE, at
from tests.platform.conftest import eventually
from tests.platform.engine_stand import Stand, record, stand

DUE = at("2026-07-29 00:00")
"""Wednesday 00:00 after the week of 20 to 26 July."""
VISITORS: dict[str, Any] = {"metric": "audience_live", "at": at("2026-07-20 08:00"), "value": "7"}


@pytest.fixture
async def site(fresh_database: str, kafka: Kafka, make_topic: Callable[..., Awaitable[str]]) -> AsyncIterator[Stand]:
    async with stand(fresh_database, kafka, make_topic, partitions=1) as found:
        yield found


@pytest.fixture
async def startup(kafka_bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    """A startup that sends in transactions."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, transactional_id=f"startup-{uuid4().hex[:8]}")
    await producer.start()
    yield producer
    await producer.stop()


async def send(site: Stand, startup: AIOKafkaProducer, pilot: UUID) -> None:
    await startup.send_and_wait(site.topic, record(pilot, 1, VISITORS), key_of(pilot))


async def test_clocks_fire_behind_the_marker_of_a_commit(site: Stand, startup: AIOKafkaProducer) -> None:
    pilot = await site.pilot(AUDIENCE)
    async with site.running() as engine:
        async with startup.transaction():
            await send(site, startup, pilot)
        site.clock.time = DUE
        await eventually(lambda: site.quiet(engine), what="the clocks behind a commit")
    assert await site.total(pilot, "audience_live") == 7 * SCALE
    assert await site.read() == 2, "the record and its marker"


async def test_what_was_aborted_does_not_count_and_holds_no_clock(site: Stand, startup: AIOKafkaProducer) -> None:
    pilot = await site.pilot(AUDIENCE)
    async with site.running() as engine:
        await startup.begin_transaction()
        await send(site, startup, pilot)
        await startup.abort_transaction()
        site.clock.time = DUE
        await eventually(lambda: site.quiet(engine), what="the clocks behind an abort")
    assert await site.total(pilot, "audience_live") == 0
    assert [one.rule for one in await site.told(FindingOpened)] == ["silence"]


async def test_a_transaction_that_is_open_holds_the_clocks_until_it_is_told(
    site: Stand, startup: AIOKafkaProducer
) -> None:
    """It may hold a report that was received in time."""
    pilot = await site.pilot(AUDIENCE)
    async with site.running() as engine:
        await eventually(lambda: site.quiet(engine))
        await startup.begin_transaction()
        await send(site, startup, pilot)
        site.clock.time = DUE
        seen = engine.rounds
        await eventually(lambda: _turned(engine, seen + 5))
        assert not await site.told(FindingOpened)
        await startup.commit_transaction()
        await eventually(lambda: site.quiet(engine))
    assert await site.total(pilot, "audience_live") == 7 * SCALE


async def test_a_transaction_that_is_open_is_no_reason_to_restart_us(
    site: Stand, startup: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pilot = await site.pilot(AUDIENCE)
    async with site.running() as at_work:
        await eventually(lambda: site.quiet(at_work))
        monkeypatch.setattr("services.monitoring.engine.engine.STUCK_SECONDS", 1.0)
        await startup.begin_transaction()
        await send(site, startup, pilot)
        await eventually(lambda: _lag_seconds(at_work, 3.0), what="a lag that is measured for longer than that")
        assert at_work.alive() is None
        await startup.abort_transaction()


async def test_clocks_fire_behind_a_tail_that_has_expired(site: Stand, kafka_bootstrap: str) -> None:
    pilot = await site.pilot(AUDIENCE)
    await site.send(pilot, 1, VISITORS)
    await site.send(pilot, 2, VISITORS)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    await admin.delete_records({TopicPartition(site.topic, 0): RecordsToDelete(before_offset=2)})
    await admin.close()
    async with site.running() as engine:
        site.clock.time = DUE
        await eventually(lambda: site.quiet(engine), what="the clocks behind what has expired")
    assert await site.read() == 2
    assert [one.rule for one in await site.told(FindingOpened)] == ["silence"]


async def _turned(engine: Any, rounds: int) -> bool:
    return bool(engine.rounds >= rounds)


async def _lag_seconds(engine: Engine, least: float) -> bool:
    return any(
        sample.value >= least for metric in engine._measures._metrics.lag_seconds.collect() for sample in metric.samples
    )
