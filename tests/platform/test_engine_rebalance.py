"""What the engine's loop does when partitions come and go beneath it, and when Kafka or the consumer fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.monitoring.engine import Engine, engine, measures
from services.monitoring.engine.lane import Lane
from shared.platform.kafka import Kafka
from tests.monitoring_samples import AUDIENCE, at
from tests.platform.conftest import eventually
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
    at_work._behind._told_at = 0.0
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


async def test_a_fetcher_that_brings_nothing_of_what_there_is_fails_liveness(
    site: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def nothing(self: AIOKafkaConsumer, **options: Any) -> dict[TopicPartition, list[Any]]:
        asked.set()
        await asyncio.sleep(0.03)
        return {}

    pilot = await site.pilot(AUDIENCE)
    async with site.running() as at_work:
        await eventually(lambda: site.quiet(at_work))
        monkeypatch.setattr(engine, "STUCK_SECONDS", 1.5)
        assert at_work.alive() is None
        monkeypatch.setattr(AIOKafkaConsumer, "getmany", nothing)
        await asyncio.wait_for(asked.wait(), 30)  # a call from before would still bring it
        await site.send(pilot, 1, {"metric": "audience_live", "at": at("2026-07-20 08:00"), "value": "1"})
        await eventually(lambda: stands_still(at_work), what="an engine that says that it stands still")
        monkeypatch.undo()
        await eventually(lambda: site.quiet(at_work))
        assert at_work.alive() is None


async def stands_still(at_work: Engine) -> bool:
    return "1 records to read and stands still" in str(at_work.alive())


async def test_each_partition_has_its_own_beat_while_it_is_ours(site: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """It beats from the moment at which it was given to us, and a rebalance that leaves it to us makes it no younger."""
    at_work = site.engine()
    at_work._current = Silent()
    hour = time.time()
    monkeypatch.setattr(measures, "time", SimpleNamespace(time=lambda: hour))
    await at_work.on_partitions_assigned([TopicPartition(site.topic, number) for number in (0, 1)])
    assert beats(at_work) == {"0": hour, "1": hour}
    monkeypatch.setattr(measures, "time", SimpleNamespace(time=lambda: hour + 60))
    at_work._measures.swept(1, at("2026-07-20 09:00"))
    await at_work.on_partitions_assigned([TopicPartition(site.topic, number) for number in (1, 2)])
    assert beats(at_work) == {"1": hour + 60, "2": hour + 60}
    at_work._measures.swept(0, at("2026-07-20 09:00"))
    monkeypatch.setattr(measures, "time", SimpleNamespace(time=lambda: hour + 120))
    await at_work.on_partitions_assigned([TopicPartition(site.topic, 1)])
    assert beats(at_work) == {"1": hour + 60}, "what was taken away while a barrier was passed is not ours to tell"


def beats(engine: Engine) -> dict[str, float]:
    """The wall time of the last beat by partition."""
    return {
        sample.labels["partition"]: sample.value
        for metric in engine._measures._beat.collect()
        for sample in metric.samples
    }


async def test_a_process_has_so_many_pilots_at_hand_however_many_partitions(
    site: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not yet written stays."""
    at_work = site.engine()
    monkeypatch.setattr(engine, "_CACHED", 3)
    at_work._lanes = {number: Lane(number, 1, 0, 0, None) for number in range(2)}
    pilot: Any = None
    for lane in at_work._lanes.values():
        lane.pilots = {uuid4(): pilot, uuid4(): pilot}

    async def flushed(*anything: Any) -> None: ...

    monkeypatch.setattr(engine, "flush", flushed)
    at_work._lanes[1].position = 1
    await at_work._flush(at("2026-07-20 09:00"), drained=False)
    assert [len(lane.pilots) for lane in at_work._lanes.values()] == [0, 2]


async def test_a_cold_start_writes_no_pilot_whose_facts_it_had_seen(site: Stand) -> None:
    pilot = await site.pilot(AUDIENCE)
    versions = []
    for sequence in (1, 2):
        async with site.running() as at_work:
            await site.send(pilot, sequence, {"metric": "audience_live", "at": at("2026-07-20 08:00"), "value": "1"})
            await eventually(lambda: site.quiet(at_work))
        async with site.db.tx() as tx:
            versions.append(await (await tx.execute("select xmin::text as version from pilot")).fetchone())
    assert versions[0] == versions[1]


class Silent:
    """A consumer that is given nothing."""

    def pause(self, *places: TopicPartition) -> None: ...

    async def getmany(self, **options: Any) -> dict[TopicPartition, list[Any]]:
        return {}
