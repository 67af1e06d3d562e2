"""What the engine's loop does when partitions come and go beneath it, and when Kafka or the consumer fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from services.monitoring.engine import Engine, engine
from services.monitoring.engine.lane import Lane
from shared.platform.kafka import Kafka
from tests.monitoring_samples import at
from tests.platform.engine_stand import Stand, stand


@pytest.fixture
async def site(fresh_database: str, kafka: Kafka, make_topic: Callable[..., Awaitable[str]]) -> AsyncIterator[Stand]:
    async with stand(fresh_database, kafka, make_topic, partitions=2) as found:
        yield found


async def test_a_rebalance_while_usage_is_told_takes_nothing_down(site: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    at_work = site.engine()
    told: list[int] = []

    async def roll(lane: Lane, now: datetime) -> None:
        told.append(lane.partition)
        await at_work.on_partitions_revoked([TopicPartition(site.topic, lane.partition)])

    monkeypatch.setattr(at_work._judging, "roll", roll)
    at_work._lanes = {number: Lane(number, 1, 0, 0, None) for number in range(2)}
    await at_work._flush(at("2026-07-20 09:00"), drained=True)
    assert told == [0, 1]
    assert at_work.partitions == []


async def test_pauses_grow_while_kafka_takes_the_consumer_and_lets_no_round_be_done(
    site: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[float] = []
    pauses: list[float] = []
    stop = asyncio.Event()

    async def fails(self: Engine, consumer: Any) -> None:
        failures.append(0)
        raise KafkaError("planted")

    async def wait(stop: asyncio.Event, seconds: float) -> bool:
        pauses.append(seconds)
        if len(pauses) == 6:
            stop.set()
        return True

    monkeypatch.setattr(Engine, "_round", fails)
    monkeypatch.setattr(engine, "wait_for_any", wait)
    async with asyncio.timeout(60):
        await site.engine().run(stop)
    assert len(failures) == 6
    assert all(later > earlier for earlier, later in pairwise(pauses)), pauses


async def test_a_partition_at_its_limit_is_behind_until_another_consumer_is_given_it(site: Stand) -> None:
    """The limit is told as long as the partition is ours, and its lag with it."""
    at_work = site.engine()
    for _ in range(3):
        await site.producer.send_and_wait(site.topic, b"{}", b"any", partition=1)
    at_work._unplaced = {1}
    at_work._note_limit(1, "planted")
    assert await at_work._round(Silent()) is False
    assert "planted" in str(at_work.stopped())
    lag = at_work._measures._metrics.lag_records
    assert [sample.value for metric in lag.collect() for sample in metric.samples] == [3]
    at_work._unplaced = set()
    at_work._told_at = 0.0
    await at_work._round(Silent())
    assert not [sample for metric in lag.collect() for sample in metric.samples], "no figure of what is not ours"


async def test_the_limit_of_a_consumer_that_is_let_go_is_not_that_of_the_next(
    site: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = asyncio.Event()
    said: list[str | None] = []

    async def fails(self: Engine, consumer: Any) -> None:
        said.append(self.stopped())
        if len(said) == 2:
            stop.set()
            return
        self._note_limit(1, "planted")
        raise KafkaError("planted")

    monkeypatch.setattr(Engine, "_round", fails)
    async with asyncio.timeout(60):
        await site.engine().run(stop)
    assert said == [None, None]


class Silent:
    """A consumer that is given nothing."""

    async def getmany(self, **options: Any) -> dict[TopicPartition, list[Any]]:
        return {}
